"""Trilinear interpolation: one meaning, and the ways to it that each machine is fast at."""
