"""Encapsulated or deflated pixels → planes of stored integers, one decoder per coding."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from medcl.io.dicom.codestream import codestream_of
from medcl.io.dicom.file import read_whole
from medcl.io.dicom.sign_bits import with_sign
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_COMPRESSED = "1.2.840.10008.1.2.4."
_DECODERS = {
    **dict.fromkeys((_COMPRESSED + end for end in ("50", "57", "70", "90", "91")), "gdcm"),
    **dict.fromkeys((_COMPRESSED + end for end in ("80", "81")), "pyjpegls"),
    **dict.fromkeys((_COMPRESSED + end for end in ("201", "202", "203")), "pylibjpeg"),
    "1.2.840.10008.1.2.5": "pylibjpeg",
}
"""One decoder per coding. Tried in turn, a second one would read what the first one found damaged,
and which are there would depend on what else is installed."""


def decoded_planes(path: Path, headers: Sequence[SliceHeader]) -> Iterator[np.ndarray]:
    """Yield planes that take a decoder.

    Raises:
        RefusedSeries: There are no pixels, or they cannot be decoded.
    """
    dataset = read_whole(path, bare=headers[0].is_bare)
    with refusing("The pixels"):
        if not dataset.get("PixelData"):
            raise RefusedSeries(ReasonCode.PIXEL_TRUNCATED, "A slice without pixels.")
        if not headers[0].syntax:
            dataset.file_meta.TransferSyntaxUID = UID(_guessed_syntax(dataset))
        syntax = str(dataset.file_meta.TransferSyntaxUID)
        precisions = [_precision(dataset, syntax, header) for header in headers]
        frames = [header.frame for header in headers]
        decoded = iter_pixels(
            dataset,
            indices=None if headers[0].num_frames == 1 else frames,
            raw=True,
            decoding_plugin=_DECODERS.get(syntax, ""),
            # Signs and unused bits are taken care of below, for plain and decoded pixels alike.
            correct_unused_bits=False,
            apply_j2k_sign_correction=False,
            apply_jls_sign_correction=False,
        )
        for plane, precision in zip(decoded, precisions, strict=True):
            yield with_sign(np.array(plane), precision)


def _precision(dataset: FileDataset, syntax: str, header: SliceHeader) -> int:
    """Return the bits of a compressed plane; 0 where its coding does not say.

    Raises:
        RefusedSeries: The compressed plane is of another size than the header says.
    """
    if not syntax.startswith(_COMPRESSED):
        return 0
    content = get_frame(
        dataset.PixelData,
        header.frame,
        number_of_frames=header.num_frames,
        extended_offsets=_extended_offsets(dataset),
    )
    found = codestream_of(content)
    if found is None:
        raise RefusedSeries(ReasonCode.DECODE_FAILED, "Compressed pixels without a head.")
    if (found.rows, found.columns, found.num_samples) != (header.rows, header.columns, 1):
        raise RefusedSeries(
            ReasonCode.DECODE_FAILED,
            f"Compressed pixels of {found.rows} x {found.columns} with {found.num_samples} samples "
            f"under a header of {header.rows} x {header.columns}.",
        )
    return found.precision


def _extended_offsets(dataset: FileDataset) -> tuple[bytes, bytes] | None:
    offsets, lengths = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return (offsets, lengths) if offsets and lengths else None


def _guessed_syntax(dataset: FileDataset) -> str:
    implicit, little = dataset.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else _BIG_ENDIAN
