"""Which DICOM objects hold labels, by *SOP Class UID*.

References:
    DICOM PS3.4, B.5 (standard storage SOP classes).
"""

SEGMENTATION_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""

STRUCTURE_SET_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.481.3"})
"""RT Structure Set Storage."""

LABEL_CLASSES = SEGMENTATION_CLASSES | STRUCTURE_SET_CLASSES
"""All that `medcl labels add` reads."""
