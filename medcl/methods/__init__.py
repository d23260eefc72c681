"""Methods: pairing, encoder and objective put together into one training step."""
