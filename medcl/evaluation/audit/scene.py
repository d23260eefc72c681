"""A part of a real volume in its own voxels, for controls to do harm to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from medcl.augment.drawing.pose import Move, moved_pose
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.views import plain
from medcl.evaluation.measures.anatomy import Anatomy, Case, anatomy_of
from medcl.evaluation.measures.observed import Observed, observe, visible_range
from medcl.geometry.affine import spacing_mm

_MOST_VOXELS = (40, 40, 40)
_ROOM_VOXELS = 4
_MARGIN_VOXELS = 8
_STRIDE = 4
_STEEP_PERCENT = 90.0
_PLANTED_VOXELS = 3.0
_PLANTED_CONTRAST = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A part of one volume, its axes taken as the axes of the world.

    Views of it have its own spacing, so that one that nothing was done to is exact to the bit,
    and whatever a control does is all that is done.

    Attributes:
        policy: Modality and window; no transforms.
        case: The part.
        anatomy: What is where in it.
    """

    policy: Policy
    case: Case
    anatomy: Anatomy

    def view(self, linear: np.ndarray | None = None, shift_voxels: int = 0) -> Observed:
        """Render a view of the middle of the scene.

        Args:
            linear: Anatomy → view; ``None`` for the identity.
            shift_voxels: Whole voxels that the view lies aside of the middle, along all axes.

        Returns:
            The view beside its truth.
        """
        turned = np.eye(3) if linear is None else linear
        offset = shift_voxels * np.asarray(self.policy.grid.spacing_mm)
        still = plain(self.policy, [self.case.source])
        move = Move(turned, offset)
        pose = moved_pose(still.poses[0], self.case.source, self.policy.grid, move)
        (found,) = observe(replace(still, poses=(pose,)), [self.case], [self.anatomy])
        return found

    def surroundings(self) -> Observed:
        """Return the whole part as a global view, which the view of the middle lies inside of."""
        around = replace(self.policy.grid, size_voxels=self.case.source.shape)
        (found,) = observe(
            plain(replace(self.policy, grid=around), [self.case.source]),
            [self.case],
            [self.anatomy],
        )
        return found


def scene_of(
    policy: Policy,
    case: Case,
    anatomy: Anatomy,
    most_voxels: tuple[int, int, int] = _MOST_VOXELS,
    *,
    at_edges: bool = False,
) -> Scene:
    """Return the part of a volume that has most to show.

    Args:
        policy: Gives modality and window.
        case: The volume; where nobody marked a lesion, a bright ball is planted as one.
        anatomy: What is where in it.
        most_voxels: Largest size of its views.
        at_edges: Whether to take the part with most edges instead of that with most tissue.

    Returns:
        The scene.
    """
    shape = np.asarray(case.source.shape)
    size = np.clip(shape - 2 * _ROOM_VOXELS, 1, most_voxels)
    middle = _middle(anatomy, policy, size, at_edges=at_edges)
    room = size // 2 + _MARGIN_VOXELS
    lower = np.clip(middle - room, 0, None)
    upper = np.minimum(middle + room + 1, shape)
    cut = tuple(slice(low, high) for low, high in zip(lower, upper, strict=True))
    x, y, z = (upper - lower).tolist()
    spacing = spacing_mm(case.source.affine)
    source = Source(
        word="control",
        shape=(x, y, z),
        affine=np.diag([*spacing.tolist(), 1.0]),
        low=case.source.low,
        high=case.source.high,
    )
    part = Case(
        source=source,
        patient=case.patient,
        array=case.array[:, *cut].astype(np.float32),
        validity=None if case.validity is None else case.validity[cut],
        lesion=None if case.lesion is None or not case.lesion[cut].any() else case.lesion[cut],
    )
    if part.lesion is None:
        part = _planted(part, policy)
    fits = np.minimum(size, upper - lower - 2 * _ROOM_VOXELS).clip(1).tolist()
    along_x, along_y, along_z = spacing.tolist()
    grid = ViewGrid(size_voxels=(fits[0], fits[1], fits[2]), spacing_mm=(along_x, along_y, along_z))
    plain_policy = replace(policy, grid=grid, local=None, transforms=(), partner=None)
    return Scene(
        plain_policy, part, anatomy_of(part, policy.modality, grid.spacing_mm, policy.window)
    )


def _middle(anatomy: Anatomy, policy: Policy, size: np.ndarray, *, at_edges: bool) -> np.ndarray:
    """Return the voxel around which there is most tissue; that of the lesion if there is one."""
    if at_edges:
        return _around(_edges(anatomy), size)
    if anatomy.lesion is not None and anatomy.lesion.any():
        return np.asarray(np.argwhere(anatomy.lesion).mean(axis=0).round().astype(int))
    telling = anatomy.thin > 1 if policy.modality == "CT" else anatomy.body
    return _around(telling, size)


def _edges(anatomy: Anatomy) -> np.ndarray:
    slope = ndimage.generic_gradient_magnitude(anatomy.smooth, ndimage.sobel)
    inside = slope[anatomy.body] if anatomy.body.any() else slope
    return np.asarray(slope > np.percentile(inside, _STEEP_PERCENT))


def _around(telling: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the voxel around which most of a mask lies, the nearest to the middle of several."""
    coarse = telling[::_STRIDE, ::_STRIDE, ::_STRIDE].astype(np.float32)
    width = np.maximum(size // _STRIDE, 1).tolist()
    share = ndimage.uniform_filter(coarse, width, mode="constant")
    best = np.argwhere(share >= share.max() - 1e-6)
    middle = (np.asarray(coarse.shape) - 1) / 2
    nearest = best[np.linalg.norm(best - middle, axis=1).argmin()]
    return np.asarray(nearest * _STRIDE)


def _planted(case: Case, policy: Policy) -> Case:
    """Return the part with a bright ball in its middle, marked as a lesion."""
    axes: Sequence[np.ndarray] = [np.arange(size) - (size - 1) / 2 for size in case.source.shape]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = x**2 + y**2 + z**2 <= _PLANTED_VOXELS**2
    low, high = visible_range(policy.window, case.source)
    array = case.array + np.float32(_PLANTED_CONTRAST * (high - low)) * ball
    return replace(case, array=array, lesion=ball.astype(np.uint8))
