"""Views of volumes: what may be changed, by how much, and the code that changes it.

A `policy` is a list of transforms with ranges in physical units; `contract` says what a transform
preserves; `views` draws parameters (pure) and renders them (batched, on the device).
"""
