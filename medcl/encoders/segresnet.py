"""The encoder half of SegResNet."""

from typing import Any

import torch
from monai.networks.nets.segresnet import SegResNet
from torch import nn

from medcl.encoders.interface import Encoder, Layout, MonaiCall
from medcl.encoders.norms import Norm, check_width, monai_norm


def segresnet(*, in_channels: int = 1, width: int = 16, norm: Norm = "group") -> Encoder:
    """MONAI's SegResNet without its decoder.

    Args:
        in_channels: ``C`` of the views.
        width: Channels at the resolution of the view, a multiple of 8; ``F = 8 * width``.
        norm: ``batch`` couples the samples of a batch.

    Returns:
        An encoder whose finest map has the resolution of the view. Features take any size of at
        least 8 voxels per axis (16 with instance norm); the pyramid takes multiples of 8. A
        whole ``monai.networks.nets.SegResNet`` takes up its weights by the same names.

    References:
        Myronenko, BrainLes 2018, arXiv:1810.11654.

    Example:
        >>> segresnet(width=8).pyramid_strides
        (1, 2, 4, 8)
    """
    check_width("segresnet", width, multiple=8)
    options: dict[str, Any] = {
        "spatial_dims": 3,
        "init_filters": width,
        "in_channels": in_channels,
        "norm": monai_norm(norm),
    }
    network = SegResNet(**options)
    network.up_layers, network.up_samples = nn.ModuleList(), nn.ModuleList()
    network.conv_final = nn.Identity()
    return Encoder(
        network,
        stages=_stages,
        layout=Layout(
            channels=tuple(width * 2**level for level in range(4)),
            strides=(1, 2, 4, 8),
            smallest=16 if norm == "instance" else 8,
        ),
        description={
            "name": "segresnet",
            "in_channels": in_channels,
            "width": width,
            "norm": norm,
        },
        in_channels=in_channels,
        monai=MonaiCall(network="SegResNet", options=options),
    )


def _stages(network: nn.Module, views: torch.Tensor) -> list[torch.Tensor]:
    assert isinstance(network, SegResNet)
    maps: list[torch.Tensor] = network.encode(views)[1]
    return maps
