"""Motion: the patient moves once or twice while k-space is filled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch.nn import functional as F

from medcl.augment.chance import Chance
from medcl.augment.contract import Contract, Flag, PolicyModality, Sharing, bounded, preserving
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    require_axis,
    require_common,
    require_range,
)
from medcl.shapes import Views

_EVENTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """Take late lines of k-space from a view in which the head or body has moved rigidly.

    Lines are taken in order along the phase axis. The movement comes after the middle of k-space,
    so anatomy stays in its place, and edges double. The second movement is as large as the first
    at most, and half of the draws have none.

    Attributes:
        degrees: Smallest and largest angle of a movement.
        mm: Smallest and largest way of a movement.
        axis: Phase-encoding axis; ``y`` is usual for axial MR.
        probability: How often it is applied.
        sharing: Per view, or one draw for the whole batch.

    Example:
        >>> Motion(degrees=(0.0, 2.0), mm=(0.0, 2.0)).limits("MR_WEIGHTED")["degrees"]
        (0.0, 3.0)
    """

    kind: ClassVar[str] = "motion"
    cause: ClassVar[str] = "patient moved once or twice during an MR scan"
    degrees: tuple[float, float]
    mm: tuple[float, float]
    axis: Literal["x", "y", "z"] = "y"
    probability: float = 1.0
    sharing: Sharing = "independent"

    def __post_init__(self) -> None:
        """Refuse impossible ranges."""
        require_range("degrees", self.degrees, 0.0, 90.0)
        require_range("mm", self.mm, 0.0, 100.0)
        require_axis(self.axis)
        require_common(self.probability, self.sharing)

    def draw(self, chance: Chance) -> Parameters:
        """Return two rotation vectors, two ways, and when they begin as parts of half of k-space.

        Positions are relative to where the patient lay at first, not to the movement before.
        """
        turns, ways = [], []
        for _ in range(_EVENTS):
            turns.append(chance.direction() * chance.between(*self.degrees))
            ways.append(chance.direction() * chance.between(*self.mm))
        if chance.between(-1.0, 1.0) < 0:
            turns[1], ways[1] = turns[0], ways[0]
        return {
            "degrees": tuple(float(each) for turn in turns for each in turn),
            "mm": tuple(float(each) for way in ways for each in way),
            "begin": (chance.between(0.1, 0.5), chance.between(0.5, 0.9)),
        }

    def identity(self) -> Parameters:
        """Return no movement."""
        return {"degrees": (0.0,) * 6, "mm": (0.0,) * 6, "begin": (1.0, 1.0)}

    def apply(
        self, views: Views, parameters: Mapping[str, torch.Tensor], setting: Setting
    ) -> Views:
        """Return magnitudes of views whose late lines of k-space have moved."""
        axis = 2 + "xyz".index(self.axis)
        degrees, mm = parameters["degrees"].to(views), parameters["mm"].to(views)
        begin = parameters["begin"].to(views)
        place = 2.0 * torch.fft.fftfreq(views.shape[axis], device=views.device)
        ends = (begin[:, 1:], torch.full_like(begin[:, 1:], 2.0))
        shape = [len(views), 1, 1, 1, 1]
        shape[axis] = -1
        change = torch.zeros((), dtype=torch.complex64, device=views.device)
        for event in range(_EVENTS):
            part = slice(3 * event, 3 * event + 3)
            moved = _moved(views, degrees[:, part], mm[:, part], setting.spacing_mm)
            lines = (place >= begin[:, event, None]) & (place < ends[event])
            spectrum = torch.fft.fft(moved - views, dim=axis)
            change = change + spectrum * lines.reshape(shape)
        added = torch.fft.ifft(change, dim=axis)
        magnitude = torch.hypot(views + added.real, added.imag)
        is_still = (degrees == 0.0).all(dim=1) & (mm == 0.0).all(dim=1)
        return torch.where(is_still.reshape(-1, 1, 1, 1, 1), views, magnitude)

    def resamples(self) -> bool:
        """Return whether any draw moves: what has moved is interpolated."""
        return max(self.degrees[1], self.mm[1]) > 0

    def limits(self, modality: PolicyModality) -> Mapping[str, tuple[float, float]]:
        """Return 3 degrees and 3 mm for weighted MR, nothing elsewhere."""
        most = 3.0 if modality == "MR_WEIGHTED" else 0.0
        return {"degrees": (0.0, most), "mm": (0.0, most)}

    def contract(self, modality: PolicyModality) -> Contract:
        """Return what is preserved: the place of anatomy, within the angle; edges double."""
        del modality
        return preserving(
            Flag.HU_CALIBRATION,
            Flag.HU_TEXTURE,
            Flag.LESION_MASS,
            Flag.UPTAKE_ABS,
            Flag.UPTAKE_RATIO,
            Flag.UPTAKE_TOTAL,
            Flag.LOWCONTRAST_CNR,
            orientation=bounded(self.degrees[1], "deg"),
        )


def _moved(
    views: Views,
    degrees: Float[torch.Tensor, "B 3"],
    mm: Float[torch.Tensor, "B 3"],
    spacing_mm: tuple[float, float, float],
) -> Views:
    """Return views turned about their centre and moved; beyond the edge lies the edge voxel."""
    x, y, z = torch.deg2rad(degrees).unbind(dim=1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    back = torch.linalg.matrix_exp(-skew)
    # grid_sample wants coordinates from -1 to 1 over the extent, last axis first.
    half = torch.tensor(
        [size * step / 2 for size, step in zip(views.shape[2:], spacing_mm, strict=True)],
        device=views.device,
    )
    linear = back * half / half[:, None]
    offset = -(back * mm[:, None, :]).sum(dim=2) / half
    theta = torch.cat([linear.flip((1, 2)), offset.flip(1)[:, :, None]], dim=2)
    grid = F.affine_grid(theta, list(views.shape), align_corners=False)
    return F.grid_sample(views, grid, padding_mode="border", align_corners=False)
