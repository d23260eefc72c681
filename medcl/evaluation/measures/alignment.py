"""Where the other series really lies: moved, turned, magnified or mirrored against its header.

Headers say that two series lie in one frame of reference. A patient who moved between them, or a
header that is wrong, is seen by the pictures alone: they agree better somewhere else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from medcl.evaluation.measures.agreement import FEWEST_POINTS, Shared
from medcl.shapes import Points, Vector3

_FINEST = 16
_FIRST_TURN_DEGREES, _FIRST_ZOOM = 4.0, 0.04
_LONG_MM = 60.0
_GAIN = 1.01
"""A step counts where agreement grows by this much: noise alone moves nothing."""

_CLEARLY = 1.05
"""Another place, or a mirror image, must agree by so much better or worse for it to be told."""

_LEAST_MORE = 0.01
"""Chance makes some thousand values in 16 x 16 cells agree by as much."""

_SIGNS = [np.array(signs) for signs in product((1.0, -1.0), repeat=3)]
_MIRRORED = [signs for signs in _SIGNS if np.prod(signs) < 0]
_TURNED = [signs for signs in _SIGNS if np.prod(signs) > 0 and signs.min() < 0]
_LEAST_INSIDE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """Where a series lies against its header, as the pictures say.

    Attributes:
        shift_mm: How far it is off, along world axes R, A, S.
        turn_degrees: By what angle; 0 where the shared part is too flat to tell.
        zoom: Largest magnification along an axis, as a fraction off 1; 0 likewise.
        is_told: Whether agreement falls clearly aside of the place that was found; otherwise the
            figures mean nothing.
        is_cut: Whether it may lie farther off still, along an axis that both share little of.
        agreement: Of both series by their headers, 0 to 1.
        looks_mirrored: Whether a mirror image agrees clearly better; ``None`` where neither is
            clearly better than the other.
        looks_upside_down: The same of half a turn about an axis.
    """

    shift_mm: tuple[float, float, float]
    turn_degrees: float
    zoom: float
    is_told: bool
    is_cut: bool
    agreement: float
    looks_mirrored: bool | None
    looks_upside_down: bool | None

    @property
    def off_mm(self) -> float:
        """How far it is off in all."""
        return float(np.linalg.norm(self.shift_mm))


def alignment_of(shared: Shared, *, reach_mm: float) -> Alignment:
    """Return where the other series agrees best.

    A lattice of shifts is tried first, so that a distant place is found too; then shift, turn and
    zoom are refined from there by ever smaller steps. Along an axis that the shared part is short
    along, it is looked for within a third of it.

    Args:
        shared: The places that both show.
        reach_mm: How far it is looked for along each axis, in mm.

    Returns:
        What was found.
    """
    reach = np.minimum(reach_mm, shared.extent_mm / 3)
    coarse = _lattice(shared, reach / 2, np.ones(3), steps=(0, -1, 1, -2, 2))
    starts = [np.zeros(9), np.concatenate([max(coarse, key=lambda each: each[0])[1], np.zeros(6)])]
    at_header, elsewhere = (
        _refined(lambda it: shared.agreement(_moved(shared, it)), start, _steps(shared, reach))
        for start in starts
    )
    best, parameters = elsewhere if elsewhere[0] > _GAIN * at_header[0] else at_header
    shift, turn, zoom = np.split(parameters, 3)
    aside = float(np.median([found for found, _ in coarse]))
    found = _moved(shared, parameters)
    return Alignment(
        shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
        turn_degrees=float(np.linalg.norm(turn)),
        zoom=float(np.abs(np.exp(zoom) - 1).max()),
        is_told=_is_clearly_more(best, aside),
        is_cut=bool(((np.abs(shift) >= reach - 1e-6) & (reach < reach_mm)).any()),
        agreement=shared.agreement(shared.points),
        looks_mirrored=_any(_clearly_over(shared, reach, signs, found) for signs in _MIRRORED),
        looks_upside_down=_any(_clearly_over(shared, reach, signs, found) for signs in _TURNED),
    )


def _any(told: Iterable[bool | None]) -> bool | None:
    """Return whether one is true; ``None`` where none is and one is not known."""
    known = list(told)
    return True if True in known else None if None in known else False


def _clearly_over(shared: Shared, reach: Vector3, signs: Vector3, found: Points) -> bool | None:
    """Return whether the other series agrees clearly better when turned over.

    Both are asked of the same places, for what little two volumes share at an odd shift may be of
    one tissue; and of the body alone, for its outline is the same on both sides.
    """
    near = reach / 2
    _, start = max(_lattice(shared, near, signs, steps=(0, -1, 1)), key=lambda each: each[0])
    over = _over(shared, signs)
    _, shift = _refined(lambda shift: shared.agreement(over + shift), start, near / 4)
    both = shared.held(over + shift) & shared.held(found)
    which = both & shared.body
    if both.mean() < _LEAST_INSIDE or which.sum() < FEWEST_POINTS:
        return None
    part = shared.only(which)
    other, itself = part.agreement((over + shift)[which]), part.agreement(found[which])
    if _is_clearly_more(other, itself):
        return True
    return False if _is_clearly_more(itself, other) else None


def _is_clearly_more(one: float, other: float) -> bool:
    return one > _CLEARLY * other and one - other > _LEAST_MORE


_Found = tuple[float, np.ndarray]
"""Agreement, and where."""


def _lattice(
    shared: Shared, step_mm: Vector3, signs: Vector3, *, steps: Sequence[int]
) -> list[_Found]:
    """Return agreement at a lattice of shifts, of the series as it is or turned over."""
    over = _over(shared, signs)
    shifts = [np.asarray(each) * step_mm for each in product(steps, repeat=3)]
    return [(shared.agreement(over + shift), shift) for shift in shifts]


def _over(shared: Shared, signs: Vector3) -> Points:
    """Return the points mirrored along some axes, about the middle of the other volume."""
    source = shared.second.case.source
    middle = source.affine[:3, :3] @ ((np.asarray(source.shape) - 1) / 2) + source.affine[:3, 3]
    is_over = signs < 0
    return np.where(is_over, 2 * middle - shared.points, shared.points)


def _moved(shared: Shared, parameters: np.ndarray) -> Points:
    """Return the points shifted by mm, turned by degrees and zoomed by logarithms."""
    shift, turn, zoom = np.split(parameters, 3)
    middle = shared.middle_mm
    about = (shared.points - middle) * np.exp(zoom)
    return np.asarray(Rotation.from_rotvec(turn, degrees=True).apply(about) + middle + shift)


def _steps(shared: Shared, reach: Vector3) -> np.ndarray:
    """Return first steps of shift, turn and zoom; 0 for what the shared part is too flat for."""
    long = shared.extent_mm >= _LONG_MM
    across = np.array([long[1] & long[2], long[0] & long[2], long[0] & long[1]])
    return np.concatenate([reach / 4, across * _FIRST_TURN_DEGREES, long * _FIRST_ZOOM])


def _refined(
    agreement: Callable[[np.ndarray], float], start: np.ndarray, steps: Sequence[float] | np.ndarray
) -> _Found:
    """Return the best place that single steps lead to, each half as long as those before.

    References:
        Hooke and Jeeves, "Direct search solution of numerical and statistical problems", 1961.
    """
    best, place = agreement(start), np.array(start, dtype=float)
    size = 1.0
    while size * _FINEST >= 1:
        has_moved = False
        for number, step in enumerate(steps):
            for sign in (1.0, -1.0) if step else ():
                tried = place.copy()
                tried[number] += sign * size * step
                found = agreement(tried)
                if found > _GAIN * best:
                    best, place, has_moved = found, tried, True
                    break
        if not has_moved:
            size /= 2
    return best, place
