"""What few labels can give: subsets, the grid of adaptations, scores, curves, a verdict."""
