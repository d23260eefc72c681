"""Whether the values of a CT are Hounsfield units: air at -1000, water at 0.

A rescale applied twice puts air at -2024, one left out puts it at 0, a window saved as a scan or a
wrong slope puts air and tissue at any other distance. Two anchors are enough to tell, where both
are in view: the commonest value of what is gas and the commonest value of what is not.
"""

from medcl.store.measures import HuScale
from medcl.store.statistics import Levels, without_padding
from medcl.store.two_classes import two_classes

_FEWEST = 0.02
_GAS_HU = (-1100.0, -700.0)
_TISSUE_HU = (-200.0, 400.0)
_BODY_HU = (-250.0, 250.0)
_PEAK_HU = 50.0
_NEGATIVES = 0.005


def hu_scale(levels: Levels) -> HuScale:
    """Return whether a CT's values are Hounsfield units.

    The histogram, without padding, is parted in two by Otsu's threshold. The commonest value of the
    dark part must be that of air or lung, -1100 to -700 HU, the commonest of the bright part that
    of fat, soft tissue or enhanced blood, -200 to 400 HU. A shift by less than 300 HU or a slope
    wrong by less than a third can pass.

    Args:
        levels: Values and counts.

    Returns:
        ``plausible`` if both are where they belong, ``shifted`` if one is not, ``unknown`` where
        less than 2 % of the voxels are in one of the parts, or where both are tissue.

    Example:
        >>> import numpy as np
        >>> air, tissue = np.arange(-1010.0, -989.0), np.arange(20.0, 61.0)
        >>> scan = Levels(np.concatenate([air, tissue]), np.full(62, 100))
        >>> hu_scale(scan), hu_scale(scan._replace(values=scan.values - 1024))
        ('plausible', 'shifted')
    """
    inner = without_padding(levels)
    parts = two_classes(inner)
    if parts is None or min(parts.fractions) < _FEWEST:
        return "unknown"
    if parts.centres[-1] - parts.centres[0] < _PEAK_HU:
        return "unknown"
    gas, tissue = parts.modes(_PEAK_HU)
    if _is_within(gas, _GAS_HU) and _is_within(tissue, _TISSUE_HU):
        return "plausible"
    return "unknown" if _is_within(gas, _BODY_HU) and _has_negatives(inner) else "shifted"


def _has_negatives(levels: Levels) -> bool:
    """Return whether some values lie below water, as in any tissue and in no unscaled CT."""
    return float(levels.counts[levels.values < 0].sum()) > _NEGATIVES * levels.total


def _is_within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
