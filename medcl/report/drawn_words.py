"""What was drawn for one view, in a few words below its picture."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from medcl.augment.transforms.transform import Parameters
from medcl.report.policy_words import spoken

_UNITS = {
    "degrees": "°",
    "sd_hu": "HU",
    "offset_hu": "HU",
    "sigma_mm": "mm",
    "offset_mm": "mm",
    "voxel_mm": "mm",
    "thickness_mm": "mm",
}
_ONE_IS_NOTHING = {"zoom", "factor", "exponent", "fraction", "high_band_gain"}
_TIMES = {"zoom", "factor", "high_band_gain"}
_SHARES = {"sd_fraction", "liver_cov", "alpha", "intensity", "coefficients"}


def drawn_words(parameters: Mapping[str, Parameters]) -> str:
    """Return what was drawn for a view; transforms that change nothing are left out."""
    parts: Iterator[Sequence[str]] = (
        (spoken(name), value)
        for name, drawn in parameters.items()
        if (value := _value(name, drawn))
    )
    return ", ".join(" ".join(part) for part in parts)


def _value(name: str, drawn: Parameters) -> str:
    if not drawn:
        return ""
    key, values = next(iter(drawn.items()))
    if key in _ONE_IS_NOTHING:
        is_nothing = set(values) == {1.0} or (key == "fraction" and values[0] == 0)
        times = " times" if key in _TIMES else ""
        return "" if is_nothing else f"{values[0]:.3f}{times}"
    if key == "sign":
        return "yes" if values[0] < 0 else ""
    size = float(np.abs(values).sum() if name.startswith("bias_field") else np.linalg.norm(values))
    if size == 0:
        return ""
    if key in _SHARES:
        return f"{100 * size:.3g} %"
    return f"{size:.3g} {_UNITS.get(key, '')}".strip()
