"""Cutout: blocks that are not seen, never over a lesion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Int64

from medcl.augment.chance import Chance
from medcl.augment.contract import (
    PLACE,
    SHOWN,
    VALUES,
    Contract,
    Flag,
    PolicyModality,
    Sharing,
    keeping,
)
from medcl.augment.random_field import uniform
from medcl.augment.transforms.transform import Parameters, Setting, require_common, require_range
from medcl.errors import PolicyError
from medcl.shapes import ViewMask

Cells = Int64[torch.Tensor, "B X Y Z"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutout:
    """Hide cubes of a view, so that no single landmark is enough to recognise it.

    The view is divided into cubes, with an offset of its own, and some are hidden: taken out of
    the mask and filled with air, never with noise. Off lesions, a cube that touches the lesion
    mask is never hidden; a view whose lesions nobody marked loses no cube, and a batch without
    any lesion mask is refused. No scanner does this: it is occlusion, bounded so that anatomy stays
    recognisable.

    Attributes:
        fraction: Smallest and largest part of the view's volume that is hidden.
        edge_mm: Edge of the cubes, at most 15 mm.
        off_lesion: Keep lesion masks uncovered; without, lesions may be lost.
        probability: How often it is applied.
        sharing: Per view, or one part for the whole batch; the cubes always differ.

    References:
        DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout",
        2017.

    Example:
        >>> Cutout(fraction=(0.0, 0.05)).contract("CT")[Flag.LESION_MASS].bound
        0.0
        >>> Cutout(fraction=(0.0, 0.05), off_lesion=False).contract("CT")[Flag.LESION_MASS].bound
    """

    kind: ClassVar[str] = "cutout"
    cause: ClassVar[str] = "none: parts are covered, so that no single landmark is enough"
    fraction: tuple[float, float]
    edge_mm: float = 12.0
    off_lesion: bool = True
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("fraction", self.fraction, 0.0, 0.9)
        require_range("edge_mm", (self.edge_mm, self.edge_mm), 0.1, 15.0)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return a part of the volume, and the offset of the cubes in edges."""
        x, y, z = (chance.between(0.0, 1.0) for _ in range(3))
        return {"fraction": (chance.between(*self.fraction),), "offset_edges": (x, y, z)}

    def identity(self) -> Parameters:
        """Return nothing hidden."""
        return {"fraction": (0.0,), "offset_edges": (0.0, 0.0, 0.0)}

    def seen(
        self, mask: ViewMask, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> ViewMask:
        """Return the mask without the cubes.

        Raises:
            PolicyError: Lesions must be kept, and none are known.
        """
        if self.off_lesion and setting.lesions is None:
            raise PolicyError(
                "Cutout keeps off lesions, but no lesion masks are at hand: name a set of label"
                " maps that marks them, or set off_lesion to false for a task that no lesion"
                " decides."
            )
        shape = (mask.shape[2], mask.shape[3], mask.shape[4])
        edges = [max(int(self.edge_mm / spacing + 1e-6), 1) for spacing in setting.spacing_mm]
        cells, num_cells = _cells(shape, edges, parameters["offset_edges"])
        touched = torch.zeros(len(mask), num_cells, dtype=torch.bool, device=mask.device)
        if self.off_lesion and setting.lesions is not None:
            touched = _touched(cells, setting.lesions[:, 0], num_cells)
        # Cubes at the border are cut by it, so the part of the volume is never exceeded.
        cube_voxels = edges[0] * edges[1] * edges[2]
        wanted = torch.floor(parameters["fraction"] * mask[0, 0].numel() / cube_voxels + 1e-4)
        hidden = _chosen(touched, wanted.long(), setting)
        return mask & ~hidden.gather(1, cells.flatten(1)).reshape(mask.shape)

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return a tenth of the volume on CT and MR; heart and bladder of PET are never hidden."""
        scans = modality in {"CT", "MR_WEIGHTED", "MR_QUANTITATIVE"}
        return {"fraction": (0.0, 0.1 if scans else 0.0)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: all that is still seen, and lesions where they are kept."""
        del modality
        if self.off_lesion:
            return keeping(
                *PLACE, *VALUES, *SHOWN, Flag.HU_TEXTURE, Flag.LESION_MASS, Flag.LOWCONTRAST_CNR
            )
        return keeping(*PLACE, *VALUES, *SHOWN, Flag.HU_TEXTURE, Flag.LOWCONTRAST_CNR)


def _cells(
    shape: tuple[int, int, int], edges_voxels: list[int], offset_edges: torch.Tensor
) -> tuple[Cells, int]:
    """Return the number of the cube that each voxel of each view lies in, and their number."""
    number = torch.zeros(len(offset_edges), 1, 1, 1, dtype=torch.int64, device=offset_edges.device)
    total = 1
    for axis in range(3):
        edge = edges_voxels[axis]
        along = shape[axis] // edge + 2
        first = torch.floor(offset_edges[:, axis, None] * edge).long()
        cell = (torch.arange(shape[axis], device=offset_edges.device) + first) // edge
        view = [len(offset_edges), 1, 1, 1]
        view[1 + axis] = shape[axis]
        number = number * along + cell.reshape(view)
        total *= along
    return number, total


def _touched(
    cells: Cells, lesions: Bool[torch.Tensor, "B X Y Z"], num_cells: int
) -> Bool[torch.Tensor, "B cells"]:
    """Return which cubes hold a voxel of a lesion."""
    counts = torch.zeros(len(cells), num_cells, dtype=torch.int32, device=cells.device)
    counts.scatter_add_(1, cells.flatten(1), lesions.flatten(1).to(torch.int32))
    return counts > 0


def _chosen(
    touched: Bool[torch.Tensor, "B cells"], wanted: torch.Tensor, setting: Setting
) -> Bool[torch.Tensor, "B cells"]:
    """Return as many cubes as wanted, of those that touch no lesion."""
    scores = uniform(
        setting.seeds, touched.shape[1], stream=setting.stream, device=touched.device
    ).masked_fill(touched, 2.0)
    order = scores.sort(dim=1, stable=True).indices
    ranks = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    return (ranks < wanted) & ~touched
