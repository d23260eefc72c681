"""Self-supervised training: which patients stand in a batch, the loop, checkpoints, events."""
