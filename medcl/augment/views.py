"""Views: parameters drawn first, as a pure function, then rendered batched on the device."""

from collections.abc import Iterator, Mapping, Sequence

from medcl.augment.drawing.drawing import Address, draw_global, draw_local
from medcl.augment.drawing.pose import Pose, centre_pose
from medcl.augment.drawing.source import Source
from medcl.augment.drawn import Drawn, boxes, joined, view_affines
from medcl.augment.grid import ViewGrid
from medcl.augment.making import links_of, numbers_of, render, render_labels
from medcl.augment.policy import Policy
from medcl.augment.transforms.catalogue import IntensityTransform
from medcl.augment.transforms.transform import Parameters
from medcl.runtime.seeds import derive_seed

__all__ = [
    "Drawn",
    "Source",
    "boxes",
    "draw",
    "draw_locals",
    "joined",
    "links_of",
    "numbers_of",
    "plain",
    "render",
    "render_labels",
    "view_affines",
]


Others = Sequence[Sequence[Source]] | None
"""Per source, volumes that may stand in for it in the second view."""


def draw(
    policy: Policy,
    sources: Sequence[Source],
    *,
    seed: int,
    step: int,
    view: int,
    corners: bool = False,
    others: Others = None,
    first: Drawn | None = None,
) -> Drawn:
    """Decide one view of every source.

    A pure function of seed, step, the volume's word, and view: the rest of the batch, the worker
    and the rank change nothing. View 0 lies anywhere; views 1, 2, … keep the overlap with view 0
    that the policy's crop asks for. Where the policy has partners, view 1 may be of one of the
    other volumes instead; `Drawn.sources` has the volume that each view is of.

    Args:
        policy: What may be drawn.
        sources: Volumes, one per view.
        seed: Seed of the run.
        step: Training step, 0 or more.
        view: Which view of the volume, 0 or more.
        corners: Draw only the ends of every range, as an audit does.
        others: Per source, other volumes of the same patient, frame of reference and kind, in an
            order that is the same everywhere; nobody has any by default.
        first: View 0 of the same sources, if it was decided before: it saves deciding it again
            and changes nothing.

    Returns:
        The views, decided.
    """
    poses = [None] * len(sources) if first is None else first.poses
    drawn = [
        draw_global(
            policy, source, Address(seed, step, source.word, view, corners), beside, first=pose
        )
        for (source, beside), pose in zip(_beside(sources, others), poses, strict=True)
    ]
    seeds = tuple(derive_seed(seed, step, source.word, view, "noise") >> 1 for source in sources)
    return _drawn(policy, policy.grid, drawn, seeds)


def draw_locals(
    policy: Policy,
    sources: Sequence[Source],
    *,
    seed: int,
    step: int,
    number: int,
    corners: bool = False,
    others: Others = None,
    around: Sequence[Drawn] | None = None,
) -> Drawn:
    """Decide one local view of every source, inside of one of its two global views.

    Args:
        policy: What may be drawn; it has local views.
        sources: Volumes, one per view.
        seed: Seed of the run.
        step: Training step, 0 or more.
        number: Which local view, 0 or more; even ones lie in global view 0, odd ones in 1.
        corners: Draw only the ends of every range, as an audit does.
        others: As of `draw`; a local view is of the volume of the global one that it lies in.
        around: Both global views of the same sources, if they were decided before: it saves
            deciding one of them again and changes nothing.

    Returns:
        The views, decided; a pure function as `draw` is.

    Raises:
        ValueError: The policy has no local views.
    """
    if policy.local is None:
        raise ValueError(f"The policy {policy.name} must have local views; it has none.")
    if around is None:
        outer = draw(
            policy, sources, seed=seed, step=step, view=number % 2, corners=corners, others=others
        )
    else:
        outer = around[number % 2]
    drawn = []
    for source, its, pose in zip(sources, outer.sources, outer.poses, strict=True):
        address = Address(seed, step, source.word, -1 - number, corners)
        drawn.append((its, *draw_local(policy, its, address, outer=pose)))
    seeds = tuple(
        derive_seed(seed, step, source.word, -1 - number, "noise") >> 1 for source in sources
    )
    return _drawn(policy, policy.local.grid, drawn, seeds)


def _beside(sources: Sequence[Source], others: Others) -> Iterator[tuple[Source, Sequence[Source]]]:
    return zip(sources, [()] * len(sources) if others is None else others, strict=True)


def _drawn(
    policy: Policy,
    grid: ViewGrid,
    drawn: Sequence[tuple[Source, Pose, Mapping[str, Parameters]]],
    seeds: tuple[int, ...],
) -> Drawn:
    return Drawn(
        sources=tuple(source for source, _, _ in drawn),
        poses=tuple(pose for _, pose, _ in drawn),
        grid=grid,
        modality=policy.modality,
        window=policy.window,
        intensities={
            name: transform
            for name, transform in policy.named.items()
            if isinstance(transform, IntensityTransform)
        },
        parameters=tuple(parameters for _, _, parameters in drawn),
        seeds=seeds,
    )


def plain(policy: Policy, sources: Sequence[Source]) -> Drawn:
    """Return the view of every source's middle, unchanged: for features and for evaluation.

    Args:
        policy: Gives grid, modality and window; its transforms are left out.
        sources: Volumes, one per view.

    Returns:
        The views, decided.
    """
    return Drawn(
        sources=tuple(sources),
        poses=tuple(centre_pose(source, policy.grid) for source in sources),
        grid=policy.grid,
        modality=policy.modality,
        window=policy.window,
        intensities={},
        parameters=tuple({} for _ in sources),
        seeds=tuple(0 for _ in sources),
    )
