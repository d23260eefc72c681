"""Frozen features: what an encoder says about the plain view of each volume."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.encoders.interface import Encoder
from medcl.shapes import Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, source_of

FeatureTable = Float[np.ndarray, "n F"]
CountReport = Callable[[int, int], None]
"""Called with the number of volumes done and of all volumes."""


def silent(_done: int, _total: int) -> None:
    """Report nothing."""


def plain_views(
    store: Store, rows: Sequence[VolumeRow], *, policy: Policy, device: torch.device
) -> Views:
    """Return the un-augmented view of each volume's middle.

    Args:
        store: Where the voxels are.
        rows: Volumes.
        policy: Gives grid and window; its transforms are left out.
        device: Where to compute.

    Returns:
        Shape ``(B, C, X, Y, Z)``, normalised.
    """
    drawn = views.plain(policy, [source_of(row) for row in rows])
    contents = [
        read_boxes(store, row.key, [box])[0]
        for row, box in zip(rows, views.boxes(drawn), strict=True)
    ]
    voxels, validity = [voxels for voxels, _ in contents], [known for _, known in contents]
    return views.render(drawn, voxels, validity, device=device)[0]


def extract(
    encoder: Encoder,
    *,
    store: Store,
    rows: Sequence[VolumeRow],
    policy: Policy,
    device: torch.device,
    batch_size: int = 16,
    report: CountReport = silent,
) -> FeatureTable:
    """Return the features of volumes under a frozen encoder.

    Args:
        encoder: On ``device``; its mode and weights are left as they are.
        store: Where the voxels are.
        rows: Volumes.
        policy: Gives grid and window of the plain views.
        device: Where to compute.
        batch_size: Volumes at once.
        report: Called after each batch.

    Returns:
        Shape ``(n, F)``, float32, in the order of ``rows``.
    """
    parts = [np.zeros((0, encoder.num_features), np.float32)]
    with frozen(encoder):
        for start in range(0, len(rows), batch_size):
            chosen = rows[start : start + batch_size]
            given = plain_views(store, chosen, policy=policy, device=device)
            parts.append(encoder(given).float().cpu().numpy())
            report(start + len(chosen), len(rows))
    return np.concatenate(parts)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Evaluate a module without gradients inside the block; its mode comes back after it."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)
