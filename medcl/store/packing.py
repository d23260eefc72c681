"""An accepted volume made ready for the store: compressed, hashed, measured.

This is the costly part of adding a volume and a pure function, so that worker processes can do it;
the one writer then only has to put bytes and a row in place.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TypeVar, get_args, get_type_hints

import numpy as np

from medcl.errors import InputError
from medcl.ingest.outcome import Accepted, Technical
from medcl.shapes import VolumeArray
from medcl.store.body import body_box
from medcl.store.coding import LinearCoding, Values, exact_linear_coding
from medcl.store.files import Content
from medcl.store.frames import compress, compress_map
from medcl.store.perceptual import perceptual_hash
from medcl.store.quality import quality_of
from medcl.store.rows import LabelRow, VolumeRow, require_key, require_mark, require_name
from medcl.store.statistics import levels_of, statistics_of, without_padding
from medcl.volume import Volume

T = TypeVar("T")
R = TypeVar("R")

_LINE_BYTES = 64

Cell = str | int | float | None
"""A value of the catalogue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A volume as the store takes it.

    Attributes:
        row: Its catalogue row.
        voxels: Content of the voxel file.
        mask: Content of the validity file, ``None`` where every voxel was measured.
        label_set: Name of the set the label belongs to, if any.
        label: Label that came with the archive, if any.
    """

    row: VolumeRow
    voxels: Content
    mask: Content | None
    label_set: str | None
    label: LabelRow | None

    def discard(self) -> None:
        """Remove the files of an inbox that no place was found for."""
        for content in (self.voxels, self.mask):
            if isinstance(content, Path):
                content.unlink(missing_ok=True)


def pack(accepted: Accepted, *, beside: Executor | None = None) -> Packed:
    """Return a volume compressed, hashed and measured.

    Args:
        accepted: Outcome of ingest.
        beside: Compresses, while this thread hashes and measures; ``None``: one after the other.

    Returns:
        What `medcl.store.store.Store.add_packed` takes; it can be sent between processes.

    Raises:
        InputError: A key, label or technical value is none that the store may hold.
    """
    check_keys(accepted)
    volume = _settled(accepted.volume, beside)
    codes, coding = _encode(volume.array)
    compressed = _begun(beside, _compressed, codes)
    content_sha256 = content_hash(volume)
    mask = None if volume.validity is None else compress_map(volume.validity)
    levels = levels_of(codes, coding, volume.validity)
    seen = without_padding(levels) if volume.modality == "CT" else levels
    quality = quality_of(codes, coding, volume, levels)
    body = body_box(codes, coding, volume, levels, hu_scale=quality.hu_scale)
    fingerprint = perceptual_hash(
        codes, coding, affine=volume.affine, validity=volume.validity, levels=seen
    )
    voxels, sha256 = compressed()
    row = VolumeRow(
        key=accepted.key,
        patient_key=accepted.patient_key,
        study_key=accepted.study_key,
        series_key=accepted.series_key,
        frame_key=accepted.frame_key,
        modality=volume.modality,
        unit=volume.unit,
        num_channels=len(volume.array),
        shape=volume.shape,
        affine=np.array(volume.affine, dtype=np.float64),
        dtype=coding.dtype,
        coding=coding,
        sha256=sha256,
        mask_sha256=None if mask is None else hashlib.sha256(mask).hexdigest(),
        content_sha256=content_sha256,
        statistics=statistics_of(levels, is_ct=volume.modality == "CT"),
        quality=quality,
        body=body,
        perceptual_hash=fingerprint,
        technical=checked_technical(accepted.technical),
        num_files=int(accepted.num_files),
        fingerprint=accepted.fingerprint,
    )
    label = (
        None
        if accepted.label is None
        else LabelRow(accepted.key, int(accepted.label), accepted.split)
    )
    return Packed(row=row, voxels=voxels, mask=mask, label_set=accepted.label_set, label=label)


def check_keys(accepted: Accepted) -> None:
    """Refuse what could name a patient, a path or nothing.

    Raises:
        InputError: A key, fingerprint, label set or split is not of the form the store holds.
    """
    require_key(accepted.key, "A volume key")
    require_key(accepted.patient_key, "A patient key")
    require_key(accepted.study_key, "A study key")
    for key in (accepted.series_key, accepted.frame_key):
        if key is not None:
            require_key(key, "The key of a series or frame of reference")
    require_mark(accepted.fingerprint)
    if accepted.split is not None:
        require_name(accepted.split, "A split")
    if (accepted.label is None) != (accepted.label_set is None):
        raise InputError("A label must come with the name of its label set, and only then.")
    if accepted.label_set is not None:
        require_name(accepted.label_set, "A label set")


def content_hash(volume: Volume) -> str:
    """Return a SHA-256 of voxels, dtype, grid, modality, unit and validity.

    Example:
        >>> volume = Volume(
        ...     array=np.zeros((1, 2, 2, 2)), affine=np.eye(4), modality="MR", unit="a.u."
        ... )
        >>> len(content_hash(volume))
        64
    """
    volume = _settled(volume)
    header = {
        "affine": [float(number).hex() for number in volume.affine.ravel()],
        "dtype": volume.array.dtype.name,
        "masked": volume.validity is not None,
        "modality": volume.modality,
        "shape": volume.array.shape,
        "unit": volume.unit,
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(volume.array.data)
    if volume.validity is not None:
        digest.update(np.packbits(volume.validity).data)
    return digest.hexdigest()


def _begun(beside: Executor | None, work: Callable[[T], R], over: T) -> Callable[[], R]:
    """Return what gives the result of work that was begun, or is done when it is asked for."""
    return partial(work, over) if beside is None else beside.submit(work, over).result


def _compressed(codes: Values) -> tuple[bytes, str]:
    voxels = compress(codes)
    return voxels, hashlib.sha256(voxels).hexdigest()


def checked_technical(technical: Technical) -> Technical:
    """Return ``technical`` in plain Python types, each word from its closed list.

    Raises:
        InputError: A field holds anything else; the value is not repeated.

    Example:
        >>> checked_technical(Technical(kvp=120.0)).kvp
        120.0
    """
    hints = get_type_hints(Technical)
    values = {
        field.name: _checked(field.name, getattr(technical, field.name), hints[field.name])
        for field in fields(Technical)
    }
    return Technical(**values)  # type: ignore[arg-type]


def _checked(name: str, value: object, hint: object) -> Cell:
    allowed = set(get_args(hint)) or {hint}
    words = {word for part in allowed for word in (get_args(part) or (part,))}
    if value is None or (isinstance(value, str) and value in words):
        return None if value is None else str(value)
    if bool in words and isinstance(value, bool | np.bool_):
        return bool(value)
    if float in words and not isinstance(value, str | bool) and np.isfinite(float(value)):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    raise InputError(f"The technical field {name!r} must hold a value of its type or closed list.")


def _settled(volume: Volume, beside: Executor | None = None) -> Volume:
    """Return the volume with contiguous arrays in this machine's byte order.

    Raises:
        InputError: A voxel takes more than 64 bits.
    """
    array, validity = volume.array, volume.validity
    if array.dtype.itemsize > 8:
        raise InputError(f"Voxels must be numbers of at most 64 bits, got {array.dtype}.")
    plain = _contiguous(array.astype(array.dtype.newbyteorder("="), copy=False), beside)
    known = None if validity is None else _contiguous(validity[np.newaxis])[0]
    return replace(volume, array=plain, validity=known)


def _contiguous(array: VolumeArray, beside: Executor | None = None) -> VolumeArray:
    """Return the same array with its last axis fastest in memory.

    Readers give the first axis fastest, as files have it. Turned around as a whole, memory would be
    read in strides of a slice, one value per line of the cache. Planes of constant second axis are
    turned one by one, each from a copy whose rows take an odd number of lines of the cache: rows a
    power of two apart would push one another out of it, and four times as long is lost.
    """
    if array.flags.c_contiguous:
        return array
    turned = np.empty(array.shape, array.dtype)
    middle = array.shape[2] // 2
    upper = _begun(beside, _turn, (array[:, :, middle:], turned[:, :, middle:]))
    _turn((array[:, :, :middle], turned[:, :, :middle]))
    upper()
    return turned


def _turn(pair: tuple[VolumeArray, VolumeArray]) -> None:
    """Fill the second array with the first, whose memory runs the other way."""
    array, turned = pair
    channels, width, height, depth = array.shape
    lines = -(-width * array.itemsize // _LINE_BYTES) | 1
    row = lines * _LINE_BYTES // array.itemsize
    plane = np.empty((depth, row), array.dtype)[:, :width]
    for channel in range(channels):
        for y in range(height):
            plane[...] = array[channel, :, y].T
            turned[channel, :, y] = plane.T


def _encode(array: Values) -> tuple[Values, LinearCoding]:
    """Return the smallest numbers that hold ``array`` exactly, and how to turn them back."""
    found = exact_linear_coding(array)
    if found is not None:
        return found
    itself = LinearCoding(1.0, 0.0, array.dtype.name)
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        return (single if (single == array).all() else array), itself
    return array, itself
