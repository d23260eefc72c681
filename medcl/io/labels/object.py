"""A DICOM object that describes labels: opened under limits, and what it says of itself.

References:
    DICOM PS3.3, C.8.20 (segmentation), C.8.8.5 (structure set), 8.8 (code sequence macro).
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.filereader import read_dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medcl.errors import InputError
from medcl.io.dicom.file import read_elements, read_whole
from medcl.io.dicom.values import number, text
from medcl.io.kinds import file_kind
from medcl.io.label_classes import SEGMENTATION_CLASSES, STRUCTURE_SET_CLASSES
from medcl.io.limits import MAX_FILE_BYTES
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

MAX_ITEMS = 2_000_000
"""Most sequence items of one object; each becomes about a thousand bytes of Python objects."""

Kind = Literal["segmentation", "structure_set"]
"""DICOM SEG or RTSTRUCT."""

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(SEGMENTATION_CLASSES, "segmentation"),
    **dict.fromkeys(STRUCTURE_SET_CLASSES, "structure_set"),
}
_CLASS_TAGS = (0x00080016, 0x00020002)
_CHUNK_BYTES = 2**22
_PREAMBLE_BYTES = 132
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Segment:
    """One structure that an object describes.

    The words are a hospital's and may name a person: they serve to be matched against words that
    the user gives, and are never printed, stored or logged.

    Attributes:
        number: *Segment Number* or *ROI Number*.
        name: *Segment Label* or *ROI Name*, empty if absent.
        code: Coded type of the structure as ``SCHEME:VALUE``, empty if absent.
        meaning: What the code says in words, empty if absent.
        frame_of_reference: *Frame of Reference UID*, empty if absent.
        num_ignored: Contours that enclose nothing (points, open lines) and are left out of label
            maps; 0 in a segmentation.
        is_empty: Whether it is a structure without a closed contour, as templates leave them: it
            was not drawn, which does not say that it is not there.
    """

    number: int
    name: str
    code: str = ""
    meaning: str = ""
    frame_of_reference: str = ""
    num_ignored: int = 0
    is_empty: bool = False


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class LabelObject:
    """What an object describes, and in which images. It holds identifiers: it is never printed.

    Attributes:
        kind: What it is.
        series_uids: *Series Instance UID* of each series referred to, each once.
        segments: In the order of the object.
    """

    kind: Kind
    series_uids: tuple[str, ...]
    segments: tuple[Segment, ...]


def label_kind(path: Path) -> Kind | None:
    """Return what kind of label object a file is, or ``None`` for any other file.

    Args:
        path: A regular file.

    Returns:
        The kind, by its *SOP Class UID*.

    Raises:
        RefusedSeries: The file is a DICOM file and cannot be parsed, or cannot be opened.
    """
    with refusing("The file"):
        kind = file_kind(path)
    if kind not in {"dicom", "bare_dicom"}:
        return None
    try:
        found = read_elements(path, tags=_CLASS_TAGS, bare=kind == "bare_dicom").dataset
    except RefusedSeries:
        if kind == "bare_dicom":
            return None
        raise
    return _KINDS.get(_sop_class(found))


def open_object(path: Path, kind: Kind) -> FileDataset:
    """Return a DICOM object that is no image, with all of its elements.

    Args:
        path: A DICOM file, with or without a preamble.
        kind: What it must be.

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
        sop_class = _sop_class(dataset)
        cut = [
            raw
            for raw in dataset.elements()
            if isinstance(raw, RawDataElement) and _is_cut(raw.length, raw.value)
        ]
    if _KINDS.get(sop_class) != kind:
        raise InputError(
            f"The file must be a DICOM {kind.replace('_', ' ')}; it is something else."
        )
    if cut:
        raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "The end of the object is missing.")
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


def code_of(item: Dataset, keyword: str) -> tuple[str, str]:
    """Return the first code of a code sequence, ``SCHEME:VALUE``, and its meaning in words.

    Example:
        >>> concept, item = Dataset(), Dataset()
        >>> concept.CodeValue, concept.CodingSchemeDesignator = "10200004", "SCT"
        >>> concept.CodeMeaning = "Liver"
        >>> item.SegmentedPropertyTypeCodeSequence = [concept]
        >>> code_of(item, "SegmentedPropertyTypeCodeSequence")
        ('SCT:10200004', 'Liver')
    """
    for concept in items(item, keyword)[:1]:
        for value in ("CodeValue", "LongCodeValue", "URNCodeValue"):
            if text(concept, value):
                scheme = text(concept, "CodingSchemeDesignator")
                return f"{scheme}:{text(concept, value)}", text(concept, "CodeMeaning")
    return "", ""


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


def _sop_class(dataset: FileDataset) -> str:
    return text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")


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
