"""The encoder of SwinUNETR: a Swin transformer with shifted windows in three dimensions."""

from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinUNETR
from torch import nn

from medcl.encoders.interface import Encoder, Layout, MonaiCall
from medcl.encoders.norms import check_width


def swin_unetr(*, in_channels: int = 1, width: int = 24) -> Encoder:
    """MONAI's SwinUNETR without its decoder; layer norm throughout.

    Args:
        in_channels: ``C`` of the views.
        width: MONAI's ``feature_size``, a multiple of 12; ``F = 16 * width``. Published weights
            are of width 48.

    Returns:
        An encoder. Features and pyramid take sizes that are multiples of 32. A whole
        ``monai.networks.nets.SwinUNETR`` takes up its weights under ``swinViT.``.

    Raises:
        ValueError: The width is no multiple of 12.

    References:
        Hatamizadeh et al., "Swin UNETR", arXiv:2201.01266; Tang et al., CVPR 2022,
        arXiv:2111.14791 (pretraining of this encoder).

    Example:
        >>> swin_unetr(width=12).pyramid_channels
        (12, 24, 48, 96, 192)
    """
    check_width("swin_unetr", width, multiple=12)
    options: dict[str, Any] = {
        "in_channels": in_channels,
        "out_channels": 2,
        "feature_size": width,
    }
    return Encoder(
        SwinUNETR(**options).swinViT,
        stages=_stages,
        layout=Layout(
            channels=tuple(width * 2**level for level in range(5)),
            strides=(2, 4, 8, 16, 32),
            feature_multiple=32,
            smallest=32,
        ),
        description={"name": "swin_unetr", "in_channels": in_channels, "width": width},
        in_channels=in_channels,
        monai=MonaiCall(network="SwinUNETR", options=options, prefix="swinViT."),
    )


def _stages(network: nn.Module, views: torch.Tensor) -> list[torch.Tensor]:
    maps: list[torch.Tensor] = network(views, normalize=True)
    return maps
