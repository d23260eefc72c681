"""The simplest features: means of the voxels themselves. An encoder has to beat them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from medcl.adaptation.features import CountReport, FeatureTable, plain_views, silent
from medcl.augment.policy import Policy
from medcl.shapes import Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

SIDE = 16
"""Pooled voxels along each axis."""

STRIDES = (1, 2, 4, 8, 16)
"""Voxels along each axis of the cubes that `VoxelPyramid` takes the means of."""


def voxel_features(
    *,
    store: Store,
    rows: Sequence[VolumeRow],
    policy: Policy,
    device: torch.device,
    batch_size: int = 16,
    report: CountReport = silent,
) -> FeatureTable:
    """Return plain views pooled to 16 x 16 x 16 voxels, as one row per volume.

    Args:
        store: Where the voxels are.
        rows: Volumes, all with the same number of channels ``C``.
        policy: Gives grid and window of the plain views.
        device: Where to compute.
        batch_size: Volumes at once.
        report: Called after each batch.

    Returns:
        Shape ``(n, C * 4096)``, float32, normalised like views, in the order of ``rows``.
    """
    parts = []
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        given = plain_views(store, chosen, policy=policy, device=device)
        parts.append(F.adaptive_avg_pool3d(given, SIDE).flatten(1).cpu().numpy())
        report(start + len(chosen), len(rows))
    return np.concatenate(parts) if parts else np.zeros((0, SIDE**3), np.float32)


class VoxelPyramid(nn.Module):
    """Means over cubes of voxels instead of an encoder's maps, for `probe_segmentation`.

    Attributes:
        pyramid_channels: ``C`` for each of `STRIDES`.

    Example:
        >>> maps = VoxelPyramid(1).pyramid(torch.zeros(1, 1, 20, 8, 8))
        >>> [tuple(found.shape[2:]) for found in maps]
        [(20, 8, 8), (10, 4, 4), (5, 2, 2), (3, 1, 1), (2, 1, 1)]
    """

    def __init__(self, in_channels: int) -> None:
        """Remember the channels of the views."""
        super().__init__()
        self.pyramid_channels = (in_channels,) * len(STRIDES)

    def pyramid(self, views: Views) -> list[torch.Tensor]:
        """Return means of cubes, fine to coarse."""
        found = []
        for stride in STRIDES:
            x, y, z = (-(-length // stride) for length in views.shape[2:])
            found.append(F.adaptive_avg_pool3d(views, (x, y, z)))
        return found
