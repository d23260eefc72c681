"""What the catalogue says: rows of volumes, refusals and labels, and the count of all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from medcl.errors import InputError
from medcl.geometry import affine as affines
from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Technical
from medcl.io.refusal import ReasonCode
from medcl.shapes import Affine
from medcl.store.coding import LinearCoding
from medcl.store.measures import Quality, Statistics, slice_axis
from medcl.volume import Modality, Unit

_KEY = re.compile(r"[0-9a-f]{32}")
_MARK = re.compile(r"[0-9A-Za-z:_-]{1,128}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeRow:
    """One volume of the store.

    Attributes:
        key: Its key, which also names its file.
        patient_key: Equal for all volumes of a patient.
        study_key: Equal for all volumes of a study.
        series_key: Equal for all volumes of one series or file; ``None`` where nothing names it.
        frame_key: Equal for all volumes in one frame of reference; ``None`` where none is named.
        modality: CT, MR, PT or OT.
        unit: What a value means.
        num_channels: Channels ``C``.
        shape: Voxels along X, Y, Z.
        affine: Voxel index → RAS+ mm, 4 x 4; compared through ``content_sha256``.
        dtype: NumPy name of the voxels' type as accepted.
        coding: How the stored integers become values.
        sha256: Hash of the voxel file.
        mask_sha256: Hash of the validity file, ``None`` where every voxel was measured.
        content_sha256: Hash of voxels, grid, unit and validity, free of how they are stored.
        statistics: Distribution of the values.
        quality: How usable it is.
        body: Voxels that hold the patient, see `medcl.store.body`; ``None`` where there is no
            foreground.
        perceptual_hash: 64 hex characters that near duplicates nearly share, see
            `medcl.store.perceptual`; ``None`` where nothing can be seen.
        technical: Allow-listed header values.
        num_files: Archive files the volume accounts for.
        fingerprint: Changes when a file of the series changes.
    """

    key: str
    patient_key: str
    study_key: str
    series_key: str | None
    frame_key: str | None
    modality: Modality
    unit: Unit
    num_channels: int
    shape: tuple[int, int, int]
    affine: Affine = field(compare=False)
    dtype: str
    coding: LinearCoding
    sha256: str
    mask_sha256: str | None
    content_sha256: str
    statistics: Statistics
    quality: Quality
    body: Box | None
    perceptual_hash: str | None
    technical: Technical
    num_files: int
    fingerprint: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance in mm between voxel centres along each voxel axis."""
        x, y, z = affines.spacing_mm(self.affine).tolist()
        return x, y, z

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Length in mm along each voxel axis, from the first voxel's outer edge to the last's."""
        x, y, z = np.multiply(self.shape, self.spacing_mm).tolist()
        return x, y, z

    @property
    def slice_axis(self) -> int:
        """Voxel axis across which slices lie: that of the widest spacing."""
        return slice_axis(self.spacing_mm)

    @property
    def num_slices(self) -> int:
        """Voxels along the slice axis."""
        return self.shape[self.slice_axis]

    @property
    def slice_coverage(self) -> float | None:
        """Nominal slice thickness over slice distance: below 1 gaps, above 1 overlap."""
        thickness_mm = self.technical.slice_thickness_mm
        return None if thickness_mm is None else thickness_mm / self.spacing_mm[self.slice_axis]

    @property
    def word(self) -> str:
        """What addresses the volume in every draw: 32 hex characters of its content hash.

        Keys depend on the site's secret; two sites with the same scans and settings shall draw the
        same batches, views, subsets and test patients.
        """
        return self.content_sha256[:32]

    def require_inside(self, box: Box) -> None:
        """Refuse a box that leaves the volume.

        Raises:
            InputError: It does.
        """
        if any(
            low < 0 or high > length
            for low, high, length in zip(box.lower, box.upper, self.shape, strict=True)
        ):
            raise InputError(
                f"A box must lie inside its volume of shape {self.shape}, got {box.lower} to "
                f"{box.upper}."
            )


class RefusalRow(NamedTuple):
    """One refused series or file; ``detail`` holds geometry and counts.

    ``duplicate_of`` is the key of the volume that has the same content, if that is the reason.
    """

    key: str
    code: ReasonCode
    detail: str
    num_files: int
    fingerprint: str
    duplicate_of: str | None = None


class LabelRow(NamedTuple):
    """Class of one volume, and the split it came with."""

    key: str
    value: int
    split: str | None = None


class LabelMapRow(NamedTuple):
    """Label map of one volume: its file's hash and the classes in it, rising."""

    key: str
    split: str | None
    sha256: str
    classes: tuple[int, ...]


class LabelSetRow(NamedTuple):
    """A named set of labels: one class per volume, or one map per volume."""

    name: str
    kind: Literal["class", "map"]
    num_volumes: int


class Tally(NamedTuple):
    """How many series (or lone files), and how many archive files they account for."""

    series: int
    files: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of every discovered file: discovered = accepted + refused, always.

    Attributes:
        accepted: Volumes.
        refused_by_reason: Refusals by reason code, only codes that occur.
    """

    accepted: Tally
    refused_by_reason: Mapping[ReasonCode, Tally]

    @property
    def refused(self) -> Tally:
        """All refusals together."""
        tallies = self.refused_by_reason.values()
        return Tally(sum(tally.series for tally in tallies), sum(tally.files for tally in tallies))

    @property
    def discovered(self) -> Tally:
        """Accepted and refused together."""
        refused = self.refused
        return Tally(self.accepted.series + refused.series, self.accepted.files + refused.files)


def require_key(key: str, what: str = "A key") -> str:
    """Return ``key`` if it is 32 hex characters, the only thing that may name a file.

    Raises:
        InputError: It is anything else; the value is not repeated.

    Example:
        >>> require_key("0" * 32) == "0" * 32
        True
    """
    if not _KEY.fullmatch(key):
        raise InputError(f"{what} must be 32 lowercase hex characters, got {len(key)} characters.")
    return key


def require_mark(fingerprint: str) -> str:
    """Return ``fingerprint`` if it holds letters, digits, colon, dash and underscore only.

    Raises:
        InputError: It holds anything else; the value is not repeated.
    """
    if not _MARK.fullmatch(fingerprint):
        raise InputError("A fingerprint must be 1 to 128 letters, digits, ':', '-' or '_'.")
    return fingerprint


def require_name(name: str, what: str) -> str:
    """Return ``name`` if it is a short lowercase word.

    Raises:
        InputError: It is anything else; the value is not repeated.

    Example:
        >>> require_name("adrenal-2", "A label set")
        'adrenal-2'
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{what} must be named by 1 to 40 of a-z, 0-9, '-' and '_'.")
    return name
