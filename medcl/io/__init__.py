"""One file or series ↔ one volume, or a refusal with a reason code."""
