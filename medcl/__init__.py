"""From raw hospital scans to label-efficiency curves."""

__version__ = "0.1.0"
