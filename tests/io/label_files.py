"""Writes DICOM segmentations (with highdicom) and structure sets (element by element)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ORGANS = (("liver", "10200004"), ("spleen", "78961009"), ("kidney", "64033007"))


def item(**elements: object) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def write_segmentation(
    path: Path,
    slices: Sequence[Path],
    masks: np.ndarray,
    *,
    kind: str = "BINARY",
    organs: Sequence[tuple[str, str]] = ORGANS,
    omit_empty: bool = True,
) -> Path:
    """Write masks ``(segments, X, Y, Z)`` or, for LABELMAP, segment numbers ``(X, Y, Z)``."""
    sources = [pydicom.dcmread(one) for one in slices]
    pixels = np.moveaxis(masks, (-1, -2, -3), (0, 1, 2))
    number = int(masks.max()) if kind == "LABELMAP" else len(masks)
    made = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ascontiguousarray(pixels),
        segmentation_type=kind,
        segment_descriptions=[_description(place, *organs[place - 1]) for place in _upto(number)],
        series_instance_uid="1.2.3.77",
        series_number=9,
        sop_instance_uid="1.2.3.77.1",
        instance_number=1,
        manufacturer="medcl",
        manufacturer_model_name="tests",
        software_versions="1",
        device_serial_number="1",
        omit_empty_frames=omit_empty,
    )
    made.save_as(path)
    return path


def _upto(number: int) -> range:
    return range(1, number + 1)


def _description(number: int, label: str, value: str) -> highdicom.seg.SegmentDescription:
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=CodedConcept("123037004", "SCT", "Anatomical Structure"),
        segmented_property_type=CodedConcept(value, "SCT", label.title()),
        algorithm_type="MANUAL",
    )


def changed(path: Path, **elements: object) -> Path:
    """Write a file anew with other elements; ``None`` removes one."""
    dataset = pydicom.dcmread(path)
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def write_structure_set(
    path: Path,
    structures: Mapping[str, Sequence[np.ndarray]],
    *,
    series_uid: str = "1.2.3.4",
    frame_uid: str = "1.2.3.4.0",
    kind: str = "CLOSED_PLANAR",
) -> Path:
    """Write contours, points ``(P, 3)`` in RAS+ mm; structures are numbered from 1."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID = "1.2.3.88.1"
    header.Modality, header.StructureSetLabel = "RTSTRUCT", "tests"
    header.SeriesInstanceUID, header.StudyInstanceUID, header.PatientID = "1.2.3.88", "1.2.3", "P1"
    series = item(SeriesInstanceUID=series_uid)
    study = item(ReferencedSOPInstanceUID="1.2.3", RTReferencedSeriesSequence=[series])
    header.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=frame_uid, RTReferencedStudySequence=[study])
    ]
    header.StructureSetROISequence = [
        item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=frame_uid)
        for number, name in enumerate(structures, start=1)
    ]
    header.ROIContourSequence = [
        item(ReferencedROINumber=number, ContourSequence=[_contour(one, kind) for one in contours])
        for number, contours in enumerate(structures.values(), start=1)
    ]
    pydicom.dcmwrite(path, header, enforce_file_format=True)
    return path


def _contour(points: np.ndarray, kind: str) -> Dataset:
    in_lps = np.asarray(points, dtype=float) * (-1, -1, 1)
    return item(
        ContourGeometricType=kind,
        NumberOfContourPoints=len(points),
        ContourData=[f"{number:.6f}"[:16] for number in in_lps.ravel()],
    )
