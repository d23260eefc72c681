"""Floats as the integers they were: lossless linear coding of voxel values.

A scanner stores integers and a header turns them into units by a slope and an intercept. The
floats that result still hold at most 65,536 values on an even ladder. Finding that ladder again
halves the file and loses nothing; where no ladder gives back every bit, the floats stay floats.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Shaped

Values = Shaped[np.ndarray, "..."]
Levels = Float64[np.ndarray, "..."]

_SAMPLE = 20_000
_MOST_STEPS = 65_535
_SHORT = 32


@dataclass(frozen=True, slots=True)
class LinearCoding:
    """``value = code * slope + intercept``, computed in float64 and rounded once to ``dtype``.

    Attributes:
        slope: Units per code, not 0.
        intercept: Units of code 0.
        dtype: NumPy name of the type that decoding gives back.

    Example:
        >>> LinearCoding(slope=0.5, intercept=-1.0, dtype="float32").decode(
        ...     np.array([0, 3])
        ... ).tolist()
        [-1.0, 0.5]
    """

    slope: float
    intercept: float
    dtype: str

    @property
    def is_identity(self) -> bool:
        """Return whether codes are the values."""
        return self.slope == 1.0 and self.intercept == 0.0

    def decode(self, codes: Values) -> Values:
        """Return the values of ``codes`` in ``dtype``, same shape."""
        if self.is_identity:
            return codes.astype(self.dtype, copy=False)
        return (codes * self.slope + self.intercept).astype(self.dtype)

    def encode(self, values: Values) -> Values | None:
        """Return int16 or uint16 codes that decode to every bit of ``values``, or ``None``."""
        steps = np.rint((values.astype(np.float64) - self.intercept) / self.slope)
        low, high = float(steps.min()), float(steps.max())
        if not (low >= -32768 and high <= 65535) or (low < 0 and high > 32767):
            return None
        codes = steps.astype(np.int16 if high <= 32767 else np.uint16)
        return codes if _same_bits(self.decode(codes), values) else None


def exact_linear_coding(values: Values) -> tuple[Values, LinearCoding] | None:
    """Return 16-bit codes and the coding that turns them back into every bit of ``values``.

    Each float was rounded from ``code * slope + intercept``, so it confines slope and intercept to
    a strip; the strips of all floats meet in a small region or not at all. A sample settles most
    volumes, since what no ladder holds for a part, none holds for the whole.

    Args:
        values: float16, float32 or float64, any shape, not empty.

    Returns:
        Codes (int16 or uint16, same shape) and their coding, verified; ``None`` where there is
        no such coding: values off any ladder, not finite, or negative zeros.

    Example:
        >>> raw = np.arange(-3, 9, dtype=np.int16)
        >>> codes, coding = exact_linear_coding((raw * 0.37 + 2.0).astype(np.float32))
        >>> round(coding.slope, 6), codes.dtype.name
        (0.37, 'int16')
        >>> exact_linear_coding(np.random.default_rng(0).random(50, dtype=np.float32)) is None
        True
    """
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return None
    whole = LinearCoding(1.0, 0.0, values.dtype.name)
    if (codes := whole.encode(values)) is not None:
        return codes, whole
    stride = max(1, values.size // _SAMPLE)
    for part in (values.ravel()[::stride], values.ravel()):
        found = _ladders(np.unique(part).astype(np.float64), values.dtype)
        if not found:
            return None
        for coding in found:
            if (codes := coding.encode(values)) is not None:
                return codes, coding
    return None


def _same_bits(left: Values, right: Values) -> bool:
    return bool((left == right).all()) and bool((np.signbit(left) == np.signbit(right)).all())


def _ladders(levels: Levels, dtype: np.dtype) -> list[LinearCoding]:
    """Return the codings that hold all of the sorted distinct ``levels``, plainest first."""
    if len(levels) > _MOST_STEPS + 1:
        return []
    if len(levels) == 1:
        return [LinearCoding(1.0, float(levels[0]), dtype.name)]
    margin = np.spacing(np.abs(levels).astype(dtype)).astype(np.float64) / 2
    steps = _steps(np.diff(levels), tolerance=2 * float(margin.max()))
    if steps is None or steps[-1] > _MOST_STEPS:
        return []
    pairs = [*_through_zero(levels, margin, steps), *_anywhere(levels, margin, steps)]
    codings = [
        LinearCoding(float(slope), float(intercept), dtype.name) for slope, intercept in pairs
    ]
    return [coding for coding in codings if coding.encode(levels.astype(dtype)) is not None]


def _steps(gaps: Levels, *, tolerance: float) -> Levels | None:
    """Return how many steps of one ladder each level lies above the lowest, or ``None``."""
    step = _common_step(np.unique(gaps), tolerance)
    if step is None:
        return None
    # Short gaps settle the step well enough to count the steps in longer ones, and so on.
    reach = 2 * float(gaps.min())
    while reach < 2 * float(gaps.max()):
        near = gaps[gaps <= reach]
        step = float(near.sum() / np.rint(near / step).sum())
        reach *= 2
    counted = np.rint(gaps / step)
    if np.abs(gaps - counted * step).max() > 0.25 * step:
        return None
    return np.concatenate([[0.0], np.cumsum(counted)])


def _common_step(gaps: Levels, tolerance: float) -> float | None:
    """Return the longest step of which all of the shortest ``gaps`` are whole multiples."""
    shortest = float(gaps[0])
    gaps = gaps[gaps < _SHORT * shortest]
    for divisor in range(1, _SHORT):
        step = shortest / divisor
        if step < 4 * tolerance:
            return None
        rest = np.abs(gaps - step * np.rint(gaps / step))
        if (rest <= tolerance * (1 + gaps / shortest)).all():
            return step
    return None


def _through_zero(levels: Levels, margin: Levels, steps: Levels) -> Iterator[tuple[float, float]]:
    """Yield slopes for an intercept of exactly 0, where the levels allow one."""
    slope = (levels[-1] - levels[0]) / steps[-1]
    codes = steps + np.rint(levels[0] / slope)
    used = codes != 0
    if used.any() and not levels[~used].any():
        edges = np.sort(
            [(levels - margin)[used] / codes[used], (levels + margin)[used] / codes[used]], axis=0
        )
        for plain in _plain_numbers(float(edges[0].max()), float(edges[1].min())):
            yield plain, 0.0


def _anywhere(levels: Levels, margin: Levels, steps: Levels) -> Iterator[tuple[float, float]]:
    """Yield slope and intercept where the strips of all levels overlap most widely."""
    lower, upper = levels - margin, levels + margin

    def strip(slope: float) -> tuple[float, float]:
        return float((lower - steps * slope).max()), float((upper - steps * slope).min())

    def width(slope: float) -> float:
        low, high = strip(slope)
        return high - low

    low = float(lower[-1] - upper[0]) / steps[-1]
    high = float(upper[-1] - lower[0]) / steps[-1]
    for _ in range(80):
        third = (high - low) / 3
        if width(low + third) < width(high - third):
            low += third
        else:
            high -= third
    middle = (low + high) / 2
    for slope in _plain_numbers(middle, middle):
        if width(slope) > -4 * np.finfo(np.float64).eps * float(np.abs(levels).max()):
            for intercept in _plain_numbers(*strip(slope)):
                yield slope, intercept


def _plain_numbers(low: float, high: float) -> list[float]:
    """Return the middle of two bounds with ever more digits, from where it lies between them."""
    middle = (low + high) / 2
    slack = max((high - low) / 2, 0.0) + 1e-7 * abs(middle)
    rounded = [float(f"{middle:.{digits}g}") for digits in range(1, 17)]
    return [number for number in dict.fromkeys([*rounded, middle]) if abs(number - middle) <= slack]
