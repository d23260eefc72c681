"""Drawing: what one view of one volume is, as a pure function of its address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from medcl.augment.chance import Chance, CornerChance, RandomChance
from medcl.augment.contract import Sharing
from medcl.augment.drawing.elsewhere import draw_elsewhere, wished
from medcl.augment.drawing.inside import draw_inside
from medcl.augment.drawing.placing import Place, draw_partner, draw_pose
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

_ANYWHERE = Crop(min_overlap=0.0)


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
    policy: Policy,
    source: Source,
    address: Address,
    others: Sequence[Source] = (),
    *,
    first: Pose | None = None,
) -> tuple[Source, Pose, Mapping[str, Parameters]]:
    """Return the volume of a view, where it looks, and what was drawn for each of its transforms.

    View 0 lies anywhere; views 1, 2, … keep with view 0 what the policy's crop asks for. View 1 may
    be of one of the other volumes, where the policy has partners.

    Args:
        policy: What may be drawn.
        source: The volume.
        address: Of the view.
        others: Volumes that view 1 may be of.
        first: The pose of view 0, if somebody has drawn it already; it is drawn again else.

    Returns:
        The volume, the pose, and the parameters.
    """
    move, spatial = _draw_move(policy, policy.grid, address)
    its, pose = _place(policy, source, address, move, others, first)
    return its, pose, {**spatial, **_draw_values(policy, address)}


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
    crop = next((each for each in policy.transforms if isinstance(each, Crop)), _ANYWHERE)
    place = Place(source, grid, crop)
    pose = draw_inside(address.chance("crop"), place, move, outer=outer, around=policy.grid)
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


def _place(
    policy: Policy,
    source: Source,
    address: Address,
    move: Move,
    others: Sequence[Source],
    first: Pose | None,
) -> tuple[Source, Pose]:
    """Return the volume of a view and its place there."""
    crops = [transform for transform in policy.transforms if isinstance(transform, Crop)]
    if not crops:
        return source, moved_pose(centre_pose(source, policy.grid), source, policy.grid, move)
    place = Place(source, policy.grid, crops[0])
    if address.view == 0:
        return source, draw_pose(address.chance("crop"), place, move)
    if first is None:
        at_first = replace(address, view=0)
        still = _draw_move(policy, policy.grid, at_first)[0]
        _, first = _place(policy, source, at_first, still, (), None)
    for other in _wished(policy, address, others):
        there = replace(place, source=other)
        chance = address.chance("crop")
        pose = draw_elsewhere(chance, there, move, first=first, shown=source)
        if pose is not None:
            return other, pose
    return source, draw_partner(address.chance("crop"), place, move, first=first)


def _wished(policy: Policy, address: Address, others: Sequence[Source]) -> list[Source]:
    if policy.partner is None or address.view != 1 or not others:
        return []
    seed, step, word = address.seed, address.step, address.word
    return wished(policy.partner, others, seed=seed, step=step, word=word)
