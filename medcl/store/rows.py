"""What the catalogue says: rows of volumes, refusals and labels, and the count of all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from medcl.errors import InputError
from medcl.geometry import affine as affines
from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Technical
from medcl.io.refusal import ReasonCode
from medcl.shapes import Affine
from medcl.store.coding import LinearCoding
from medcl.volume import Modality, Unit

_KEY = re.compile(r"[0-9a-f]{32}")
_MARK = re.compile(r"[0-9A-Za-z:_-]{1,128}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Distribution of a volume's values, in its unit.

    Measured and finite voxels count, all channels together. A quantile is the smallest value that
    at least that share of voxels does not exceed. *Foreground* are the voxels above
    ``p01 + 0.05 * (p99 - p01)``: it leaves out air and its noise, and keeps lung and all tissue.

    Attributes:
        minimum: Smallest value.
        maximum: Largest value.
        mean: Mean.
        sd: Standard deviation (of the population).
        p01: 1 % quantile.
        p50: Median.
        p99: 99 % quantile.
        p005: 0.5 % quantile of the foreground.
        p995: 99.5 % quantile of the foreground.
        foreground_fraction: Share of voxels that are foreground; 0 for a constant volume, whose
            quantiles are then of all voxels.
    """

    minimum: float
    maximum: float
    mean: float
    sd: float
    p01: float
    p50: float
    p99: float
    p005: float
    p995: float
    foreground_fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeRow:
    """One volume of the store.

    Attributes:
        key: Its key, which also names its file.
        patient_key: Equal for all volumes of a patient.
        study_key: Equal for all volumes of a study.
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
        technical: Allow-listed header values.
        num_files: Archive files the volume accounts for.
        fingerprint: Changes when a file of the series changes.
    """

    key: str
    patient_key: str
    study_key: str
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
    technical: Technical
    num_files: int
    fingerprint: str

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance in mm between voxel centres along each voxel axis."""
        x, y, z = affines.spacing_mm(self.affine).tolist()
        return x, y, z

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
    """One refused series or file; ``detail`` holds geometry and counts."""

    key: str
    code: ReasonCode
    detail: str
    num_files: int
    fingerprint: str


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
