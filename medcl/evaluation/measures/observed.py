"""A view beside the truth: what it shows in physical units, and what the volume has there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from medcl.augment.contract import PolicyModality
from medcl.augment.drawing.pose import Move, moved_pose
from medcl.augment.drawing.source import Source
from medcl.augment.normalisation import HEADROOM, FixedWindow, Normalisation
from medcl.augment.views import Drawn, boxes, render
from medcl.evaluation.measures.anatomy import Anatomy, Case
from medcl.evaluation.measures.view_map import ViewMap, rendered_maps
from medcl.geometry.affine import transform_points

Grey = Float[np.ndarray, "X Y Z"]
Mask = Bool[np.ndarray, "X Y Z"]
Classes = Int[np.ndarray, "X Y Z"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Observed:
    """One rendered view and the truth of the places it shows.

    Attributes:
        modality: What the volume is.
        spacing_mm: Spacing of the view.
        low: Lowest value that the network can see, in the volume's unit; outside of the mask too.
        high: Highest.
        grey: What the view shows, first channel, in the volume's unit.
        mask: Where it claims to be measured.
        map: Where it lies.
        still: The view at the same place, neither turned nor scaled nor changed.
        truth: The volume's value there, cut to what the network can see: that of the nearest voxel,
            on PET blended of its neighbours.
        around: One of the eight voxels around, each as likely as linear blending weighs it.
        blended: All eight, blended linearly.
        smooth: The nearest voxel of the volume without its noise.
        deep: Tissue far from borders, 0 for none.
        thin: Tissue nearer to borders, 0 for none.
        body: Where the body is.
        body_mm3: Volume of the whole body.
        level: Where there are no edges.
        lesion: Where lesions are, or ``None``.
        lesion_inside: Part of the whole lesion that lies within the view.
        num_wrong: Values that are not finite or beyond what a network is promised.
        num_invented: Values outside of the mask that are not empty, over all channels.
    """

    modality: PolicyModality
    spacing_mm: tuple[float, float, float]
    low: float
    high: float
    grey: Grey
    mask: Mask
    map: ViewMap
    still: Grey
    truth: Grey
    around: Grey
    blended: Grey
    smooth: Grey
    deep: Classes
    thin: Classes
    body: Mask
    body_mm3: float
    level: Mask
    lesion: Mask | None
    lesion_inside: float
    num_wrong: int
    num_invented: int

    @property
    def shown(self) -> Mask:
        """Where the view claims to be measured and truly lies in the volume."""
        return np.asarray(self.mask & self.map.inside)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel of the view."""
        return float(np.prod(self.spacing_mm))


def observe(drawn: Drawn, cases: Sequence[Case], anatomies: Sequence[Anatomy]) -> list[Observed]:
    """Render views and look their truth up in the volumes.

    Args:
        drawn: The views.
        cases: Their volumes.
        anatomies: What is where in them.

    Returns:
        One per view.
    """
    views, masks = _rendered(drawn, cases)
    still, _ = _rendered(_upright(drawn), cases)
    maps = rendered_maps(drawn.lattices, [source.affine for source in drawn.sources])
    return [
        _observed(drawn, drawn.sources[row], anatomy, view, mask[0], still[row, 0], maps[row])
        for row, (anatomy, view, mask) in enumerate(zip(anatomies, views, masks, strict=True))
    ]


def _upright(drawn: Drawn) -> Drawn:
    """Return the same places, neither turned nor scaled nor changed."""
    still = Move(np.eye(3), np.zeros(3))
    poses = tuple(
        moved_pose(pose, source, drawn.grid, still)
        for pose, source in zip(drawn.poses, drawn.sources, strict=True)
    )
    return replace(drawn, poses=poses, intensities={})


