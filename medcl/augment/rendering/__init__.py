"""How a drawn view is made: one sampling, then the values, compiled or not."""
