"""The changes a view may show, each with its contract, and those that are there to be refused."""