def _rendered(drawn: Drawn, cases: Sequence[Case]) -> tuple[np.ndarray, np.ndarray]:
    cut = boxes(drawn)
    voxels = [case.array[:, *box.slices] for case, box in zip(cases, cut, strict=True)]
    validity = [
        None if case.validity is None else case.validity[box.slices]
        for case, box in zip(cases, cut, strict=True)
    ]
    lesions = [
        None if case.lesion is None else np.asarray(case.lesion[box.slices] > 0)
        for case, box in zip(cases, cut, strict=True)
    ]
    views, masks = render(drawn, voxels, validity, lesions)
    return views.numpy(), masks.numpy()


def _observed(
    drawn: Drawn,
    source: Source,
    anatomy: Anatomy,
    view: np.ndarray,
    mask: np.ndarray,
    still: np.ndarray,
    view_map: ViewMap,
) -> Observed:
    low, high = visible_range(drawn.window, source)
    voxel_mm3 = abs(float(np.linalg.det(source.affine[:3, :3])))
    most = 1.0 if isinstance(drawn.window, FixedWindow) else 2.0 * HEADROOM - 1.0
    beyond = ~np.isfinite(view) | (view < -1 - 1e-6) | (view > most + 1e-6)
    lesion = None if anatomy.lesion is None else view_map.of_nearest(anatomy.lesion)
    inside = view_map.inside
    # Uptake is summed over small spots, where half a voxel matters; HU keep their noise.
    blended = view_map.of_blended(anatomy.grey)
    truth = blended if drawn.modality == "PT" else view_map.of_nearest(anatomy.grey)
    return Observed(
        modality=drawn.modality,
        spacing_mm=drawn.grid.spacing_mm,
        low=low,
        high=high,
        grey=physical(view[0], drawn.window, source),
        mask=mask,
        map=view_map,
        still=physical(still, drawn.window, source),
        truth=np.clip(truth.astype(float), low, high),
        around=np.clip(view_map.of_one_around(anatomy.grey).astype(float), low, high),
        blended=np.clip(blended.astype(float), low, high),
        smooth=np.clip(view_map.of_nearest(anatomy.smooth).astype(float), low, high),
        deep=np.where(inside, view_map.of_nearest(anatomy.deep), 0),
        thin=np.where(inside, view_map.of_nearest(anatomy.thin), 0),
        body=view_map.of_nearest(anatomy.body) & inside,
        body_mm3=float(anatomy.body.sum()) * voxel_mm3,
        level=view_map.of_nearest(anatomy.level) & inside,
        lesion=None if lesion is None else lesion & inside,
        lesion_inside=_part_inside(anatomy, view_map),
        num_wrong=int(beyond.sum()),
        num_invented=int((view[:, ~mask] != -1).sum()),
    )


def _part_inside(anatomy: Anatomy, view_map: ViewMap) -> float:
    """Return the part of a lesion's voxels whose centres lie within the view."""
    if anatomy.lesion is None or not anatomy.lesion.any():
        return 0.0
    to_view = np.linalg.inv(view_map.view_to_world) @ view_map.source_affine
    places = transform_points(to_view, np.argwhere(anatomy.lesion).astype(float))
    last = np.asarray(view_map.inside.shape) - 0.5
    return float(((places >= -0.5) & (places <= last)).all(axis=1).mean())


def visible_range(window: Normalisation, source: Source) -> tuple[float, float]:
    """Return what a network can see of a volume, in its unit.

    Example:
        >>> source = Source(word="a", shape=(4, 4, 4), affine=np.eye(4))
        >>> visible_range(FixedWindow(low=-200.0, high=400.0), source)
        (-200.0, 400.0)
    """
    if isinstance(window, FixedWindow):
        return window.low, window.high
    return source.low, source.low + HEADROOM * (source.high - source.low)


def physical(view: np.ndarray, window: Normalisation, source: Source) -> Grey:
    """Return a normalised view in the unit of its volume."""
    if isinstance(window, FixedWindow):
        low, high = window.low, window.high
    else:
        low, high = source.low, source.high
    return np.asarray((view.astype(float) + 1) / 2 * (high - low) + low)
