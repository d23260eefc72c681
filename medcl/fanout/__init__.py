"""Where tasks run: here, in worker processes of this machine, or on a cluster."""
