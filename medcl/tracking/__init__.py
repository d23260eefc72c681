"""MLflow, and nothing else of medcl knows it: training runs, curves, summaries."""
