"""DICOM images: one file, its header and pixels, and the series they make."""
