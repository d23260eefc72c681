"""Objectives: one loss, one file, one paper. They see embeddings and masks, never metadata."""
