"""Encoders: MONAI networks behind one interface, their heads, their decoder, their delivery."""
