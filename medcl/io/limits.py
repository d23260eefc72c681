"""What a single file or series may ask for, before anything is allocated."""

MAX_FILE_BYTES = 4 * 2**30
"""Largest file opened, bytes."""

MAX_INFLATED_BYTES = 512 * 2**20
"""Largest deflated DICOM data set once inflated, bytes."""

MAX_PLANE_PIXELS = 2**26
"""Largest slice, rows x columns (8192 x 8192)."""

MAX_VOXELS = 2**31
"""Largest volume, voxels (2048 x 2048 x 512)."""

MAX_SLICES = 20_000
"""Most slices of one series."""

MAX_PARTS = 2000
"""Most 3D volumes of one 4D file (a long fMRI run has 1200)."""
