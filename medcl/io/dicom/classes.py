"""Which kinds of DICOM object hold several frames with a place each."""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
ENHANCED_CLASSES = {
    **dict.fromkeys((_STORAGE + "2.1", _STORAGE + "2.2"), "CT"),
    **dict.fromkeys((_STORAGE + "4.1", _STORAGE + "4.4"), "MR"),
    **dict.fromkeys((_STORAGE + "130", _STORAGE + "128.1"), "PT"),
}
"""SOP Class UID of Enhanced and Legacy Converted Enhanced objects → modality."""
