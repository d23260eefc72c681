"""The simplest features: mean-pooled voxels of the plain view. An encoder has to beat them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional as F

from medcl.adaptation.features import CountReport, FeatureTable, plain_views, silent
from medcl.augment.policy import Policy
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

SIDE = 16
"""Pooled voxels along each axis."""


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
