"""A decoder that can do nothing by itself: one linear map of what an encoder's maps hold."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.nn import functional as F

from medcl.shapes import Views, VoxelLogits


@runtime_checkable
class Pyramid(Protocol):
    """Whatever makes maps of views, fine to coarse; every encoder does."""

    @property
    def pyramid_channels(self) -> Sequence[int]:
        """Channels of each map."""

    def pyramid(self, views: Views) -> list[torch.Tensor]:
        """Return the maps."""


class LinearDecoder(nn.Module):
    """Logits per voxel that are linear in maps brought to the resolution of the views.

    A decoder of many layers learns a task by itself from a few label maps, whatever the encoder
    knows. This one has ``K (F + 1)`` numbers, so what it finds was in the maps before.

    Attributes:
        maps: What makes the maps.
        num_classes: ``K``, background included.

    Example:
        >>> from medcl.encoders.residual import residual
        >>> encoder = residual(width=8)
        >>> num_features = sum(encoder.pyramid_channels)
        >>> decoder = LinearDecoder(encoder, np.zeros((3, num_features)), np.zeros(3))
        >>> decoder(torch.zeros(1, 1, 32, 16, 16)).shape
        torch.Size([1, 3, 32, 16, 16])
    """

    def __init__(
        self, maps: Pyramid, weight: Float[np.ndarray, "K F"], bias: Float[np.ndarray, " K"]
    ) -> None:
        """Take a fitted linear map.

        Args:
            maps: What makes the maps; taken in, not copied.
            weight: Shape ``(K, F)``, the channels of all maps one after the other, fine to coarse.
            bias: Shape ``(K,)``.

        Raises:
            ValueError: The weights do not have as many columns as the maps have channels.
        """
        super().__init__()
        channels = list(maps.pyramid_channels)
        if weight.shape[1] != sum(channels):
            raise ValueError(
                f"The weights must have a column for each of the {sum(channels)} channels of the "
                f"maps, and have {weight.shape[1]}."
            )
        self.maps = maps
        self.num_classes = len(weight)
        ends = np.cumsum([0, *channels]).tolist()
        self.weights = nn.ParameterList(
            torch.from_numpy(weight[:, first:end]).float() for first, end in pairwise(ends)
        )
        self.bias = nn.Parameter(torch.from_numpy(bias).float())

    def forward(self, views: Views) -> VoxelLogits:
        """Return logits per voxel.

        Args:
            views: Shape ``(B, C, X, Y, Z)``, of a size that the encoder takes.

        Returns:
            Shape ``(B, K, X, Y, Z)``, not normalised; softmax over ``K`` gives probabilities.
        """
        logits = self.bias.reshape(1, -1, 1, 1, 1)
        # Of coarse maps first: K classes are brought up instead of hundreds of channels.
        for weight, found in zip(self.weights, self.maps.pyramid(views), strict=True):
            coarse = F.conv3d(found, weight[:, :, None, None, None])
            logits = logits + F.interpolate(
                coarse, size=views.shape[2:], mode="trilinear", align_corners=False
            )
        return logits


def features_at(
    maps: Sequence[torch.Tensor],
    row: int,
    places: Float[torch.Tensor, "P 3"],
    size: Sequence[int],
) -> Float[torch.Tensor, "P F"]:
    """Return what the maps of one view hold at some of its voxels, as `LinearDecoder` sees it.

    Args:
        maps: Fine to coarse, each of shape ``(B, C, x, y, z)``.
        row: Which view.
        places: Voxels of the view.
        size: Voxels of the view along each axis.

    Returns:
        Shape ``(P, F)``, the channels of all maps one after the other.
    """
    # To the convention of grid_sample: from -1 to 1 over the extent, last axis first.
    extent = torch.tensor(size, dtype=torch.float32, device=places.device)
    grid = ((places + 0.5) / extent * 2 - 1).flip(1)[None, :, None, None]
    found = [
        F.grid_sample(
            each[row : row + 1], grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        for each in maps
    ]
    return torch.cat([each[0, :, :, 0, 0] for each in found]).T
