"""Whole flows: the only code that is not in the package."""
