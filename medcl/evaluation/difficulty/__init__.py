"""How hard the pairs of a policy are to match."""
