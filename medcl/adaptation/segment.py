"""Label maps on the grid the volume came in: windows over the volume, one way back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from monai.inferers.utils import sliding_window_inference
from torch import nn
from torch.nn import functional as F

from medcl.adaptation.cases import SegmentationCase, SegmentationTask
from medcl.adaptation.features import frozen
from medcl.augment import views
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.views import Drawn
from medcl.shapes import Affine, LabelMap, ViewMask, Views
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, source_of

OVERLAP = 0.5
"""Part of a window that the next one shares along each axis."""

_WINDOWS = 4
_POINTS = 2**22  # native voxels that are put back at once


VoxelNetwork = Callable[[torch.Tensor], torch.Tensor]
"""Views ``(B, C, X, Y, Z)`` → logits ``(B, K, X, Y, Z)``."""

Measure = Callable[[LabelMap, LabelMap], Sequence[float]]
"""``(predicted, true) -> Dice of each foreground class``, on the native grid."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Canvas:
    """A whole volume at the spacing of the views.

    Attributes:
        drawn: Where it lies.
        views: Shape ``(1, C, X, Y, Z)``, no smaller than a view, normalised.
        mask: Shape ``(1, 1, X, Y, Z)``, where it was measured.
    """

    drawn: Drawn
    views: Views
    mask: ViewMask


def canvas_of(*, store: Store, row: VolumeRow, policy: Policy, device: torch.device) -> Canvas:
    """Return a volume brought to the spacing of the views in one interpolation."""
    canvas = replace(policy, grid=covering_grid(row, policy.grid), transforms=(), partner=None)
    drawn = views.plain(canvas, [source_of(row)])
    ((voxels, validity),) = read_boxes(store, row.key, views.boxes(drawn))
    given, mask = views.render(drawn, [voxels], [validity], device=device)
    return Canvas(drawn=drawn, views=given, mask=mask)


def segment(
    network: VoxelNetwork,
    *,
    store: Store,
    row: VolumeRow,
    policy: Policy,
    device: torch.device,
) -> Int64[np.ndarray, "X Y Z"]:
    """Return the class of every voxel of a volume.

    The whole volume is brought to the spacing of the views in one interpolation, the network is
    slid over it by half a view, and its blended logits are brought back to the volume's own grid
    in one more. Then the largest wins.

    Args:
        network: In evaluation mode, on ``device``.
        store: Where the voxels are.
        row: The volume.
        policy: Gives size and spacing of the windows, and the normalisation.
        device: Where to compute.

    Returns:
        Class indices, shape of the volume.
    """
    canvas = canvas_of(store=store, row=row, policy=policy, device=device)
    with torch.no_grad():
        logits = sliding_window_inference(
            canvas.views,
            roi_size=policy.grid.size_voxels,
            sw_batch_size=_WINDOWS,
            predictor=network,
            overlap=OVERLAP,
            mode="gaussian",
        )
    assert isinstance(logits, torch.Tensor)
    return put_back(logits.float(), views.view_affines(canvas.drawn)[0], row.affine, row.shape)


def measured(
    network: nn.Module,
    task: SegmentationTask,
    *,
    policy: Policy,
    device: torch.device,
    measure: Measure,
) -> list[SegmentationCase]:
    """Return how well a network does on the test volumes of a task, each on its native grid."""
    cases = []
    with frozen(network):
        for row in task.test:
            found = segment(network, store=task.store, row=row, policy=policy, device=device)
            truth = task.store.read_label_map(task.label_set, row.key)
            dice = tuple(measure(found, truth))
            cases.append(SegmentationCase(key=row.key, patient_key=row.patient_key, dice=dice))
    return cases


def covering_grid(row: VolumeRow, grid: ViewGrid) -> ViewGrid:
    """Return a grid of the same spacing that covers the volume and is no smaller than a view."""
    spacing = np.asarray(grid.spacing_mm)
    extent = np.abs(row.affine[:3, :3]) @ np.asarray(row.shape, dtype=float)
    # One voxel more, because the centre may be moved by half a voxel onto the volume's lattice.
    needed = np.ceil(extent / spacing - 1e-6).astype(int) + 1
    x, y, z = np.maximum(needed, grid.size_voxels).tolist()
    return ViewGrid(size_voxels=(x, y, z), spacing_mm=grid.spacing_mm)


def put_back(
    logits: Float[torch.Tensor, "1 K X Y Z"],
    logits_affine: Affine,
    affine: Affine,
    shape: tuple[int, int, int],
) -> Int64[np.ndarray, "x y z"]:
    """Return the largest class at every voxel of another grid.

    Args:
        logits: On a grid that covers the other one.
        logits_affine: Its voxel index → RAS+ mm.
        affine: Voxel index → RAS+ mm of the grid to fill.
        shape: Shape of the grid to fill.

    Returns:
        Class indices of shape ``shape``. Logits are interpolated linearly, classes never.
    """
    matrix = torch.from_numpy(np.linalg.inv(logits_affine) @ affine)
    slab = max(1, _POINTS // (shape[1] * shape[2]))
    parts = [
        _slab(logits, matrix, range(start, min(start + slab, shape[0])), shape)
        for start in range(0, shape[0], slab)
    ]
    return torch.cat(parts).cpu().numpy()


def _slab(
    logits: torch.Tensor, matrix: torch.Tensor, planes: range, shape: tuple[int, int, int]
) -> torch.Tensor:
    axes = [torch.tensor(planes), torch.arange(shape[1]), torch.arange(shape[2])]
    index = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).double()
    place = index @ matrix[:3, :3].T + matrix[:3, 3]
    last = torch.tensor(logits.shape[2:], dtype=torch.float64) - 1
    grid = (place / last.clamp_min(1) * 2 - 1).flip(-1).float().to(logits.device)
    values = F.grid_sample(
        logits, grid[None], mode="bilinear", padding_mode="border", align_corners=True
    )
    return values[0].argmax(dim=0)
