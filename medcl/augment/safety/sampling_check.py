"""Whether the one resampling of a policy keeps what a task needs, on the volumes it is used on.

Without volumes nobody knows: the same policy takes the voxels of one cohort as they are and blends
those of another.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from medcl.augment.contract import Flag, PolicyModality, claim_of
from medcl.augment.grid import ViewGrid
from medcl.augment.safety.departures import bounds_of, lines_of
from medcl.augment.safety.refusing import SLACK, Transforms, probability_of, violation
from medcl.augment.safety.sampling import sampling_claim, too_short
from medcl.augment.safety.sampling_noise import noise_left
from medcl.augment.safety.source_geometry import SourceGeometry, Triple
from medcl.augment.safety.tasks import (
    TISSUE_TOLERANCES_HU,
    TaskProfile,
    meaningless_flags,
    required_flags,
)
from medcl.augment.safety.value_bounds import departure_of
from medcl.augment.safety.verdict import CODES, Unknown, Violation
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.thick_slice import ThickSlice

_MOST_ANISOTROPY = 1.5
_FAR_DEGREES = 30.0
"""Nothing that any region tolerates is further."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Views of some volumes.

    Attributes:
        grid: Of the views.
        geometry: Of the volumes.
        modality: What they are.
        transforms: By name, in order; those that never happen do not count.
    """

    grid: ViewGrid
    geometry: SourceGeometry
    modality: PolicyModality
    transforms: Transforms

    @property
    def live(self) -> Transforms:
        """The transforms that happen."""
        return {name: each for name, each in self.transforms.items() if probability_of(each) > 0}


def find_sampling_violations(sampled: Sampled, task: TaskProfile) -> list[Violation]:
    """Return what sampling breaks that a task needs, together with all transforms.

    Args:
        sampled: Views and volumes.
        task: What the encoder is for.

    Returns:
        Violations, none if safe.
    """
    geometry, modality = sampled.geometry, sampled.modality
    needed = set(required_flags(task, modality)) - set(meaningless_flags(task, modality))
    found = []
    if Flag.HU_TEXTURE in needed and not geometry.has_lattice_of(sampled.grid.spacing_mm):
        least, most = noise_left(sampled.grid, geometry, bounds_of(sampled.live))
        reason = (
            f"values between voxels are blended from those around, which leaves "
            f"{100 * least:.0f} to {100 * most:.0f} % of the noise by where a view lies"
        )
        found.append(_refused(Flag.HU_TEXTURE, sampled.grid, _lattice(geometry), reason))
    if Flag.HU_CALIBRATION in needed and modality == "CT":
        found += list(_moved(sampled))
    return [*found, *_thickened(sampled), *_turned_far(sampled)]


def find_sampling_unknown(sampled: Sampled, task: TaskProfile) -> list[Unknown]:
    """Return density as unknown where a volume is too short for a bound.

    Args:
        sampled: Views and volumes.
        task: What the encoder is for.

    Returns:
        One at most.
    """
    if sampled.modality != "CT" or Flag.HU_CALIBRATION not in required_flags(task, "CT"):
        return []
    where = too_short(sampled.grid, sampled.geometry, bounds_of(sampled.live))
    return [] if where is None else [Unknown(Flag.HU_CALIBRATION, where)]


def _moved(sampled: Sampled) -> Iterator[Violation]:
    """Yield the first tissue that sampling moves too far, beside what transforms do to it.

    Both views go through the same kernel: where they show the same tissue, only what is turned
    differs, and where they do not, each may be off by all of it.
    """
    live, grid, geometry = sampled.live, sampled.grid, sampled.geometry
    claim = sampling_claim(grid, geometry, bounds_of(live))
    if claim.smoothing == 0 or math.isinf(claim.smoothing):
        return
    overlap = min((each.min_overlap for each in live.values() if isinstance(each, Crop)), default=1)
    steps = lines_of(live, Flag.HU_CALIBRATION, sampled.modality)
    for tissue, (value, most) in TISSUE_TOLERANCES_HU.items():
        bound, beside = claim.bound_hu(tissue), departure_of(value, steps)
        ends = {
            "within a view": (beside.view, bound),
            "between two views": (beside.between, bound * max(1.0, 2 * (1 - overlap))),
        }
        for where, (others, own) in ends.items():
            # What transforms do alone is refused already, with their names.
            if others <= most + SLACK < others + own:
                reason = (
                    f"coarser views draw {tissue} together, by up to {own:.3g} HU {where}, "
                    f"{others + own:.3g} HU with all transforms"
                )
                yield _refused(Flag.HU_CALIBRATION, grid, _finer(geometry, most), reason)
                return


def _thickened(sampled: Sampled) -> Iterator[Violation]:
    """Yield thick slices that are made of slices as thick as any scan has."""
    for name, each in sampled.live.items():
        if not isinstance(each, ThickSlice):
            continue
        most = each.limits(sampled.modality)["thickness_mm"][1]
        native = sampled.geometry.coarsest_mm["xyz".index(each.axis)]
        if each.resamples() and native >= most - SLACK:
            yield violation(
                "SC013",
                {name: each},
                allowed=f"volumes of slices below {most:g} mm along {each.axis}",
                reason=f"volumes have slices {native:g} mm apart, which would be thickened again",
            )


def _turned_far(sampled: Sampled) -> Iterator[Violation]:
    """Yield what turns thick slices far: their steps would lie where no scan has any."""
    stretched, degrees = sampled.geometry.anisotropy, bounds_of(sampled.live).degrees
    if stretched > _MOST_ANISOTROPY and degrees > _FAR_DEGREES + SLACK:
        turning = {
            name: each
            for name, each in sampled.live.items()
            if (claim_of(each.contract(sampled.modality), Flag.ORIENTATION).bound or 0.0) > 0
            or each.kind == "rot90"
        }
        yield violation(
            "SC021",
            turning,
            allowed=f"{_FAR_DEGREES:g} degrees, or voxels no longer than {_MOST_ANISOTROPY:g} of "
            f"their width",
            reason=f"volumes have voxels {stretched:.3g} times as long as wide, and turned by "
            f"{degrees:.3g} degrees their slices lie where no scanner has them",
        )


def _refused(flag: Flag, grid: ViewGrid, allowed: str, reason: str) -> Violation:
    return Violation(
        code=CODES[flag],
        transform="sampling",
        parameter="spacing_mm",
        found=f"{_sizes(grid.spacing_mm)} mm",
        allowed=allowed,
        reason=reason,
    )


def _lattice(geometry: SourceGeometry) -> str:
    """Return which spacing takes voxels as they are, in words."""
    if not geometry.is_upright:
        return (
            f"none, because voxels lie turned by up to {geometry.tilt_degrees:.2g} degrees against "
            f"the patient"
        )
    if geometry.has_one_spacing:
        return f"that of the volumes, {_sizes(geometry.finest_mm)} mm"
    return (
        f"one that all volumes have, and theirs go from {_sizes(geometry.finest_mm)} to "
        f"{_sizes(geometry.coarsest_mm)} mm"
    )


def _finer(geometry: SourceGeometry, most: float) -> str:
    return f"{most:g} HU in all, or views no coarser than {_sizes(geometry.finest_mm)} mm"


def _sizes(values: Triple) -> str:
    return " x ".join(f"{value:.7g}" for value in values)
