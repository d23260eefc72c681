"""DICOM segmentations and contours as label maps on the grid of their series."""
