"""A small residual network: few narrow blocks, for two cores and for small views."""

from typing import Any

import torch
from monai.networks.nets.resnet import ResNet
from torch import nn

from medcl.encoders.interface import Encoder, Layout, MonaiCall
from medcl.encoders.norms import Norm, check_width, monai_norm, replace_batch_norm


def residual(
    *,
    in_channels: int = 1,
    width: int = 16,
    blocks: tuple[int, int, int, int] = (1, 1, 1, 1),
    stem_stride: int = 2,
    norm: Norm = "group",
) -> Encoder:
    """A ResNet with a 3x3x3 stem and no max pooling.

    Args:
        in_channels: ``C`` of the views.
        width: Channels of the finest map, a multiple of 8; each level doubles them, so that
            ``F = 8 * width``.
        blocks: Basic blocks per level; ones make a ResNet-10.
        stem_stride: 1 or 2. The levels have strides ``s, 2s, 4s, 8s``. With 1 the finest map has
            the resolution of the view, at about eight times the cost.
        norm: ``batch`` couples the samples of a batch.

    Returns:
        An encoder. Features take any size of at least ``8 * stem_stride`` voxels per axis (twice
        that with instance norm, which needs more than one voxel); the pyramid takes its multiples.

    Raises:
        ValueError: An option is out of its range.

    References:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385,
        in three dimensions as Hara et al., arXiv:1711.09577. Wu and He, "Group Normalization",
        ECCV 2018, arXiv:1803.08494.

    Example:
        >>> encoder = residual(width=8)
        >>> encoder(torch.zeros(2, 1, 32, 32, 32)).shape
        torch.Size([2, 64])
        >>> encoder.pyramid_channels, encoder.pyramid_strides
        ((8, 16, 32, 64), (2, 4, 8, 16))
    """
    check_width("residual", width, multiple=8)
    if stem_stride not in {1, 2}:
        raise ValueError(f"stem_stride of residual must be 1 or 2, got {stem_stride}.")
    if min(blocks) < 1:
        raise ValueError(f"blocks of residual must be at least 1 each, got {blocks}.")
    channels = tuple(width * 2**level for level in range(4))
    options: dict[str, Any] = {
        "block": "basic",
        "layers": list(blocks),
        "block_inplanes": list(channels),
        "n_input_channels": in_channels,
        "conv1_t_size": 3,
        "conv1_t_stride": stem_stride,
        "no_max_pool": True,
        "bias_downsample": False,
        "feed_forward": False,
        "norm": monai_norm(norm),
    }
    network = ResNet(**options)
    adaptations = replace_batch_norm(network, norm)
    return Encoder(
        network,
        stages=_stages,
        layout=Layout(
            channels=channels,
            strides=tuple(stem_stride * 2**level for level in range(4)),
            smallest=8 * stem_stride * (2 if norm == "instance" else 1),
        ),
        description={
            "name": "residual",
            "in_channels": in_channels,
            "width": width,
            "blocks": list(blocks),
            "stem_stride": stem_stride,
            "norm": norm,
        },
        in_channels=in_channels,
        monai=MonaiCall(network="ResNet", options=options, adaptations=adaptations),
    )


def _stages(network: nn.Module, views: torch.Tensor) -> list[torch.Tensor]:
    assert isinstance(network, ResNet)
    maps = [network.layer1(network.act(network.bn1(network.conv1(views))))]
    for layer in (network.layer2, network.layer3, network.layer4):
        maps.append(layer(maps[-1]))
    return maps
