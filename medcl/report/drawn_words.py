"""What was drawn for one view, in a few words below its picture."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from medcl.augment.transforms.transform import Parameters

_UNITS = {"degrees": "°", "sd_hu": "HU", "offset_hu": "HU", "sigma_mm": "mm", "offset_mm": "mm"}
_ONE_IS_NOTHING = {"zoom", "factor", "exponent", "fraction"}


def drawn_words(parameters: Mapping[str, Parameters]) -> str:
    """Return what was drawn for a view; transforms that change nothing are left out."""
    parts: Iterator[Sequence[str]] = (
        (name.replace("_", " "), value)
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
        return "" if is_nothing else f"{values[0]:.3f}"
    if key == "sign":
        return "yes" if values[0] < 0 else ""
    size = float(np.abs(values).sum() if name.startswith("bias_field") else np.linalg.norm(values))
    return f"{size:.3g} {_UNITS.get(key, '')}".strip() if size > 0 else ""
