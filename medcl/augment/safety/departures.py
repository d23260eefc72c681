"""How far bounded quantities may depart, all transforms together, against what a task tolerates.

Geometry and values have intervals (`spatial_bounds`, `value_bounds`); what has no such bound adds
up.
"""

import math

from medcl.augment.contract import Flag, PolicyModality, claim_of
from medcl.augment.safety.native_noise import drowned, presumed_noise_of
from medcl.augment.safety.refusing import (
    Transforms,
    is_independent,
    measured,
    probability_of,
    violation,
)
from medcl.augment.safety.spatial_bounds import SpatialBounds, SpatialStep, compose
from medcl.augment.safety.tasks import (
    LESION_VOLUME_TOLERANCE,
    SLOPE_TOLERANCE,
    TISSUE_TOLERANCES_HU,
    Tolerance,
)
from medcl.augment.safety.value_bounds import LineStep, contrast_left, departure_of, gain_of
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.transforms.catalogue import IntensityTransform, SpatialTransform
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.worst_case import HasLine, HasSpread, Line


def departing(
    live: Transforms,
    flag: Flag,
    modality: PolicyModality,
    tolerance: Tolerance,
    native: float | None = None,
) -> list[Violation]:
    """Return a violation where what is bounded exceeds, all together, what a task tolerates.

    Args:
        live: Transforms that happen, by name.
        flag: What may depart.
        modality: What the volumes are.
        tolerance: Of the task.
        native: Noise of the scans, where `medcl.augment.safety.native_noise` knows it.
    """
    bounds = bounds_of(live)
    guilty = {
        name: each
        for name, each in live.items()
        if (claim_of(each.contract(modality), flag).bound or 0.0) > 0
    }
    if flag is Flag.ORIENTATION:
        return measured(flag, guilty, bounds.degrees, bounds.degrees_between, tolerance)
    if flag is Flag.PHYSICAL_SCALE:
        low, high = bounds.stretch
        view, between = max(high - 1, 1 - low), bounds.stretch_between - 1
        return measured(flag, guilty, view, between, tolerance)
    if flag is Flag.TOPOLOGY:
        return _folding(live, bounds)
    if flag is Flag.HU_CALIBRATION and modality == "CT":
        return _uncalibrated(live, guilty, modality)
    if flag in {Flag.UPTAKE_ABS, Flag.UPTAKE_TOTAL}:
        low, high, ratio = gain_of(lines_of(live, flag, modality))
        if flag is Flag.UPTAKE_TOTAL:
            # What one view leaves out of the sum the other one may hold.
            crops = [claim_of(each.contract(modality), flag) for each in _crops(live)]
            kept = 1 - max((claim.bound or 0.0 for claim in crops), default=0.0)
            low, high = low * bounds.volume[0] * kept, high * bounds.volume[1]
            ratio = ratio * bounds.volume_between / kept if kept > 0 else math.inf
        return measured(flag, guilty, max(high - 1, 1 - low), ratio - 1, tolerance)
    if flag is Flag.LOWCONTRAST_CNR:
        return _faint(guilty, modality, tolerance, native)
    claims = {
        name: claim_of(each.contract(modality), flag).bound or 0.0 for name, each in guilty.items()
    }
    view = sum(claims.values(), 0.0)
    # A crop's bound is a property of the pair already; others may err in opposite directions.
    between = sum(
        (
            bound * (1 if live[name].kind == "crop" else 2)
            for name, bound in claims.items()
            if is_independent(live[name])
        ),
        0.0,
    )
    found = measured(flag, guilty, view, between, tolerance)
    if flag is Flag.LESION_MASS:
        found += _resized(live, bounds, modality)
    return found


def _resized(live: Transforms, bounds: SpatialBounds, modality: PolicyModality) -> list[Violation]:
    """Return a violation where a lesion changes its volume by more than readers differ by."""
    low, high = bounds.volume
    resizing = {
        name: each
        for name, each in live.items()
        if (claim_of(each.contract(modality), Flag.PHYSICAL_SCALE).bound or 0.0) > 0
    }
    return measured(
        Flag.LESION_MASS,
        resizing,
        max(high - 1, 1 - low),
        bounds.volume_between - 1,
        LESION_VOLUME_TOLERANCE,
        " (volume)",
    )


