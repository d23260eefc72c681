"""One view beside the volume it was taken from: its truth, and every figure measured on it."""
