"""What a frozen encoder still tells of a volume that was changed by a known amount."""
