"""How good predictions, masks and features are."""
