"""What DICOM segmentations and structure sets share: segments with names, and a grid to paint.

References:
    DICOM PS3.3, C.8.20 (segmentation), C.8.8.5 and C.8.8.6 (structure set, ROI contour).
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medcl.errors import InputError
from medcl.io.dicom_file import read_whole, refusing
from medcl.io.dicom_values import number, text
from medcl.io.kinds import file_kind
from medcl.io.limits import MAX_FILE_BYTES, MAX_VOXELS
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.shapes import LabelMap

MAX_ITEMS = 2_000_000
"""Most sequence items of one object; each becomes about a thousand bytes of Python objects."""

_LARGEST_CLASS = 2**31 - 1
_CHUNK_BYTES = 2**22
_PREAMBLE_BYTES = 132
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class Segment:
    """One structure that an object describes.

    The name is in the words of a hospital and may name a person: it serves to be matched against
    names that the user gives, and is never printed, stored or logged.

    Attributes:
        number: *Segment Number* or *ROI Number*.
        name: *Segment Label* or *ROI Name*, empty if absent.
        code: Coded type of the structure as ``SCHEME:VALUE``, empty if absent.
        num_ignored: Contours that enclose nothing (points, open lines) and are left out of label
            maps; 0 in a segmentation.
    """

    number: int
    name: str
    code: str = ""
    num_ignored: int = 0


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class ReferencedSegments:
    """What an object describes, and in which images. It holds identifiers: it is never printed.

    Attributes:
        series_uids: *Series Instance UID* of each series referred to, each once.
        frame_of_reference: *Frame of Reference UID*; empty if absent, or if the structures of a set
            disagree.
        segments: In the order of the object.
    """

    series_uids: tuple[str, ...]
    frame_of_reference: str
    segments: tuple[Segment, ...]


class LabelGrid:
    """A label map that is painted plane by plane."""

    def __init__(self, shape: tuple[int, int, int], classes: Collection[int]) -> None:
        """Begin with background everywhere.

        Args:
            shape: Voxels along each axis.
            classes: Every class that will be painted.

        Raises:
            InputError: The grid is empty or too large, or a class is no whole number from 0 up
                that 32 bits hold.
        """
        if min(shape) < 1 or np.prod(shape, dtype=float) > MAX_VOXELS:
            raise InputError(f"A label map must hold 1 to {MAX_VOXELS} voxels; {shape} does not.")
        if not all(0 <= label <= _LARGEST_CLASS for label in classes):
            raise InputError(f"Classes must be whole numbers from 0 to {_LARGEST_CLASS}.")
        highest = max(classes, default=0)
        self.dtype = np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.int32
        self._labels = np.zeros(shape, self.dtype)
        self._has_clash: np.ndarray | None = None
        self._num_outside = 0

    def paint(self, drawn: np.ndarray, *, axis: int, plane: int, corner: tuple[int, int]) -> None:
        """Paint classes onto a part of one plane; where it holds 0 nothing changes.

        Args:
            drawn: Classes, two axes in the order in which the grid has them.
            axis: Voxel axis across the plane.
            plane: Index along that axis; may lie outside of the grid.
            corner: Index of ``drawn[0, 0]`` along the two other axes; may lie outside of the grid.
        """
        planes = np.moveaxis(self._labels, axis, 0)
        cut = [
            slice(max(0, -start), max(0, min(size, room - start)))
            for start, size, room in zip(corner, drawn.shape, planes.shape[1:], strict=True)
        ]
        inside = drawn[cut[0], cut[1]] if 0 <= plane < len(planes) else drawn[:0]
        self._num_outside += int(np.count_nonzero(drawn) - np.count_nonzero(inside))
        if not inside.any():
            return
        place = tuple(
            slice(start + part.start, start + part.stop)
            for start, part in zip(corner, cut, strict=True)
        )
        target = planes[plane][place]
        clash = (inside != 0) & (target != 0) & (inside != target)
        if clash.any():
            self._note(clash, axis, plane, place)
        np.copyto(target, inside, where=inside != 0)

    def finished(self) -> LabelMap:
        """Return the label map, shape ``(X, Y, Z)``, uint8, uint16 or int32.

        Raises:
            InputError: Something was painted outside of the grid, or two classes on one voxel.
        """
        if self._num_outside:
            raise InputError(
                f"Segments must lie inside the image; {self._num_outside} labelled voxels lie "
                f"outside of its {self._labels.shape} voxels."
            )
        if self._has_clash is not None:
            raise InputError(
                "Segments of different classes must not overlap; "
                f"{np.count_nonzero(self._has_clash)} voxels belong to several. Leave one of the "
                "segments out, or give both one class."
            )
        return self._labels

    def _note(self, clash: np.ndarray, axis: int, plane: int, place: tuple[slice, ...]) -> None:
        if self._has_clash is None:
            self._has_clash = np.zeros(self._labels.shape, bool)
        np.moveaxis(self._has_clash, axis, 0)[plane][place] |= clash


def open_object(path: Path, *, sop_classes: Collection[str], kind: str) -> FileDataset:
    """Return a DICOM object that is no image, with all of its elements.

    Args:
        path: A DICOM file, with or without a preamble.
        sop_classes: Which *SOP Class UID* it may have.
        kind: What such an object is called, for the sentence of an error.

    Returns:
        Its elements, none of them cut short.

    Raises:
        RefusedSeries: The file is missing, too large, damaged or cut short.
        InputError: It is another kind of object.
    """
    with refusing("The file"):
        is_bare = file_kind(path) == "bare_dicom"
        _check_items(path, is_bare)
    dataset = read_whole(path, bare=is_bare)
    with refusing("The header"):
        sop_class = text(dataset, "SOPClassUID") or text(
            dataset.file_meta, "MediaStorageSOPClassUID"
        )
        cut = [
            raw
            for raw in dataset.elements()
            if isinstance(raw, RawDataElement) and _is_cut(raw.length, raw.value)
        ]
    if sop_class not in sop_classes:
        raise InputError(f"The file must be a {kind}; it is another kind of object.")
    if cut:
        raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, f"The end of the {kind} is missing.")
    return dataset


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; none where it is absent.

    Raises:
        TypeError: The element is no sequence: the object is damaged.

    Example:
        >>> items(Dataset(), "SegmentSequence")
        []
    """
    found = dataset.get(keyword)
    if found is None:
        return []
    if not isinstance(found, Items):
        raise TypeError("not a sequence")
    return list(found)


