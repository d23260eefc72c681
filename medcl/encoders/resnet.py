"""ResNet-18 and ResNet-50 in three dimensions, as MONAI and MedicalNet lay them out."""

from typing import Any, Literal

import torch
from monai.networks.nets.resnet import ResNet
from torch import nn

from medcl.encoders.interface import Encoder, Layout, MonaiCall
from medcl.encoders.norms import Norm, check_width, monai_norm, replace_batch_norm

_BLOCKS: dict[int, tuple[str, list[int], int]] = {
    18: ("basic", [2, 2, 2, 2], 1),
    50: ("bottleneck", [3, 4, 6, 3], 4),
}


def resnet(
    *,
    depth: Literal[18, 50],
    in_channels: int = 1,
    width: int = 64,
    stem_stride: int = 2,
    norm: Norm = "group",
) -> Encoder:
    """A ResNet with a 7x7x7 stem and max pooling.

    Shortcuts that change the shape are convolutions (type B): MONAI's type A cuts the gradient.

    Args:
        depth: 18 (basic blocks) or 50 (bottlenecks).
        in_channels: ``C`` of the views.
        width: Channels of the stem, a multiple of 8; ``F`` is 8 times it, 32 times for depth 50.
        stem_stride: 1 or 2; the coarsest stride is 16 times it.
        norm: ``batch`` couples the samples of a batch.

    Returns:
        An encoder. Features take any size of at least ``16 * stem_stride`` voxels per axis (twice
        that with instance norm); the pyramid takes its multiples.

    Raises:
        ValueError: An option is out of its range.

    References:
        He et al., CVPR 2016, arXiv:1512.03385; Chen et al., "Med3D", arXiv:1904.00625.

    Example:
        >>> encoder = resnet(depth=18, width=8)
        >>> encoder.num_features, encoder.pyramid_strides
        (64, (2, 4, 8, 16, 32))
    """
    if depth not in _BLOCKS:
        raise ValueError(f"depth of resnet must be 18 or 50, got {depth}.")
    name = f"resnet{depth}"
    check_width(name, width, multiple=8)
    if stem_stride not in {1, 2}:
        raise ValueError(f"stem_stride of {name} must be 1 or 2, got {stem_stride}.")
    block, layers, expansion = _BLOCKS[depth]
    planes = [width * 2**level for level in range(4)]
    options: dict[str, Any] = {
        "block": block,
        "layers": layers,
        "block_inplanes": planes,
        "n_input_channels": in_channels,
        "conv1_t_stride": stem_stride,
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
            channels=(width, *(channels * expansion for channels in planes)),
            strides=tuple(stem_stride * 2**level for level in range(5)),
            smallest=16 * stem_stride * (2 if norm == "instance" else 1),
        ),
        description={
            "name": name,
            "in_channels": in_channels,
            "width": width,
            "stem_stride": stem_stride,
            "norm": norm,
        },
        in_channels=in_channels,
        monai=MonaiCall(network="ResNet", options=options, adaptations=adaptations),
    )


def _stages(network: nn.Module, views: torch.Tensor) -> list[torch.Tensor]:
    assert isinstance(network, ResNet)
    maps = [network.act(network.bn1(network.conv1(views)))]
    maps.append(network.layer1(network.maxpool(maps[0])))
    for layer in (network.layer2, network.layer3, network.layer4):
        maps.append(layer(maps[-1]))
    return maps
