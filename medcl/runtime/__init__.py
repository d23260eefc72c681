"""What a run stands on: seeds, files that survive a crash, devices."""
