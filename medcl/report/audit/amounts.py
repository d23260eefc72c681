"""Numbers of an audit with their units, as a page shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]
"""A part of ``audit.json``."""

_NOTHING = 1e-5
_UNITS = {"deg": "°", "fraction": "%", "of determinants": "% of voxels"}


def number(value: float) -> str:
    """Return a figure with three significant digits; what rounding leaves over is 0.

    Args:
        value: Any finite number.

    Returns:
        Never with an exponent: fewer digits where a figure is next to nothing.

    Example:
        >>> number(0.000123456), number(0.0000456), number(1234.5), number(0.0)
        ('0.000123', '0.00005', '1234', '0')
    """
    if abs(value) < _NOTHING:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.5f}" if abs(value) < 1e-4 else f"{value:.3g}"


def interval(ends: Sequence[float]) -> str:
    """Return an interval as text."""
    return f"[{number(ends[0])}, {number(ends[1])}]"


def shares(ends: Sequence[float]) -> str:
    """Return an interval of shares in per cent."""
    return f"[{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]"


def percent(share: float) -> str:
    """Return a share in per cent, with two digits that count.

    Example:
        >>> percent(1.0), percent(0.0561), percent(0.11)
        ('100', '5.6', '11')
    """
    return f"{float(f'{100 * share:.2g}'):g}"


def unit_words(unit: str) -> str:
    """Return a unit as it is read: parts are in per cent.

    Example:
        >>> unit_words("of the length"), unit_words("deg"), unit_words("HU of bone")
        ('% of the length', '°', 'HU of bone')
    """
    return _UNITS.get(unit) or (f"% {unit}" if unit.startswith("of ") else unit)


def in_unit(value: float, unit: str) -> float:
    """Return a value in the unit that is read: parts are multiplied by 100.

    Example:
        >>> in_unit(0.25, "of the length"), in_unit(0.25, "HU")
        (25.0, 0.25)
    """
    return 100 * value if unit_words(unit).startswith("%") else value


def amount(value: float, unit: str) -> str:
    """Return a value with its unit.

    Example:
        >>> amount(0.52249, "fraction"), amount(12.0, "deg"), amount(3.0, "")
        ('52.2 %', '12 °', '3')
    """
    return f"{number(in_unit(value, unit))} {unit_words(unit)}".strip()
