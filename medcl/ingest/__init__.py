"""Archive folders → volumes and refusals, every file accounted for, no PHI past this room."""
