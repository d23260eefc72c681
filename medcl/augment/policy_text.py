"""Parts of a policy as plain dictionaries, lists, text and numbers, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import Normalisation
from medcl.augment.partner import OtherSeries
from medcl.augment.transforms.catalogue import Transform
from medcl.errors import ConfigError


def plain_part(part: Transform | Normalisation | OtherSeries) -> dict[str, object]:
    """Return kind and fields of a transform, a window or a partner."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    listed = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    return {"kind": part.kind, **listed}


def made_part(content: Mapping[str, Any], kinds: tuple[type, ...]) -> object:
    """Return the transform or window that `plain_part` wrote.

    Args:
        content: Kind and fields.
        kinds: What there is.

    Returns:
        One of them.

    Raises:
        ConfigError: There is no such kind, or a field is not as it must be.
    """
    by_kind = {kind.kind: kind for kind in kinds}  # type: ignore[attr-defined]
    name = content["kind"]
    if name not in by_kind:
        raise ConfigError(
            f"{name!r} is none of {', '.join(sorted(by_kind))}: without a contract a transform"
            " counts as breaking everything."
        )
    values = {key: _floats(value) for key, value in content.items() if key != "kind"}
    try:
        return by_kind[name](**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from error


def grid_of(content: Mapping[str, Any]) -> ViewGrid:
    """Return a grid from its two keys.

    Raises:
        ConfigError: There is another key.
    """
    if unknown := sorted(set(content) - {"size_voxels", "spacing_mm"}):
        raise ConfigError(f"A grid has no key {', '.join(unknown)}.")
    return ViewGrid(
        size_voxels=tuple(content["size_voxels"]), spacing_mm=_floats(content["spacing_mm"])
    )


def local_of(content: Mapping[str, Any] | None) -> LocalViews | None:
    """Return local views from their keys; ``None`` of nothing.

    Raises:
        ConfigError: There is another key.
    """
    if content is None:
        return None
    if unknown := sorted(set(content) - {"count", "size_voxels", "spacing_mm"}):
        raise ConfigError(f"Local views have no key {', '.join(unknown)}.")
    grid = grid_of({name: value for name, value in content.items() if name != "count"})
    return LocalViews(
        count=content["count"], size_voxels=grid.size_voxels, spacing_mm=grid.spacing_mm
    )


def partner_of(content: Mapping[str, Any] | None) -> OtherSeries | None:
    """Return how partners are drawn from kind and probability; ``None`` of nothing.

    Raises:
        ConfigError: There is no such kind, or another key.
    """
    if content is None:
        return None
    if (kind := content["kind"]) != OtherSeries.kind:
        raise ConfigError(f"A partner is of the kind {OtherSeries.kind}, not {kind!r}.")
    if unknown := sorted(set(content) - {"kind", "probability"}):
        raise ConfigError(f"A partner has no key {', '.join(unknown)}.")
    return OtherSeries(**{key: _floats(value) for key, value in content.items() if key != "kind"})


def plain_local(local: LocalViews) -> dict[str, object]:
    """Return what `local_of` reads."""
    return {
        "count": local.count,
        "size_voxels": list(local.size_voxels),
        "spacing_mm": list(local.spacing_mm),
    }


def _floats(value: Any) -> Any:  # noqa: ANN401 - JSON has any shape
    """Return lists as tuples and every number as a float; JSON knows neither."""
    if isinstance(value, list | tuple):
        return tuple(_floats(entry) for entry in value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number else value


def all_floats(content: object) -> object:
    """Return the content with every number as a float: 10 and 10.0 are one policy."""
    if isinstance(content, dict):
        return {key: all_floats(value) for key, value in content.items()}
    if isinstance(content, list):
        return [all_floats(value) for value in content]
    return float(content) if isinstance(content, int | float) else content
