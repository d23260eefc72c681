"""Affines: 4 x 4, float64, voxel index (voxel centres) → RAS+ patient coordinates in mm."""

import numpy as np

from medcl.shapes import Affine, Points, Vector3

_AXIS_CODES = (("L", "R"), ("P", "A"), ("I", "S"))


def spacing_mm(affine: Affine) -> Vector3:
    """Return the distance in mm between neighbouring voxel centres along each voxel axis.

    Example:
        >>> spacing_mm(np.diag([0.7, 0.7, 2.5, 1.0])).tolist()
        [0.7, 0.7, 2.5]
    """
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0))


def axis_codes(affine: Affine) -> str:
    """Return the patient direction each voxel axis points to most, such as ``"RAS"``.

    Example:
        >>> axis_codes(np.diag([-1.0, -1.0, 1.0, 1.0]))
        'LPS'
    """
    linear = affine[:3, :3] / spacing_mm(affine)
    codes = ["", "", ""]
    for world, axis in enumerate(patient_axes(affine)):
        codes[axis] = _AXIS_CODES[world][int(linear[world, axis] > 0)]
    return "".join(codes)


def patient_axes(affine: Affine) -> tuple[int, int, int]:
    """Return the voxel axis that runs most along each patient axis x, y and z.

    Example:
        >>> patient_axes(np.eye(4)[[2, 0, 1, 3]])
        (2, 0, 1)
    """
    linear = affine[:3, :3] / spacing_mm(affine)
    remaining = [0, 1, 2]
    found = [0, 0, 0]
    # Assign the clearest axis first, so that oblique scans never name one direction twice.
    for axis in np.argsort(-np.abs(linear).max(axis=0)).tolist():
        world = max(remaining, key=lambda row: abs(linear[row, axis]))
        remaining.remove(world)
        found[world] = axis
    return found[0], found[1], found[2]


def is_mirrored(affine: Affine) -> bool:
    """Return whether the voxel axes are left-handed in world space (determinant below 0).

    Example:
        >>> is_mirrored(np.diag([-1.0, 1.0, 1.0, 1.0]))
        True
    """
    return bool(np.linalg.det(affine[:3, :3]) < 0)


def transform_points(affine: Affine, points: Points) -> Points:
    """Return ``points`` mapped by ``affine``.

    Args:
        affine: 4 x 4 map.
        points: Shape ``(P, 3)``, in the space the map starts from.

    Returns:
        Shape ``(P, 3)``, in the space the map ends in.

    Example:
        >>> transform_points(np.diag([2.0, 2.0, 2.0, 1.0]), np.array([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 4.0, 6.0]]
    """
    return np.asarray(points @ affine[:3, :3].T + affine[:3, 3])


def rotation(degrees: Vector3) -> Affine:
    """Return the rotation about the world x, then y, then z axis.

    Args:
        degrees: Three right-handed angles in degrees.

    Returns:
        4 x 4, determinant 1.

    Example:
        >>> turned = rotation(np.array([0.0, 0.0, 90.0])) @ np.array([1.0, 0.0, 0.0, 1.0])
        >>> np.round(turned[:3], 12).tolist()
        [0.0, 1.0, 0.0]
    """
    radians = np.deg2rad(degrees)
    result = np.eye(4)
    for axis in range(3):
        cosine, sine = np.cos(radians[axis]), np.sin(radians[axis])
        first, second = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(4)
        turn[first, first] = turn[second, second] = cosine
        turn[first, second], turn[second, first] = -sine, sine
        result = turn @ result
    return result


def grid_affine(*, centre_mm: Vector3, shape: tuple[int, int, int], spacing: Vector3) -> Affine:
    """Return the affine of an axis-aligned RAS grid around a world point.

    Args:
        centre_mm: World point the grid is centred on, RAS+ mm.
        shape: Voxels along each axis.
        spacing: Voxel spacing in mm.

    Returns:
        4 x 4, voxel index → RAS+ mm.

    Example:
        >>> grid_affine(centre_mm=np.zeros(3), shape=(3, 3, 3), spacing=np.ones(3))[:3, 3].tolist()
        [-1.0, -1.0, -1.0]
    """
    affine = np.diag([*spacing.tolist(), 1.0])
    affine[:3, 3] = centre_mm - spacing * (np.asarray(shape) - 1) / 2
    return affine


def centre_mm(affine: Affine, shape: tuple[int, int, int]) -> Vector3:
    """Return the world point in mm at the middle of a grid.

    Example:
        >>> centre_mm(np.eye(4), (5, 3, 1)).tolist()
        [2.0, 1.0, 0.0]
    """
    middle = (np.asarray(shape, dtype=float) - 1) / 2
    return np.asarray(affine[:3, :3] @ middle + affine[:3, 3])
