"""Normalisation layers that do not couple the samples of a batch."""

from typing import Literal, get_args

from monai.networks.layers.utils import get_norm_layer
from torch import nn

Norm = Literal["group", "instance", "batch"]
"""``group``: 8 groups of channels; ``instance``: each channel alone; ``batch``: couples samples."""

NUM_GROUPS = 8

_MONAI: dict[Norm, tuple[str, dict[str, object]]] = {
    "group": ("group", {"num_groups": NUM_GROUPS}),
    "instance": ("instance", {"affine": True}),
    "batch": ("batch", {}),
}
_SOURCE: dict[Norm, str] = {
    "group": f"nn.GroupNorm({NUM_GROUPS}, old.num_features)",
    "instance": "nn.InstanceNorm3d(old.num_features, affine=True)",
}


def monai_norm(norm: Norm) -> tuple[str, dict[str, object]]:
    """Return MONAI's spelling of a norm.

    Args:
        norm: One of `Norm`.

    Returns:
        Name and options as MONAI's ``norm`` arguments take them.

    Raises:
        ValueError: The name is none of `Norm`.

    Example:
        >>> monai_norm("group")
        ('group', {'num_groups': 8})
    """
    if norm not in _MONAI:
        raise ValueError(f"norm must be one of {', '.join(get_args(Norm))}, got {norm!r}.")
    return _MONAI[norm]


def replace_batch_norm(network: nn.Module, norm: Norm) -> tuple[str, ...]:
    """Put another norm where a MONAI ``ResNet`` has batch norm, in place.

    MONAI 1.6.1 hands the ``norm`` argument of ``ResNet`` to the stem alone; every residual block
    is built with batch norm whatever was asked for.

    Args:
        network: Changed in place; the names of its parameters stay.
        norm: ``batch`` changes nothing.

    Returns:
        The same change as Python source, for whoever rebuilds the network without medcl.

    Example:
        >>> network = nn.Sequential(nn.BatchNorm3d(16))
        >>> len(replace_batch_norm(network, "group")), network[0].num_groups
        (1, 8)
    """
    if norm == "batch":
        return ()
    found = [(at, part) for at, part in network.named_modules() if isinstance(part, nn.BatchNorm3d)]
    for name, old in found:
        new = get_norm_layer(monai_norm(norm), spatial_dims=3, channels=old.num_features)
        network.set_submodule(name, new)
    return (
        "for name, old in [(n, m) for n, m in network.named_modules() "
        f"if isinstance(m, nn.BatchNorm3d)]: network.set_submodule(name, {_SOURCE[norm]})",
    )


def check_width(family: str, width: int, *, multiple: int) -> None:
    """Refuse a width that the family's layers cannot divide.

    Args:
        family: Name in the message.
        width: Channels of the finest map.
        multiple: What it must be a positive multiple of.

    Raises:
        ValueError: It is not.
    """
    if width < multiple or width % multiple:
        raise ValueError(
            f"width of {family} must be a positive multiple of {multiple}, got {width}."
        )
