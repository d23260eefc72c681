"""DenseNet-121 in three dimensions."""

from typing import Any

import torch
from monai.networks.nets.densenet import DenseNet121
from torch import nn
from torch.nn import functional as F

from medcl.encoders.interface import Encoder, Layout, MonaiCall
from medcl.encoders.norms import Norm, monai_norm

_LEVEL_ENDS = ("relu0", "denseblock1", "denseblock2", "denseblock3", "norm5")


def densenet121(*, in_channels: int = 1, norm: Norm = "group") -> Encoder:
    """MONAI's DenseNet-121 without its classifier.

    Args:
        in_channels: ``C`` of the views.
        norm: ``batch`` couples the samples of a batch.

    Returns:
        An encoder with ``F = 1024``. Features take any size of at least 32 voxels per axis (64
        with instance norm); the pyramid takes multiples of 32.

    References:
        Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, arXiv:1608.06993.
    """
    options: dict[str, Any] = {
        "spatial_dims": 3,
        "in_channels": in_channels,
        "out_channels": 2,
        "norm": monai_norm(norm),
    }
    network = DenseNet121(**options)
    network.class_layers.out = nn.Identity()
    return Encoder(
        network,
        stages=_stages,
        layout=Layout(
            channels=(64, 256, 512, 1024, 1024),
            strides=(2, 4, 8, 16, 32),
            smallest=64 if norm == "instance" else 32,
        ),
        description={"name": "densenet121", "in_channels": in_channels, "norm": norm},
        in_channels=in_channels,
        monai=MonaiCall(
            network="DenseNet121",
            options=options,
            adaptations=("network.class_layers.out = nn.Identity()",),
        ),
    )


def _stages(network: nn.Module, views: torch.Tensor) -> list[torch.Tensor]:
    assert isinstance(network, DenseNet121)
    maps, current = [], views
    for name, part in network.features.named_children():
        current = part(current)
        if name in _LEVEL_ENDS:
            maps.append(current)
    return [*maps[:-1], F.relu(maps[-1])]