def _crops(live: Transforms) -> list[Crop]:
    return [each for each in live.values() if isinstance(each, Crop)]


def _folding(live: Transforms, bounds: SpatialBounds) -> list[Violation]:
    """Return a violation where anatomy could fold; a map of positive volume everywhere cannot."""
    if 0 < bounds.volume[0] <= bounds.volume[1] < float("inf"):
        return []
    named = {name: each for name, each in live.items() if isinstance(each, Displacement)}
    reason = "volumes may shrink to nothing or fold"
    return [violation(CODES[Flag.TOPOLOGY], named, allowed="no folding", reason=reason)]


def lines_of(live: Transforms, flag: Flag, modality: PolicyModality) -> list[LineStep]:
    """Return every transform of values as a line; what only claims a bound may err either way.

    Args:
        live: Transforms that happen, by name.
        flag: Which bound counts of those that are no line.
        modality: What the volumes are.
    """
    steps = []
    for each in live.values():
        if not isinstance(each, IntensityTransform):
            continue
        bound = claim_of(each.contract(modality), flag).bound or 0.0
        line = each.line() if isinstance(each, HasLine) else Line()
        if line == Line():
            is_offset = flag is Flag.HU_CALIBRATION
            either_way = Line(offset=(-bound, bound)), Line(gain=(1 - bound, 1 + bound))
            line = either_way[0] if is_offset else either_way[1]
        certain = probability_of(each) == 1
        steps.append(LineStep(line, is_independent=is_independent(each), is_certain=certain))
    return steps


def _uncalibrated(
    live: Transforms, guilty: Transforms, modality: PolicyModality
) -> list[Violation]:
    steps = lines_of(live, Flag.HU_CALIBRATION, modality)
    for name, (value, most) in TISSUE_TOLERANCES_HU.items():
        departure = departure_of(value, steps)
        tolerance = Tolerance(most, most, "HU")
        found = measured(
            Flag.HU_CALIBRATION, guilty, departure.view, departure.between, tolerance, f" of {name}"
        )
        if found:
            return found
    low, high, ratio = gain_of(steps)
    view = max(high - 1, 1 - low)
    return measured(Flag.HU_CALIBRATION, guilty, view, ratio - 1, SLOPE_TOLERANCE, " (slope)")


def _faint(
    guilty: Transforms, modality: PolicyModality, tolerance: Tolerance, native: float | None
) -> list[Violation]:
    noisy: list[float] = []
    others: list[float] = []
    least = 0.0
    for each in guilty.values():
        bound = claim_of(each.contract(modality), Flag.LOWCONTRAST_CNR).bound or 0.0
        bound, least = drowned(each, bound, native), max(least, presumed_noise_of(each, native))
        is_noise = isinstance(each, HasSpread) and any("noise" in what for what in each.spread())
        (noisy if is_noise else others).append(bound)
    # One view may have all of it and the other none, so the difference is as large as the loss.
    lost = 1 - contrast_left(noisy, others)
    beside = f" beside {least:g} HU of noise" if least > 0 and modality == "CT" else ""
    return measured(Flag.LOWCONTRAST_CNR, guilty, lost, lost, tolerance, beside)


def bounds_of(live: Transforms) -> SpatialBounds:
    """Return what the spatial transforms of a policy amount to at worst."""
    spatial = [each for each in live.values() if isinstance(each, SpatialTransform)]
    # Displacements act in the view, after all matrices; one field moves other anatomy in each.
    spatial.sort(key=lambda each: isinstance(each, Displacement))
    return compose(
        SpatialStep(
            each.extremes(),
            is_independent=is_independent(each) or isinstance(each, Displacement),
            is_certain=each.probability == 1,
        )
        for each in spatial
    )
