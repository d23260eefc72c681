"""Tags and types of the elements that ingest reads of every image, by keyword.

pydicom knows them too, but takes a third of a second to load, and plain files need it never.

References:
    DICOM PS3.6.
"""

from collections.abc import Mapping

TAGS = {
    "MediaStorageSOPClassUID": 0x00020002,
    "TransferSyntaxUID": 0x00020010,
    "SpecificCharacterSet": 0x00080005,
    "ImageType": 0x00080008,
    "SOPClassUID": 0x00080016,
    "SOPInstanceUID": 0x00080018,
    "AcquisitionTime": 0x00080032,
    "ContentTime": 0x00080033,
    "Modality": 0x00080060,
    "Manufacturer": 0x00080070,
    "StudyDescription": 0x00081030,
    "SeriesDescription": 0x0008103E,
    "PatientID": 0x00100020,
    "IssuerOfPatientID": 0x00100021,
    "PatientSex": 0x00100040,
    "PatientAge": 0x00101010,
    "ContrastBolusAgent": 0x00180010,
    "BodyPartExamined": 0x00180015,
    "ScanningSequence": 0x00180020,
    "MRAcquisitionType": 0x00180023,
    "Radiopharmaceutical": 0x00180031,
    "SliceThickness": 0x00180050,
    "KVP": 0x00180060,
    "RepetitionTime": 0x00180080,
    "EchoTime": 0x00180081,
    "InversionTime": 0x00180082,
    "EchoNumbers": 0x00180086,
    "MagneticFieldStrength": 0x00180087,
    "ProtocolName": 0x00181030,
    "TriggerTime": 0x00181060,
    "ConvolutionKernel": 0x00181210,
    "FlipAngle": 0x00181314,
    "PatientPosition": 0x00185100,
    "DiffusionBValue": 0x00189087,
    "DiffusionGradientOrientation": 0x00189089,
    "StudyInstanceUID": 0x0020000D,
    "SeriesInstanceUID": 0x0020000E,
    "AcquisitionNumber": 0x00200012,
    "ImagePositionPatient": 0x00200032,
    "ImageOrientationPatient": 0x00200037,
    "FrameOfReferenceUID": 0x00200052,
    "TemporalPositionIdentifier": 0x00200100,
    "StackID": 0x00209056,
    "TemporalPositionIndex": 0x00209128,
    "NominalCardiacTriggerDelayTime": 0x00209153,
    "SamplesPerPixel": 0x00280002,
    "PhotometricInterpretation": 0x00280004,
    "NumberOfFrames": 0x00280008,
    "Rows": 0x00280010,
    "Columns": 0x00280011,
    "PixelSpacing": 0x00280030,
    "BitsAllocated": 0x00280100,
    "BitsStored": 0x00280101,
    "HighBit": 0x00280102,
    "PixelRepresentation": 0x00280103,
    "PixelPaddingValue": 0x00280120,
    "PixelPaddingRangeLimit": 0x00280121,
    "BurnedInAnnotation": 0x00280301,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "RescaleType": 0x00281054,
    "LossyImageCompression": 0x00282110,
    "RadiopharmaceuticalInformationSequence": 0x00540016,
    "Units": 0x00541001,
}

_TYPES = {
    b"AS": ("PatientAge",),
    b"CS": (
        *("SpecificCharacterSet", "ImageType", "Modality", "PatientSex", "BodyPartExamined"),
        *("ScanningSequence", "MRAcquisitionType", "PatientPosition", "Units"),
        *("PhotometricInterpretation", "BurnedInAnnotation", "LossyImageCompression"),
    ),
    b"DS": (
        *("SliceThickness", "KVP", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle"),
        *("MagneticFieldStrength", "TriggerTime", "ImagePositionPatient", "PixelSpacing"),
        *("ImageOrientationPatient", "RescaleIntercept", "RescaleSlope"),
    ),
    b"FD": (
        *("DiffusionBValue", "DiffusionGradientOrientation", "NominalCardiacTriggerDelayTime"),
    ),
    b"IS": ("EchoNumbers", "AcquisitionNumber", "TemporalPositionIdentifier", "NumberOfFrames"),
    b"LO": (
        *("Manufacturer", "StudyDescription", "SeriesDescription", "PatientID", "RescaleType"),
        *("IssuerOfPatientID", "ContrastBolusAgent", "Radiopharmaceutical", "ProtocolName"),
    ),
    b"SH": ("ConvolutionKernel", "StackID"),
    b"TM": ("AcquisitionTime", "ContentTime"),
    b"UI": (
        *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
        *("FrameOfReferenceUID", "MediaStorageSOPClassUID", "TransferSyntaxUID"),
    ),
    b"UL": ("TemporalPositionIndex",),
    b"US": (
        *("SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
        "PixelRepresentation",
    ),
}
_TYPE_OF = {TAGS[keyword]: vr for vr, keywords in _TYPES.items() for keyword in keywords}
_AS_PIXELS = {TAGS["PixelPaddingValue"], TAGS["PixelPaddingRangeLimit"]}
_PIXELS = 0x7FE00010

SEQUENCES = frozenset(
    {
        *(0x00080051, 0x00080082, 0x00080096, 0x00081032, 0x00081052, 0x00081062, 0x00081072),
        *(0x00081084, 0x00081110, 0x00081111, 0x00081115, 0x00081120, 0x00081140, 0x00081198),
        *(0x00081199, 0x00081250, 0x00082112, 0x00082218, 0x00082228, 0x00089092, 0x00089121),
        *(0x00089215, 0x00100050, 0x00101002, 0x00120064, 0x00180012, 0x00180014, 0x00180026),
        *(0x00189346, 0x00283000, 0x00283010, 0x00321064, 0x00400260, 0x00400275, 0x00400555),
        *(0x0040A043, 0x0040A168, 0x0040A730, 0x00540016, 0x00540300, 0x00540304, 0x00540410),
        *(0x00540412, 0x00540414, 0x00880200, 0x04000550, 0x04000561),
    }
)
"""Sequences that stand in the headers of CT, MR and PET slices."""


def implicit_type(tag: int, before: Mapping[int, str], *, has_length: bool) -> bytes:
    """Return the type of an element that does not say it.

    Args:
        tag: Of the element.
        before: Elements that stand before it, as text; they say whether pixels are signed.
        has_length: Whether it says how long it is.

    Returns:
        Its type; empty where that is not known here.

    References:
        DICOM PS3.5, A.1 (implicit VR), 7.8.1 (private creators).

    Example:
        >>> implicit_type(0x00280010, {}, has_length=True)
        b'US'
        >>> implicit_type(TAGS["PixelPaddingValue"], {0x00280103: "1"}, has_length=True)
        b'SS'
    """
    if tag in _TYPE_OF:
        return _TYPE_OF[tag]
    if tag in _AS_PIXELS:
        signed = before.get(TAGS["PixelRepresentation"], "")
        return {"0": b"US", "1": b"SS"}.get(signed, b"")
    if tag == _PIXELS:
        return b"OW"
    group, element = tag >> 16, tag & 0xFFFF
    if group % 2 and 0x10 <= element <= 0xFF:
        return b"LO"
    # Of private elements only sequences go without a length.
    return b"SQ" if tag in SEQUENCES or (group % 2 and not has_length) else b""
