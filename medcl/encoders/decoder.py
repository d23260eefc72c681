"""A U-Net decoder on the pyramid of any encoder."""

from itertools import pairwise

import torch
from monai.networks.blocks.dynunet_block import UnetOutBlock
from monai.networks.blocks.unetr_block import UnetrBasicBlock, UnetrUpBlock
from torch import nn

from medcl.encoders.interface import Encoder
from medcl.shapes import Views, VoxelLogits

_NORM = ("instance", {"affine": True})
_SMALLEST_WIDTH = 8


class PyramidDecoder(nn.Module):
    """Encoder and decoder: logits per voxel at the resolution of the views.

    From coarse to fine, each level is brought up by a transposed convolution, joined to the
    encoder's map of that level, and mixed by a residual block. Where the finest map is coarser
    than the view, one block on the view itself gives the detail that is missing. Instance norm
    keeps the samples of a batch apart.

    Attributes:
        encoder: The encoder, a submodule; its parameters are named ``encoder.*``.
        num_classes: ``K``, background included.

    References:
        Ronneberger et al., "U-Net", MICCAI 2015, arXiv:1505.04597; the blocks are MONAI's of
        Hatamizadeh et al., "UNETR", WACV 2022, arXiv:2103.10504.

    Example:
        >>> from medcl.encoders.residual import residual
        >>> network = PyramidDecoder(residual(width=8), num_classes=3)
        >>> network(torch.zeros(1, 1, 32, 16, 16)).shape
        torch.Size([1, 3, 32, 16, 16])
    """

    def __init__(self, encoder: Encoder, *, num_classes: int) -> None:
        """Build a decoder that fits the encoder's pyramid.

        Args:
            encoder: Taken in, not copied.
            num_classes: ``K >= 2``, background included.

        Raises:
            ValueError: There are fewer than two classes.
        """
        super().__init__()
        if num_classes < 2:
            raise ValueError(
                f"num_classes counts the background too: at least 2, got {num_classes}."
            )
        self.encoder = encoder
        self.num_classes = num_classes
        channels, strides = list(encoder.pyramid_channels), list(encoder.pyramid_strides)
        self.detail: nn.Module | None = None
        if strides[0] > 1:
            width = max(_SMALLEST_WIDTH, channels[0] // 2)
            self.detail = UnetrBasicBlock(
                3, encoder.in_channels, width, 3, 1, _NORM, res_block=True
            )
            channels, strides = [width, *channels], [1, *strides]
        self.ups = nn.ModuleList(
            UnetrUpBlock(3, coarse, fine, 3, up, _NORM, res_block=True)
            for (fine, coarse), up in zip(pairwise(channels), _factors(strides), strict=True)
        )
        self.out = UnetOutBlock(3, channels[0], num_classes)

    def forward(self, views: Views) -> VoxelLogits:
        """Return logits per voxel.

        Args:
            views: Shape ``(B, C, X, Y, Z)``; sizes are multiples of ``encoder.size_multiple``.

        Returns:
            Shape ``(B, K, X, Y, Z)``, not normalised; softmax over ``K`` gives probabilities.
        """
        maps = self.encoder.pyramid(views)
        if self.detail is not None:
            maps = [self.detail(views), *maps]
        mixed = maps[-1]
        for up, skip in zip(reversed(self.ups), reversed(maps[:-1]), strict=True):
            mixed = up(mixed, skip)
        logits: torch.Tensor = self.out(mixed)
        return logits

    def decoder_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that do not belong to the encoder."""
        return [part for name, part in self.named_parameters() if not name.startswith("encoder.")]


def _factors(strides: list[int]) -> list[int]:
    return [coarse // fine for fine, coarse in pairwise(strides)]
