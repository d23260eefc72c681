"""Encoders by name: built from a name and plain options, described so that they can be rebuilt."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from medcl.encoders.densenet import densenet121
from medcl.encoders.interface import Encoder
from medcl.encoders.residual import residual
from medcl.encoders.resnet import resnet
from medcl.encoders.segresnet import segresnet
from medcl.encoders.swin_unetr import swin_unetr

EncoderName = Literal["residual", "resnet18", "resnet50", "densenet121", "segresnet", "swin_unetr"]


def build_encoder(name: EncoderName, *, in_channels: int = 1, **options: Any) -> Encoder:  # noqa: ANN401
    """Build an encoder with fresh weights.

    Args:
        name: The family.
        in_channels: ``C`` of the views.
        options: The family's own options, see its function: ``residual`` takes ``width``,
            ``blocks``, ``stem_stride``, ``norm``; ``resnet18`` and ``resnet50`` take ``width``,
            ``stem_stride``, ``norm``; ``densenet121`` takes ``norm``; ``segresnet`` takes
            ``width``, ``norm``; ``swin_unetr`` takes ``width``. An option that is ``None`` keeps
            the family's default.

    Returns:
        An encoder in training mode.

    Raises:
        ValueError: The name or an option is unknown to the family, or out of range.

    Example:
        >>> build_encoder("residual", width=8).num_features
        64
    """
    given = {key: value for key, value in options.items() if value is not None}
    if "blocks" in given:
        given["blocks"] = tuple(given["blocks"])
    try:
        match name:
            case "residual":
                return residual(in_channels=in_channels, **given)
            case "resnet18":
                return resnet(depth=18, in_channels=in_channels, **given)
            case "resnet50":
                return resnet(depth=50, in_channels=in_channels, **given)
            case "densenet121":
                return densenet121(in_channels=in_channels, **given)
            case "segresnet":
                return segresnet(in_channels=in_channels, **given)
            case "swin_unetr":
                return swin_unetr(in_channels=in_channels, **given)
    except TypeError as error:
        raise ValueError(f"Encoder {name} does not take these options: {error}.") from None
    raise ValueError(f"An encoder is one of {', '.join(get_args(EncoderName))}, got {name!r}.")


def describe(encoder: Encoder) -> dict[str, object]:
    """Return name and options of an encoder, JSON values only, defaults included.

    Example:
        >>> describe(build_encoder("segresnet"))
        {'name': 'segresnet', 'in_channels': 1, 'width': 16, 'norm': 'group'}
    """
    return encoder.description


def rebuild(description: Mapping[str, Any]) -> Encoder:
    """Build the encoder that a description tells of, with fresh weights.

    Args:
        description: From `describe`, perhaps through JSON.

    Returns:
        An encoder of the same architecture.

    Raises:
        ValueError: It has no name, or an unknown name or option.

    Example:
        >>> rebuild(describe(build_encoder("residual", width=8))).num_features
        64
    """
    if "name" not in description:
        raise ValueError("The description of an encoder must have a name; there is none.")
    return build_encoder(**description)
