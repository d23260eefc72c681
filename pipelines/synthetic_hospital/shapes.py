"""Solids as signed distances in mm: negative inside, zero on the surface, positive outside.

Points are float32 arrays ``(3, P)``, rows of x, y and z in mm. Distances are exact for
balls and sticks and first-order near the surface for the rest, which is where partial volume is
computed from them.
"""

import numpy as np
from jaxtyping import Float32

Spots = Float32[np.ndarray, "3 P"]
Distances = Float32[np.ndarray, "P"]


def ellipsoid(
    points: Spots, centre: tuple[float, float, float], radii: tuple[float, float, float]
) -> Distances:
    """Return the distance to an axis-aligned ellipsoid.

    Args:
        points: Where, in mm.
        centre: Middle in mm.
        radii: Semi-axes in mm.

    Returns:
        Distance in mm, exact to first order near the surface.

    Example:
        >>> spots = np.array([[0, 3], [0, 0], [0, 0]], np.float32)
        >>> ellipsoid(spots, (0.0, 0.0, 0.0), (2.0, 2.0, 2.0)).tolist()
        [-2.0, 1.0]
    """
    level2, steep2 = np.zeros_like(points[0]), np.zeros_like(points[0])
    for row, middle, radius in zip(points, centre, radii, strict=True):
        scaled = (row - np.float32(middle)) / np.float32(radius)
        scaled *= scaled
        level2 += scaled
        steep2 += scaled / np.float32(radius**2)
    level = np.sqrt(level2)
    slope = np.sqrt(steep2) / np.maximum(level, np.float32(1e-6))
    distance = (level - 1) / np.maximum(slope, np.float32(1 / max(radii)))
    return np.asarray(np.maximum(distance, np.float32(-min(radii))), np.float32)


def tube(
    points: Spots, centre: tuple[float, float], radii: tuple[float, float], lean: float = 0.0
) -> Distances:
    """Return the distance to an elliptic cylinder along z.

    Args:
        points: Where, in mm.
        centre: Middle in x and y at ``z = 0``, mm.
        radii: Semi-axes along x and y in mm.
        lean: Shift of the middle along x per mm of z.

    Returns:
        Distance in mm.

    Example:
        >>> tube(np.array([[5], [0], [80]], np.float32), (0.0, 0.0), (3.0, 3.0)).tolist()
        [2.0]
    """
    x, y, z = points
    across = (x - np.float32(centre[0]) - np.float32(lean) * z) / np.float32(radii[0])
    along = (y - np.float32(centre[1])) / np.float32(radii[1])
    level = np.sqrt(across * across + along * along)
    return np.asarray((level - 1) * np.float32(min(radii)), np.float32)


def capsule(
    points: Spots,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    radius: float,
) -> Distances:
    """Return the distance to a round stick from ``start`` to ``end``.

    Args:
        points: Where, in mm.
        start: One end of the middle line in mm.
        end: The other end.
        radius: In mm.

    Returns:
        Distance in mm.

    Example:
        >>> spots = np.array([[0], [4], [5]], np.float32)
        >>> capsule(spots, (0.0, 0.0, 0.0), (0.0, 0.0, 9.0), 1.0).tolist()
        [3.0]
    """
    line = [np.float32(stop - begin) for begin, stop in zip(start, end, strict=True)]
    offset = [row - np.float32(begin) for row, begin in zip(points, start, strict=True)]
    length2 = np.float32(sum(float(part) ** 2 for part in line))
    place = sum(row * part for row, part in zip(offset, line, strict=True)) / length2
    place = np.clip(place, 0, 1)
    gap2 = np.zeros_like(place)
    for row, part in zip(offset, line, strict=True):
        gap2 += np.square(row - place * part)
    return np.asarray(np.sqrt(gap2) - np.float32(radius), np.float32)


def blend(first: Distances, second: Distances, width_mm: float) -> Distances:
    """Return the union of two solids, rounded where they meet.

    Args:
        first: Distance to one solid.
        second: Distance to the other.
        width_mm: How wide the rounding is.

    Returns:
        Distance to both together, never above the smaller of the two.

    Example:
        >>> far, near = np.array([9.0], np.float32), np.array([1.0], np.float32)
        >>> blend(far, near, 2.0).tolist()
        [1.0]
    """
    near = np.maximum(1 - np.abs(first - second) / np.float32(width_mm), 0)
    return np.asarray(np.minimum(first, second) - near * near * np.float32(width_mm / 4))
