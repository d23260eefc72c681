"""Drawing: what one view of one volume is, as a pure function of its address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from medcl.augment.chance import Chance, CornerChance, RandomChance
from medcl.augment.contract import Sharing
from medcl.augment.drawing.placing import Place, draw_inside, draw_partner, draw_pose
from medcl.augment.drawing.pose import Move, Pose, centre_pose, moved_pose
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.transforms.catalogue import IntensityTransform, LinearTransform
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.transform import Linear, Parameters
from medcl.augment.warp import Warp
from medcl.runtime.seeds import generator


@dataclass(frozen=True, slots=True)
class Address:
    """The words that one view's randomness hangs on.

    Attributes:
        seed: Seed of the run.
        step: Training step.
        word: Of the volume.
        view: Which view of the volume; -1, -2, … are its local views.
        corners: Whether only ends of ranges are drawn.
    """

    seed: int
    step: int
    word: str
    view: int
    corners: bool

    def chance(self, name: str, sharing: Sharing = "independent") -> Chance:
        """Return where the numbers of one transform come from."""
        own = (self.word, self.view) if sharing == "independent" else ()
        random = generator(self.seed, self.step, name, *own)
        return CornerChance(random) if self.corners else RandomChance(random)


def draw_global(
    policy: Policy, source: Source, address: Address
) -> tuple[Pose, Mapping[str, Parameters]]:
    """Return where a view looks, and what was drawn for each of its transforms.

    View 0 lies anywhere; views 1, 2, … keep with view 0 what the policy's crop asks for.
    """
    move, spatial = _draw_move(policy, policy.grid, address)
    pose = _place(policy, source, address, move)
    return pose, {**spatial, **_draw_values(policy, address)}


def draw_local(
    policy: Policy, source: Source, address: Address, *, outer: Pose
) -> tuple[Pose, Mapping[str, Parameters]]:
    """Return where a local view looks inside of another one, and what was drawn for it.

    Raises:
        ValueError: The policy has no local views.
    """
    if policy.local is None:
        raise ValueError(f"The policy {policy.name} must have local views; it has none.")
    grid = policy.local.grid
    move, spatial = _draw_move(policy, grid, address)
    chance = address.chance("crop")
    pose = draw_inside(chance, source, grid, move, outer=outer, around=policy.grid)
    return pose, {**spatial, **_draw_values(policy, address)}


def _draw_move(
    policy: Policy, grid: ViewGrid, address: Address
) -> tuple[Move, dict[str, Parameters]]:
    parameters: dict[str, Parameters] = {}
    linear: Linear = np.eye(3)
    offset = np.zeros(3)
    warp: Warp | None = None
    for name, transform in policy.named.items():
        if isinstance(transform, LinearTransform | Displacement):
            chance = address.chance(name, transform.sharing)
            happens = chance.happens(transform.probability)
            if isinstance(transform, Displacement):
                drawn = transform.draw(chance, grid) if happens else transform.identity()
                warp = transform.warp(drawn, grid)
            else:
                drawn = transform.draw(chance) if happens else transform.identity()
                linear = transform.linear(drawn) @ linear
                offset = offset + transform.offset_mm(drawn)
            parameters[name] = drawn
    return Move(linear, offset, warp), parameters


def _draw_values(policy: Policy, address: Address) -> dict[str, Parameters]:
    parameters: dict[str, Parameters] = {}
    for name, transform in policy.named.items():
        if isinstance(transform, IntensityTransform):
            chance = address.chance(name, transform.sharing)
            happens = chance.happens(transform.probability)
            parameters[name] = transform.draw(chance) if happens else transform.identity()
    return parameters


def _place(policy: Policy, source: Source, address: Address, move: Move) -> Pose:
    crops = [transform for transform in policy.transforms if isinstance(transform, Crop)]
    if not crops:
        return moved_pose(centre_pose(source, policy.grid), source, policy.grid, move)
    place = Place(source, policy.grid, crops[0])
    chance = address.chance("crop")
    if address.view == 0:
        return draw_pose(chance, place, move)
    first = replace(address, view=0)
    pose = _place(policy, source, first, _draw_move(policy, policy.grid, first)[0])
    return draw_partner(chance, place, move, first=pose)
