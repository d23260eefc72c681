"""Stored pixels of a DICOM segmentation, frame by frame.

pydicom's decoder of frames of single bits is replaced because it cuts frames that begin inside a
byte.

References:
    DICOM PS3.3, C.8.20.2 (segmentation image); PS3.5, 8.1.1 and 8.2 (encoding of pixels).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.pixels.utils import iter_pixels

from medcl.io.dicom.values import number, text
from medcl.io.labels.object import whole_number
from medcl.io.limits import MAX_PLANE_PIXELS
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

MAX_FRAMES = 500_000
"""Most frames of one segmentation: every segment may have one per slice."""

LABEL_MAP = "LABELMAP"
"""*Segmentation Type* whose pixels are segment numbers."""

_TYPES = ("BINARY", "FRACTIONAL", LABEL_MAP)
_SYNTAX = "1.2.840.10008.1.2"
_NATIVE = {_SYNTAX, _SYNTAX + ".1"}
_LOSSLESS = {
    _SYNTAX + end for end in (".5", ".4.57", ".4.70", ".4.80", ".4.90", ".4.201", ".4.202")
}


@dataclass(frozen=True, kw_only=True, slots=True, repr=False, eq=False)
class Layout:
    """What all frames of a segmentation share.

    Attributes:
        kind: BINARY, FRACTIONAL or LABELMAP.
        rows: Pixels from top to bottom.
        columns: Pixels from left to right.
        num_frames: Frames.
        bits: Bits per pixel: 1, 8 or 16.
        syntax: Transfer syntax UID.
        full_value: Stored value of the fraction 1, where the kind is FRACTIONAL.
    """

    kind: str
    rows: int
    columns: int
    num_frames: int
    bits: int
    syntax: str
    full_value: float


def layout_of(dataset: FileDataset) -> Layout:
    """Return what all frames share.

    Raises:
        RefusedSeries: The pixels are of a kind that no segmentation has, too many, or lossy.
        ValueError: An element is missing or no number: the object is damaged.
    """
    layout = Layout(
        kind=text(dataset, "SegmentationType").upper(),
        rows=whole_number(dataset, "Rows"),
        columns=whole_number(dataset, "Columns"),
        num_frames=whole_number(dataset, "NumberOfFrames"),
        bits=whole_number(dataset, "BitsAllocated"),
        syntax=text(dataset.file_meta, "TransferSyntaxUID") or _SYNTAX,
        full_value=number(dataset, "MaximumFractionalValue") or 255.0,
    )
    if layout.syntax not in _NATIVE | _LOSSLESS:
        raise RefusedSeries(
            ReasonCode.UNSUPPORTED_SYNTAX, "The transfer syntax is lossy or has no codec here."
        )
    if layout.kind not in _TYPES or layout.bits not in (1, 8, 16) or layout.full_value < 0:
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"{layout.bits} bits per pixel; a segmentation must have 1, 8 or 16 and be of type "
            "BINARY, FRACTIONAL or LABELMAP.",
        )
    _check_size(layout)
    return layout


def _check_size(layout: Layout) -> None:
    plane_pixels = layout.rows * layout.columns
    if not 0 < plane_pixels <= MAX_PLANE_PIXELS or not 0 <= layout.num_frames <= MAX_FRAMES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED,
            f"{layout.num_frames} frames of {layout.rows} x {layout.columns} pixels; at most "
            f"{MAX_FRAMES} of 1 to {MAX_PLANE_PIXELS} are read.",
        )


def planes_of(dataset: FileDataset, layout: Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the stored pixels of some frames, shape ``(rows, columns)``.

    Args:
        dataset: The segmentation.
        layout: What its frames share.
        wanted: Indices of frames, rising.

    Yields:
        Unsigned integers as they are stored.

    Raises:
        RefusedSeries: Pixels are missing or cannot be decoded.
    """
    found = 0
    with refusing("The pixels"):
        is_native = layout.syntax in _NATIVE
        found_planes = _native(dataset, layout, wanted) if is_native else _decoded(dataset, wanted)
        for plane in found_planes:
            if plane.shape != (layout.rows, layout.columns) or plane.dtype.kind != "u":
                raise RefusedSeries(
                    ReasonCode.DECODE_FAILED,
                    f"Pixels of shape {plane.shape} and type {plane.dtype} under a header of "
                    f"{layout.rows} x {layout.columns}.",
                )
            found += 1
            yield plane
    if found < len(wanted):
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{found} of {len(wanted)} frames have pixels."
        )


def _native(dataset: FileDataset, layout: Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield frames of plain pixels; single bits are packed without a gap between frames.

    Raises:
        RefusedSeries: The pixels are cut short.

    References:
        DICOM PS3.5, 8.1.1 and Annex D (the first pixel is the least significant bit of a byte).
    """
    stored = np.frombuffer(dataset.get("PixelData") or b"", np.uint8)
    frame_bits = layout.rows * layout.columns * layout.bits
    num_bytes = -(-frame_bits * layout.num_frames // 8)
    if len(stored) < num_bytes:
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED, f"{len(stored)} of {num_bytes} bytes of pixels."
        )
    for index in wanted:
        start, end = index * frame_bits, (index + 1) * frame_bits
        content = stored[start // 8 : -(-end // 8)]
        if layout.bits == 1:
            plane = np.unpackbits(content, bitorder="little")[start % 8 :][:frame_bits]
        else:
            plane = content.view(f"<u{layout.bits // 8}")
        yield plane.reshape(layout.rows, layout.columns)


def _decoded(dataset: FileDataset, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    # One after the other: to find a single frame, all before it would be searched every time.
    chosen = set(wanted)
    for index, plane in enumerate(iter_pixels(dataset, raw=True) if chosen else ()):
        if index in chosen:
            chosen.remove(index)
            yield np.asarray(plane)
        if not chosen:
            return
