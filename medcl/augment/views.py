"""Views: parameters drawn first, as a pure function, then rendered batched on the device."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64

from medcl.augment.contract import PolicyModality
from medcl.augment.drawing.drawing import Address, draw_global, draw_local
from medcl.augment.drawing.pose import Pose, centre_pose
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import Normalisation
from medcl.augment.policy import Policy
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.numbers import Numbers, columns_of, parameters_of, tabled
from medcl.augment.rendering.rendering import Link, Look, finished
from medcl.augment.rendering.sampling import sample_labels, samplings
from medcl.augment.rendering.strip import Strip, strip_of
from medcl.augment.transforms.catalogue import IntensityTransform, OcclusionTransform
from medcl.augment.transforms.transform import Parameters, Setting
from medcl.geometry.boxes import Box
from medcl.runtime.seeds import derive_seed
from medcl.shapes import ViewMask, Views

__all__ = [
    "Drawn",
    "Source",
    "boxes",
    "draw",
    "draw_locals",
    "joined",
    "plain",
    "render",
    "render_labels",
    "view_affines",
]


Others = Sequence[Sequence[Source]] | None
"""Per source, volumes that may stand in for it in the second view."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn:
    """A batch of views, decided but not rendered.

    Attributes:
        sources: The volume of each view.
        poses: Where each view looks.
        grid: Size and spacing of all views.
        modality: What the volumes are.
        window: From physical values to what the network sees.
        intensities: Transforms of values in order, by their name in `parameters`.
        parameters: Per view, what was drawn, by transform.
        seeds: Per view, the seed of its noise.
    """

    sources: tuple[Source, ...]
    poses: tuple[Pose, ...]
    grid: ViewGrid
    modality: PolicyModality
    window: Normalisation
    intensities: Mapping[str, IntensityTransform]
    parameters: tuple[Mapping[str, Parameters], ...]
    seeds: tuple[int, ...]

    def row(self, place: int) -> "Drawn":
        """Return one view alone."""
        return replace(
            self,
            sources=(self.sources[place],),
            poses=(self.poses[place],),
            parameters=(self.parameters[place],),
            seeds=(self.seeds[place],),
        )

    @property
    def lattices(self) -> list[Lattice]:
        """Where the voxels of each view lie in its source."""
        found = []
        for source, pose in zip(self.sources, self.poses, strict=True):
            matrix = source.to_voxel @ pose.view_to_world(self.grid)
            whole = np.rint(matrix)
            exact = np.abs(matrix - whole).max() < 1e-6
            matrix = whole if exact else matrix
            found.append(Lattice(matrix, self.grid.size_voxels, source.shape, pose.warp))
        return found


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


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Return views of one policy, decided apart, as one batch."""
    return replace(
        parts[0],
        sources=tuple(source for part in parts for source in part.sources),
        poses=tuple(pose for part in parts for pose in part.poses),
        parameters=tuple(row for part in parts for row in part.parameters),
        seeds=tuple(seed for part in parts for seed in part.seeds),
    )


def boxes(drawn: Drawn) -> list[Box]:
    """Return the voxels each view needs, at least one per source."""
    return [lattice.box() for lattice in drawn.lattices]


def render(
    drawn: Drawn,
    voxels: Sequence[np.ndarray] | Strip,
    validity: Sequence[np.ndarray | None] | None = None,
    lesions: Sequence[np.ndarray | None] | None = None,
    *,
    numbers: Numbers | None = None,
    device: torch.device | str = "cpu",
    compiled: bool = False,
) -> tuple[Views, ViewMask]:
    """Make the views.

    Every spatial transform is in one matrix per view, so voxels are interpolated once. Values then
    pass the transforms of intensity in physical units (fractions of the volume's range for
    weighted MR) and are normalised; what is not seen is filled last. On a CPU one view is made
    after the other, which keeps it in the cache; on a GPU all at once.

    Args:
        drawn: What to make.
        voxels: Per view, the voxels of `boxes`, shape ``(C, x, y, z)``, in the volume's unit; or
            all of them as a strip, which may lie on the device.
        validity: Per view, True where these voxels were measured, or ``None`` if all were; a
            strip has its own.
        lesions: Per view, True where these voxels are lesions, shape ``(x, y, z)``, or ``None``
            where nobody marked them, so that they may be anywhere; ``None`` for all views alike
            where no lesions are known at all.
        numbers: What `numbers_of` returns for these views, if somebody asked already; best on the
            device.
        device: Where to compute.
        compiled: Compile the kernels at their first use, which takes 20 seconds once and is
            faster from then on; the same views within rounding.

    Returns:
        Views ``(B, C, X, Y, Z)`` float32, -1 at the low end of the window and outside of what is
        seen, +1 at its high end; and the mask ``(B, 1, X, Y, Z)`` of voxels that were measured and
        are not occluded.

    Raises:
        PolicyError: A transform keeps off lesions and none are known.
    """
    device = torch.device(device)
    if not isinstance(voxels, Strip):
        known = [None] * len(voxels) if validity is None else list(validity)
        voxels = strip_of(drawn.lattices, voxels, known)
    if numbers is None:
        numbers = numbers_of(drawn)
    numbers = numbers.to(device)
    count = len(drawn.sources)
    if device.type != "cpu" or count == 1:
        return _rendered(drawn, voxels, numbers, lesions, device, compiled=compiled)
    made = []
    for place in range(count):
        marked = None if lesions is None else lesions[place : place + 1]
        one, row = drawn.row(place), voxels.row(place)
        made.append(_rendered(one, row, numbers.row(place), marked, device, compiled=compiled))
    return torch.cat([view for view, _ in made]), torch.cat([mask for _, mask in made])


def _rendered(
    drawn: Drawn,
    strip: Strip,
    numbers: Numbers,
    lesions: Sequence[np.ndarray | None] | None,
    device: torch.device,
    *,
    compiled: bool,
) -> tuple[Views, ViewMask]:
    look = Look(drawn.grid, drawn.modality, drawn.window, strip.channels)
    values, mask = finished(
        look,
        links_of(drawn),
        samplings(strip, device=device),
        numbers,
        is_measured=strip.is_measured,
        compiled=compiled,
    )
    marked = None if lesions is None else _lesions(drawn, lesions, device)
    seen = _seen(drawn, mask, numbers, marked)
    return values if seen is mask else torch.where(seen, values, -1.0), seen


def links_of(drawn: Drawn) -> list[Link]:
    """Return the transforms of values with their places in the policy."""
    transforms = tuple(drawn.intensities.values())
    return [
        Link(transform, stream, columns)
        for stream, (transform, columns) in enumerate(
            zip(transforms, columns_of(transforms), strict=True)
        )
        if not isinstance(transform, OcclusionTransform)
    ]


def numbers_of(drawn: Drawn) -> Numbers:
    """Return what differs from view to view, as tables on the CPU."""
    ranges = [(source.low, source.high) for source in drawn.sources]
    return tabled(ranges, drawn.intensities, drawn.parameters, drawn.seeds)


def _seen(drawn: Drawn, measured: ViewMask, numbers: Numbers, lesions: ViewMask | None) -> ViewMask:
    """Return what is measured and not occluded."""
    mask = measured
    transforms = tuple(drawn.intensities.values())
    columns = columns_of(transforms)
    for stream, transform in enumerate(transforms):
        if isinstance(transform, OcclusionTransform) and numbers.is_active(stream):
            setting = Setting(
                spacing_mm=drawn.grid.spacing_mm,
                seeds=numbers.words,
                stream=stream,
                modality=drawn.modality,
                window=drawn.window,
                measured=measured,
                lesions=lesions,
            )
            mask = transform.seen(mask, parameters_of(numbers.table, columns[stream]), setting)
    return mask


def _lesions(drawn: Drawn, lesions: Sequence[np.ndarray | None], device: torch.device) -> ViewMask:
    """Return where lesions lie in the views; everywhere in those that nobody marked."""
    maps = [
        np.ones(box.shape, np.uint8) if lesion is None else lesion
        for box, lesion in zip(boxes(drawn), lesions, strict=True)
    ]
    return (render_labels(drawn, maps, device=device) > 0)[:, None]


def render_labels(
    drawn: Drawn, maps: Sequence[np.ndarray], *, device: torch.device | str = "cpu"
) -> Int64[torch.Tensor, "B X Y Z"]:
    """Return the label maps as the views show them, by the nearest voxel.

    Args:
        drawn: The views.
        maps: Per view, the labels of `boxes`, shape ``(x, y, z)``.
        device: Where to compute.

    Returns:
        Labels ``(B, X, Y, Z)``, 0 outside of the source.
    """
    return sample_labels(drawn.lattices, maps, device=torch.device(device))


def view_affines(drawn: Drawn) -> Float64[np.ndarray, "B 4 4"]:
    """Return view voxel → anatomical world point in RAS+ mm for every view."""
    return np.stack([pose.view_to_world(drawn.grid) for pose in drawn.poses])
