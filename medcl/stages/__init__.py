"""One file per command: read settings, build, run, record."""
