"""Which view is made: its place, its pose and its numbers, as a function of its address."""
