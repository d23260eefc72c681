"""Views: parameters drawn first, as a pure function, then rendered batched on the device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64, Int64

from medcl.augment.catalogue import IntensityTransform, OcclusionTransform
from medcl.augment.contract import PolicyModality
from medcl.augment.drawing import Address, draw_global, draw_local
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import Normalisation
from medcl.augment.policy import Policy
from medcl.augment.pose import Pose, centre_pose
from medcl.augment.sampling import Lattice, sample, sample_labels
from medcl.augment.source import Source
from medcl.augment.transform import Parameters, Setting
from medcl.geometry.boxes import Box
from medcl.runtime.seeds import derive_seed
from medcl.shapes import ViewMask, Views

__all__ = [
    "Drawn",
    "Source",
    "boxes",
    "draw",
    "draw_locals",
    "plain",
    "render",
    "render_labels",
    "view_affines",
]

FILL: Mapping[PolicyModality, float] = {
    "CT": -1024.0,
    "MR_WEIGHTED": 0.0,
    "MR_QUANTITATIVE": 0.0,
    "PT": 0.0,
    "OT": 0.0,
}
"""What lies outside of a volume before normalisation: air in HU, nothing elsewhere."""


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

    @property
    def lattices(self) -> list[Lattice]:
        """Where the voxels of each view lie in its source."""
        found = []
        for source, pose in zip(self.sources, self.poses, strict=True):
            matrix = np.linalg.inv(source.affine) @ pose.view_to_world(self.grid)
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
) -> Drawn:
    """Decide one view of every source.

    A pure function of seed, step, the volume's word, and view: the rest of the batch, the worker
    and the rank change nothing. View 0 lies anywhere; views 1, 2, … keep the overlap with view 0
    that the policy's crop asks for.

    Args:
        policy: What may be drawn.
        sources: Volumes, one per view.
        seed: Seed of the run.
        step: Training step, 0 or more.
        view: Which view of the volume, 0 or more.
        corners: Draw only the ends of every range, as an audit does.

    Returns:
        The views, decided.
    """
    drawn = [
        draw_global(policy, source, Address(seed, step, source.word, view, corners))
        for source in sources
    ]
    seeds = tuple(derive_seed(seed, step, source.word, view, "noise") >> 1 for source in sources)
    return _drawn(policy, policy.grid, sources, drawn, seeds)


def draw_locals(
    policy: Policy,
    sources: Sequence[Source],
    *,
    seed: int,
    step: int,
    number: int,
    corners: bool = False,
) -> Drawn:
    """Decide one local view of every source, inside of one of its two global views.

    Args:
        policy: What may be drawn; it has local views.
        sources: Volumes, one per view.
        seed: Seed of the run.
        step: Training step, 0 or more.
        number: Which local view, 0 or more; even ones lie in global view 0, odd ones in 1.
        corners: Draw only the ends of every range, as an audit does.

    Returns:
        The views, decided; a pure function as `draw` is.

    Raises:
        ValueError: The policy has no local views.
    """
    if policy.local is None:
        raise ValueError(f"The policy {policy.name} must have local views; it has none.")
    drawn = []
    for source in sources:
        around = Address(seed, step, source.word, number % 2, corners)
        outer, _ = draw_global(policy, source, around)
        drawn.append(draw_local(policy, source, replace(around, view=-1 - number), outer=outer))
    seeds = tuple(
        derive_seed(seed, step, source.word, -1 - number, "noise") >> 1 for source in sources
    )
    return _drawn(policy, policy.local.grid, sources, drawn, seeds)


def _drawn(
    policy: Policy,
    grid: ViewGrid,
    sources: Sequence[Source],
    drawn: Sequence[tuple[Pose, Mapping[str, Parameters]]],
    seeds: tuple[int, ...],
) -> Drawn:
    return Drawn(
        sources=tuple(sources),
        poses=tuple(pose for pose, _ in drawn),
        grid=grid,
        modality=policy.modality,
        window=policy.window,
        intensities={
            name: transform
            for name, transform in policy.named.items()
            if isinstance(transform, IntensityTransform)
        },
        parameters=tuple(parameters for _, parameters in drawn),
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


def boxes(drawn: Drawn) -> list[Box]:
    """Return the voxels each view needs, at least one per source."""
    return [lattice.box() for lattice in drawn.lattices]


def render(
    drawn: Drawn,
    voxels: Sequence[np.ndarray],
    validity: Sequence[np.ndarray | None] | None = None,
    lesions: Sequence[np.ndarray | None] | None = None,
    *,
    device: torch.device | str = "cpu",
) -> tuple[Views, ViewMask]:
    """Make the views.

    Every spatial transform is in one matrix per view, so voxels are interpolated once. Values then
    pass the transforms of intensity in physical units (fractions of the volume's range for
    weighted MR) and are normalised; what is not seen is filled last.

    Args:
        drawn: What to make.
        voxels: Per view, the voxels of `boxes`, shape ``(C, x, y, z)``, in the volume's unit.
        validity: Per view, True where these voxels were measured, or ``None`` if all were.
        lesions: Per view, True where these voxels are lesions, shape ``(x, y, z)``, or ``None``
            where nobody marked them, so that they may be anywhere; ``None`` for all views alike
            where no lesions are known at all.
        device: Where to compute.

    Returns:
        Views ``(B, C, X, Y, Z)`` float32, -1 at the low end of the window and outside of what is
        seen, +1 at its high end; and the mask ``(B, 1, X, Y, Z)`` of voxels that were measured and
        are not occluded.

    Raises:
        PolicyError: A transform keeps off lesions and none are known.
    """
    device = torch.device(device)
    known = [None] * len(voxels) if validity is None else list(validity)
    values, mask = sample(drawn.lattices, voxels, known, device=device)
    values = torch.where(mask, values, FILL[drawn.modality])
    low = torch.tensor([source.low for source in drawn.sources], device=device)
    high = torch.tensor([source.high for source in drawn.sources], device=device)
    values = drawn.window.finish(_changed(drawn, drawn.window.begin(values, low, high), mask))
    mask = _seen(drawn, mask, None if lesions is None else _lesions(drawn, lesions, device))
    return torch.where(mask, values, -1.0), mask


def _changed(drawn: Drawn, values: Views, measured: ViewMask) -> Views:
    """Return values changed in the order of the policy."""
    for stream, (name, transform) in enumerate(drawn.intensities.items()):
        parameters = _batched(drawn, name, values.device)
        if parameters is None or isinstance(transform, OcclusionTransform):
            continue
        values = transform.apply(values, parameters, _setting(drawn, stream, measured, None))
    return values


def _seen(drawn: Drawn, measured: ViewMask, lesions: ViewMask | None) -> ViewMask:
    """Return what is measured and not occluded."""
    mask = measured
    for stream, (name, transform) in enumerate(drawn.intensities.items()):
        parameters = _batched(drawn, name, mask.device)
        if parameters is None or not isinstance(transform, OcclusionTransform):
            continue
        mask = transform.seen(mask, parameters, _setting(drawn, stream, measured, lesions))
    return mask


def _batched(drawn: Drawn, name: str, device: torch.device) -> Mapping[str, torch.Tensor] | None:
    """Return the parameters of a transform, a row per view; ``None`` where it changes none."""
    rows = [parameters[name] for parameters in drawn.parameters]
    if all(row == drawn.intensities[name].identity() for row in rows):
        return None
    return {key: torch.tensor([row[key] for row in rows], device=device) for key in rows[0]}


def _setting(drawn: Drawn, stream: int, measured: ViewMask, lesions: ViewMask | None) -> Setting:
    return Setting(
        spacing_mm=drawn.grid.spacing_mm,
        seeds=drawn.seeds,
        stream=stream,
        modality=drawn.modality,
        window=drawn.window,
        measured=measured,
        lesions=lesions,
    )


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
