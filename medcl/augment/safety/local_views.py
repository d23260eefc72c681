"""What a local view teaches beside a global one: that size, place and lesions do not matter.

A local view is a positive of both global views of its volume, and lies in one of them. It has the
transforms of the policy drawn anew, on a grid of its own. So the difference between a local and a
global view is that between two views, and on top of it that of two spacings and two extents.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from medcl.augment.contract import Flag, PolicyModality, Region, claim_of
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.safety.departures import bounds_of
from medcl.augment.safety.refusing import SLACK, Transforms, is_independent, probability_of
from medcl.augment.safety.spatial_bounds import seen_in
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags, required_flags, tolerance_of
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.transforms.crop import Crop

_BETWEEN = "between a local view and a global one"


def find_local_violations(
    *,
    modality: PolicyModality,
    region: Region,
    grid: ViewGrid,
    local: LocalViews,
    transforms: Transforms,
    task: TaskProfile,
) -> list[Violation]:
    """Return every reason to refuse local views, all transforms of the policy together.

    Args:
        modality: What the volumes are.
        region: How far a patient may turn.
        grid: Of the global views.
        local: The local views.
        transforms: By name, in order; those that never happen do not count.
        task: What the encoder is for.

    Returns:
        Violations, none if safe.
    """
    live = {name: each for name, each in transforms.items() if probability_of(each) > 0}
    needed = set(required_flags(task, modality)) - set(meaningless_flags(task, modality))
    found = [
        *_by_spacing(grid, local, live, region, needed),
        *_by_extent(grid, local, live, modality, region, needed),
    ]
    return [each for each in found if each is not None]


def _by_spacing(
    grid: ViewGrid, local: LocalViews, transforms: Transforms, region: Region, needed: set[Flag]
) -> Iterator[Violation | None]:
    """Yield what a spacing of their own breaks; nothing where both have one spacing."""
    if np.allclose(grid.spacing_mm, local.spacing_mm, rtol=0.0, atol=SLACK):
        return
    x, y, z = np.divide(grid.spacing_mm, local.spacing_mm).tolist()
    bounds = seen_in(bounds_of(transforms), (x, y, z))
    departures = {
        Flag.ORIENTATION: bounds.degrees_between,
        Flag.PHYSICAL_SCALE: bounds.stretch_between - 1,
        Flag.UPTAKE_TOTAL: bounds.volume_between - 1,
    }
    allowed = f"{_sizes(grid.spacing_mm)} mm, as of the global views"
    for flag, departure in departures.items():
        if flag in needed:
            tolerance = tolerance_of(flag, region)
            yield _violation(
                flag,
                "spacing_mm",
                _sizes(local.spacing_mm),
                departure,
                tolerance.between,
                tolerance.unit,
                allowed=allowed,
            )
    if Flag.HU_TEXTURE in needed:
        yield Violation(
            code=CODES[Flag.HU_TEXTURE],
            transform="local",
            parameter="spacing_mm",
            found=_sizes(local.spacing_mm),
            allowed=allowed,
            reason="noise is drawn together differently on two grids",
        )


def _by_extent(
    grid: ViewGrid,
    local: LocalViews,
    transforms: Transforms,
    modality: PolicyModality,
    region: Region,
    needed: set[Flag],
) -> Iterator[Violation | None]:
    """Yield a violation where a local view leaves out what a global one shows: lesions, uptake.

    As for a crop, the part of a lesion that both show is at least what they share, in expectation
    over its place. The local view lies in one global view; of the other one it may show so much
    less as that does not share.
    """
    part = float(np.prod(local.grid.extent_mm) / np.prod(grid.extent_mm))
    apart = sum(1 - each.min_overlap for each in transforms.values() if isinstance(each, Crop))
    whole = {
        Flag.LESION_MASS: "views that show whole lesions",
        Flag.UPTAKE_TOTAL: "views that show all uptake",
    }
    for flag, allowed in whole.items():
        if flag not in needed:
            continue
        lost = 1 - max(part - apart, 0.0)
        # What changes the lesion itself may do so in either view.
        lost += sum(
            2 * (claim_of(each.contract(modality), flag).bound or 0.0)
            for each in transforms.values()
            if is_independent(each) and not isinstance(each, Crop)
        )
        tolerance = tolerance_of(flag, region)
        yield _violation(
            flag,
            "size_voxels",
            _sizes(local.size_voxels),
            min(lost, 1.0),
            tolerance.between,
            tolerance.unit,
            allowed=allowed,
        )


def _violation(
    flag: Flag,
    parameter: str,
    found: str,
    departure: float,
    most: float,
    unit: str,
    *,
    allowed: str,
) -> Violation | None:
    if departure <= most + SLACK:
        return None
    return Violation(
        code=CODES[flag],
        transform="local",
        parameter=parameter,
        found=found,
        allowed=allowed,
        reason=f"{flag.value} departs by up to {departure:.3g} {unit} {_BETWEEN} (limit {most:g})",
    )


def _sizes(values: Sequence[int] | Sequence[float]) -> str:
    return " x ".join(f"{value:g}" for value in values)
