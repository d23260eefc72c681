"""Open a DICOM file without trusting it: capped size, no silent repair, errors become codes."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import BinaryIO, cast

from pydicom.dataset import FileDataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from medcl.io.dicom.tail import UNDEFINED_LENGTH, header_bytes, is_sound_after
from medcl.io.limits import MAX_FILE_BYTES, MAX_INFLATED_BYTES
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.refusing import refusing

_FIRST_PIXEL_TAG, _LAST_PIXEL_TAG = 0x7FE00008, 0x7FE00010
_PREAMBLE_BYTES = 132
_SERIES_UID_TAG = 0x0020000E


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Elements:
    """What stands before the pixels of a file, and where the pixels are.

    Attributes:
        dataset: The elements, as far as they can be read, with the file meta information.
        is_whole: The file reaches to the end of its pixels, and what follows them is sound too:
            where it is not, they may begin somewhere else than it seems. No element stands in it
            twice: readers differ in which one they believe.
        is_too_deep: Its sequences are nested more deeply than is read.
        pixels_at: Place of the first byte of the pixels in the file; 0 where they are encapsulated,
            deflated or absent.
        pixel_bytes: How many bytes they are; 0 likewise.
    """

    dataset: FileDataset
    is_whole: bool
    is_too_deep: bool = False
    pixels_at: int = 0
    pixel_bytes: int = 0


def read_elements(path: Path, *, tags: Sequence[int] | None, bare: bool = False) -> Elements:
    """Return some elements before the pixels.

    Args:
        path: A DICOM file.
        tags: Elements to keep, all others are skipped; ``None`` keeps all.
        bare: The file has no preamble; it is parsed nevertheless.

    Returns:
        The elements, as far as they can be read, and where the pixels are.

    Raises:
        RefusedSeries: The file is too large, inflates too far, or cannot be parsed.
    """
    found: list[tuple[str | None, int]] = []

    seen: set[int] = set()
    repeated: list[int] = []

    def reached_pixels(tag: int, vr: str | None, length: int) -> bool:
        repeated.extend([tag] if tag in seen else [])
        seen.add(tag)
        if not _FIRST_PIXEL_TAG <= tag <= _LAST_PIXEL_TAG:
            return False
        found.append((vr, length))
        return True

    kept = None if tags is None else list(tags)
    is_too_deep = False
    with refusing("The header"), path.open("rb") as file:
        stream, size = _inflate(file, _checked_size(file), bare)
        try:
            elements = read_partial(cast(BinaryIO, stream), reached_pixels, None, bare, kept)
        except RecursionError:
            elements, is_too_deep = None, True
        except (OSError, EOFError, ValueError, NotImplementedError):
            elements = None
        stopped_at = stream.tell()
        if not found and not elements:
            # A file cut or damaged inside one element loses them all; the series is named early,
            # and a series must not pass for whole because one of its files lost its name.
            stream.seek(0)
            elements = read_partial(cast(BinaryIO, stream), _is_past_series, None, bare, kept)
        vr, length = found[0] if found else (None, 0)
        starts_at = stopped_at + header_bytes(vr)
        is_whole = (
            bool(found)
            and not repeated
            and (
                length == UNDEFINED_LENGTH
                or is_sound_after(stream, starts_at + length, size, _encoding(elements))
            )
        )
    is_plain = is_whole and length != UNDEFINED_LENGTH and stream is file
    return Elements(
        cast(FileDataset, elements),
        is_whole=is_whole,
        is_too_deep=is_too_deep,
        pixels_at=starts_at if is_plain else 0,
        pixel_bytes=length if is_plain else 0,
    )


def read_whole(path: Path, *, bare: bool = False) -> FileDataset:
    """Return a DICOM file with its pixels, not yet decoded.

    Args:
        path: A DICOM file.
        bare: The file has no preamble; it is parsed nevertheless.

    Returns:
        All elements.

    Raises:
        RefusedSeries: The file is too large, inflates too far, or cannot be parsed.
    """
    with refusing("The file"), path.open("rb") as file:
        stream, _ = _inflate(file, _checked_size(file), bare)
        return read_partial(cast(BinaryIO, stream), None, None, bare, None)


def _encoding(elements: FileDataset | None) -> tuple[bool | None, bool | None]:
    return (None, None) if elements is None else elements.original_encoding


def _is_past_series(tag: int, _vr: str | None, _length: int) -> bool:
    return tag > _SERIES_UID_TAG


def _checked_size(file: BufferedIOBase) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    if size > MAX_FILE_BYTES:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"{size} bytes; at most {MAX_FILE_BYTES} are read."
        )
    return size


def _inflate(file: BufferedIOBase, size: int, bare: bool) -> tuple[BufferedIOBase, int]:
    """Return the file itself, or an inflated copy whose meta information says so.

    pydicom would inflate without a limit, for a header as well: half a megabyte can become
    gigabytes.

    Raises:
        RefusedSeries: It inflates too far.
    """
    file.seek(0 if bare else _PREAMBLE_BYTES)
    meta = read_dataset(
        cast(BinaryIO, file), False, True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2
    )
    for tag in list(meta.keys())[:1]:
        meta[tag]  # as pydicom does: fails where the meta information is coded another way
    deflated = meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
    start = file.tell()
    file.seek(0)
    if not deflated:
        return file, size
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    head = file.read(start)
    data = inflater.decompress(file.read(), MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        raise RefusedSeries(
            ReasonCode.LIMIT_EXCEEDED, f"Inflates to more than {MAX_INFLATED_BYTES} bytes."
        )
    if not inflater.eof or not _may_end_so(inflater.unused_data, data):
        raise RefusedSeries(
            ReasonCode.PIXEL_TRUNCATED,
            "The compressed stream ends too early, or something follows it.",
        )
    deflated_uid, plain_uid = DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
    head = head.replace(deflated_uid.encode(), plain_uid.encode().ljust(len(deflated_uid), b"\0"))
    return BytesIO(head + data), len(head) + len(data)


def _may_end_so(tail: bytes, data: bytes) -> bool:
    """Return whether a deflated stream may be followed by this: zeros, or gzip's checksum."""
    checksum = zlib.crc32(data).to_bytes(4, "little") + (len(data) % 2**32).to_bytes(4, "little")
    return tail.count(0) == len(tail) or tail.rstrip(b"\0") == checksum.rstrip(b"\0")