def whole_number(item: Dataset, keyword: str) -> int:
    """Return an element as a whole number.

    Raises:
        ValueError: It is absent or no whole number: the object is damaged.
    """
    found = number(item, keyword)
    if found is None or not found.is_integer():
        raise ValueError("not a whole number")
    return int(found)


def code_of(item: Dataset, keyword: str) -> str:
    """Return the first code of a code sequence as ``SCHEME:VALUE``, empty where there is none.

    References:
        DICOM PS3.3, 8.8 (code sequence macro).

    Example:
        >>> concept, item = Dataset(), Dataset()
        >>> concept.CodeValue, concept.CodingSchemeDesignator = "10200004", "SCT"
        >>> item.SegmentedPropertyTypeCodeSequence = [concept]
        >>> code_of(item, "SegmentedPropertyTypeCodeSequence")
        'SCT:10200004'
    """
    for concept in items(item, keyword)[:1]:
        for value in ("CodeValue", "LongCodeValue", "URNCodeValue"):
            if text(concept, value):
                return f"{text(concept, 'CodingSchemeDesignator')}:{text(concept, value)}"
    return ""


def check_classes(classes: Mapping[int, int], segments: Sequence[Segment]) -> None:
    """Check that every class is given for just one segment that the object describes.

    Args:
        classes: Segment number → class.
        segments: What the object describes.

    Raises:
        RefusedSeries: The object gives one number to several segments.
        InputError: A number is that of no segment.

    Example:
        >>> check_classes({2: 1}, [Segment(number=1, name="")])
        Traceback (most recent call last):
            ...
        medcl.errors.InputError: Classes must be given for segments of the file; 1 of 1 are not.
    """
    numbers = {segment.number for segment in segments}
    if len(numbers) < len(segments):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"{len(segments)} segments have {len(numbers)} different numbers.",
        )
    strangers = len(classes.keys() - numbers)
    if strangers:
        raise InputError(
            f"Classes must be given for segments of the file; {strangers} of {len(classes)} "
            "are not."
        )


def _is_cut(length: int, value: bytes | None) -> bool:
    return length != 0xFFFFFFFF and length != len(value or b"")


def _check_items(path: Path, bare: bool) -> None:
    """Count items before they become objects: an empty one takes 8 bytes in the file.

    Raises:
        RefusedSeries: There are too many.
    """
    with path.open("rb") as file:
        found = [0, 0]
        seam = b""
        for chunk in _contents(file, bare):
            window = seam + chunk
            found = [
                count + window.count(tag) for count, tag in zip(found, _ITEM_TAGS, strict=True)
            ]
            seam = window[-len(_ITEM_TAGS[0]) + 1 :]
            if max(found) > MAX_ITEMS:
                raise RefusedSeries(
                    ReasonCode.LIMIT_EXCEEDED, f"More than {MAX_ITEMS} items; fewer are read."
                )


def _contents(file: BinaryIO, bare: bool) -> Iterator[bytes]:
    """Yield the bytes of a file in chunks, inflated if its meta information says so."""
    file.seek(0 if bare else _PREAMBLE_BYTES)
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2)
    inflater = None
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    left = MAX_FILE_BYTES
    while left > 0 and (chunk := file.read(_CHUNK_BYTES)):
        while chunk and left > 0:
            part = inflater.decompress(chunk, _CHUNK_BYTES) if inflater else chunk
            chunk = inflater.unconsumed_tail if inflater else b""
            left -= len(part)
            yield part
