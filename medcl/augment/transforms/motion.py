"""Motion: the patient moves once or twice while k-space is filled."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float

from medcl.augment.chance import Chance
from medcl.augment.contract import SHOWN, Contract, Flag, PolicyModality, Sharing, bounded, keeping
from medcl.augment.interpolation.resampling import resampled
from medcl.augment.transforms.transform import (
    Parameters,
    Setting,
    require_axis,
    require_common,
    require_range,
)
from medcl.shapes import Views

Vectors = Float[torch.Tensor, "B 3"]

_EVENTS = 2
_Movement = tuple[Vectors, Vectors, torch.Tensor, torch.Tensor]


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
        size = views.shape[axis]
        shape = [len(views), 1, 1, 1, 1]
        shape[axis] = -1
        # Late lines are positive frequencies, half of k-space: all that is transformed. A line
        # without its mirror image is half of a real wave, and as much of that a quarter later.
        place = 2.0 * torch.fft.fftfreq(size, device=views.device)[: size // 2 + 1]
        change: torch.Tensor | None = None
        for turn, way, start, end in _movements(degrees, mm, begin):
            moved = _moved(views, turn, way, setting.spacing_mm, compiled=setting.compiled)
            lines = (place >= start[:, None]) & (place < end[:, None]) & (place > 0)
            weights = lines.to(views).mul_(0.5).reshape(shape)
            late = torch.fft.rfft(moved.sub_(views), dim=axis).mul_(weights)
            change = late if change is None else change.add_(late)
        assert change is not None
        real = torch.fft.irfft(change, n=size, dim=axis)
        imaginary = torch.fft.irfft(change.mul_(-1j), n=size, dim=axis)
        magnitude = torch.hypot(real.add_(views), imaginary)
        is_still = (degrees == 0.0).all(dim=1) & (mm == 0.0).all(dim=1)
        if views.device.type == "cpu" and not is_still.any():
            return magnitude
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
        return keeping(
            *SHOWN,
            Flag.LATERALITY,
            Flag.PHYSICAL_SCALE,
            Flag.SPACING_TRUTH,
            Flag.TOPOLOGY,
            Flag.CONTRAST_POLARITY,
            orientation=bounded(self.degrees[1], "deg"),
        )


def _movements(
    degrees: Float[torch.Tensor, "B 6"],
    mm: Float[torch.Tensor, "B 6"],
    begin: Float[torch.Tensor, "B 2"],
) -> list[_Movement]:
    """Return each movement as turns, ways, and the parts of half of k-space it begins and ends at.

    A second one that does not differ from the first is none of its own. A GPU would have to be
    waited for to know.
    """
    first, second = slice(0, 3), slice(3, 6)
    end = torch.full_like(begin[:, 0], 2.0)
    on_cpu = degrees.device.type == "cpu"
    if on_cpu and all(torch.equal(each[:, first], each[:, second]) for each in (degrees, mm)):
        return [(degrees[:, first], mm[:, first], begin[:, 0], end)]
    return [
        (degrees[:, first], mm[:, first], begin[:, 0], begin[:, 1]),
        (degrees[:, second], mm[:, second], begin[:, 1], end),
    ]


def _moved(
    views: Views,
    degrees: Vectors,
    mm: Vectors,
    spacing_mm: tuple[float, float, float],
    *,
    compiled: bool = False,
) -> Views:
    """Return views turned about their centre and moved; beyond the edge lies the edge voxel."""
    spacing, middle = torch.tensor(
        [spacing_mm, [(size - 1) / 2 for size in views.shape[2:]]], dtype=mm.dtype
    ).to(views.device, non_blocking=True)
    back = _rotations(-degrees) * spacing / spacing[:, None]
    offset = middle - (back * (middle + mm / spacing)[:, None, :]).sum(dim=2)
    return resampled(views, torch.cat([back, offset[:, :, None]], dim=2), compiled=compiled)


def _rotations(degrees: Vectors) -> Float[torch.Tensor, "B 3 3"]:
    """Return rotations by vectors along their axes, by the formula of Rodrigues."""
    x, y, z = torch.deg2rad(degrees).unbind(dim=1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).reshape(-1, 3, 3)
    turns = torch.deg2rad(degrees).norm(dim=1)[:, None, None] / math.pi
    # sinc(t) is sin(pi t) / (pi t), and 1 where nothing turns.
    square = (skew[:, :, :, None] * skew[:, None]).sum(dim=2)
    still = torch.eye(3, dtype=degrees.dtype, device=degrees.device)
    return still + torch.sinc(turns) * skew + torch.sinc(turns / 2) ** 2 / 2 * square
