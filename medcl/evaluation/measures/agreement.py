"""How much two series of one place have in common: what one value tells about the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import ndimage

from medcl.evaluation.measures.anatomy import Anatomy, Case
from medcl.geometry.affine import transform_points
from medcl.shapes import Points, Vector3

Values = Float64[np.ndarray, "P"]
Bins = Int64[np.ndarray, "P"]
Edges = Float64[np.ndarray, "_"]
Inside = Bool[np.ndarray, "P"]

NUM_BINS = 16
FEWEST_POINTS = 500
"""Fewer leave most cells of the joint histogram empty, and chance looks like agreement."""

_MOST_POINTS = 16_000
_LEAST_INSIDE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A volume and what is where in it."""

    case: Case
    anatomy: Anatomy

    def voxels_of(self, world: Points) -> Points:
        """Return the voxel coordinates of world points."""
        return transform_points(np.linalg.inv(self.case.source.affine), world)

    def holds(self, voxels: Points) -> Inside:
        """Return which voxel coordinates lie in the volume and were measured."""
        shape = np.asarray(self.case.source.shape)
        inside = ((voxels >= -0.5) & (voxels <= shape - 0.5)).all(axis=1)
        if self.case.validity is None:
            return np.asarray(inside)
        return np.asarray(inside & self.at_nearest(self.case.validity, voxels))

    def at_nearest(self, volume: np.ndarray, voxels: Points) -> np.ndarray:
        """Return the value of the nearest voxel of an array of the volume's shape."""
        last = np.asarray(volume.shape) - 1
        x, y, z = np.clip(np.rint(voxels), 0, last).astype(np.int64).T
        return np.asarray(volume[x, y, z])

    def blended(self, voxels: Points) -> Values:
        """Return the values there without noise, blended linearly of their neighbours."""
        found = ndimage.map_coordinates(self.anatomy.smooth, voxels.T, order=1, mode="nearest")
        return np.asarray(found, dtype=float)


def agreement(first: Bins, second: Bins) -> float:
    """Return the information that two series share, as a part of all they hold together.

    Whichever way values depend on one another counts: fluid that is dark in T1 and bright in T2
    agrees as well as two kernels do. It is 1 where each value tells the other and 0 where none
    does, and hardly depends on how much of both lies over one another.

    Args:
        first: Bins of the values of one, 0 to 15.
        second: Bins of the other's at the same places.

    Returns:
        Mutual information by joint entropy, 0 to 1.

    References:
        Studholme, "An overlap invariant entropy measure of 3D medical image alignment", 1999: the
        measure there is 1 more.

    Example:
        >>> steps = np.arange(16).repeat(100)
        >>> agreement(steps, 15 - steps), round(agreement(steps, np.tile(np.arange(16), 100)), 6)
        (1.0, 0.0)
    """
    joint = np.bincount(first * NUM_BINS + second, minlength=NUM_BINS**2).reshape(NUM_BINS, -1)
    both = _entropy(joint.ravel())
    if both == 0:
        return 0.0  # one value all over: nothing tells anything
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1)) - both) / both


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def edges_of(values: Values) -> Edges:
    """Return edges between bins that hold as many of these values each, as far as they differ.

    Organs differ by a tenth of what air and bone do; bins of equal width would not tell them apart.

    Args:
        values: Those of the body, at best: all that is darker falls into the first bin.

    Returns:
        15 edges at most, rising.

    Example:
        >>> edges_of(np.arange(160.0)).round().tolist()[:3]
        [10.0, 20.0, 30.0]
    """
    return np.unique(np.quantile(values, np.linspace(0, 1, NUM_BINS + 1)[1:-1]))


def binned(values: Values, edges: Edges) -> Bins:
    """Return the bin of each value, 0 to 15."""
    return np.searchsorted(edges, values).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The places that two volumes both show, and how their values agree there.

    Attributes:
        points: World points in mm, spread evenly, in both volumes.
        extent_mm: How far they reach along each world axis.
        first: Bins of the first volume's values there.
        body: Which of them lie in the body, as the first volume shows it.
        second: The other volume.
        edges: Between the bins of its values.
    """

    points: Points
    extent_mm: Vector3
    first: Bins
    body: Inside
    second: Scan
    edges: Edges

    def agreement(self, places: Points) -> float:
        """Return how well the other volume agrees where each point is looked up elsewhere.

        Args:
            places: Per point, the world point to look it up at.

        Returns:
            From 0 to 1; 0 where fewer than half of the places lie in it, for the rest may be of
            one tissue, and says little.
        """
        voxels = self.second.voxels_of(places)
        inside = self.second.holds(voxels)
        if inside.mean() < _LEAST_INSIDE:
            return 0.0
        values = self.second.blended(voxels[inside])
        return agreement(self.first[inside], binned(values, self.edges))

    def only(self, which: Inside) -> "Shared":
        """Return some of the places alone; how far all of them reach is kept."""
        return replace(
            self, points=self.points[which], first=self.first[which], body=self.body[which]
        )

    def held(self, places: Points) -> Inside:
        """Return which of these world points the other volume shows."""
        return self.second.holds(self.second.voxels_of(places))

    @property
    def middle_mm(self) -> Vector3:
        """Middle of the points."""
        return np.asarray(self.points.mean(axis=0))


def shared_places(first: Scan, second: Scan) -> Shared | None:
    """Return the places that two volumes in one frame both show.

    Args:
        first: One volume.
        second: The other.

    Returns:
        Some thousand places, or ``None`` where there are too few to compare.
    """
    ends = [_reach(each) for each in (first, second)]
    low = np.maximum(ends[0][0], ends[1][0])
    high = np.minimum(ends[0][1], ends[1][1])
    if (high <= low).any():
        return None
    step = max(float(np.prod(high - low) / _MOST_POINTS) ** (1 / 3), 0.5)
    axes = [np.arange(one + step / 2, other, step) for one, other in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    kept = [each.holds(each.voxels_of(points)) for each in (first, second)]
    points = points[kept[0] & kept[1]]
    if len(points) < FEWEST_POINTS:
        return None
    values, bodies = [], []
    for each in (first, second):
        voxels = each.voxels_of(points)
        values.append(each.blended(voxels))
        body = each.at_nearest(each.anatomy.body, voxels)
        bodies.append(body if body.sum() >= FEWEST_POINTS else np.ones(len(points), dtype=bool))
    edges = [edges_of(each[body]) for each, body in zip(values, bodies, strict=True)]
    return Shared(
        points=points,
        extent_mm=np.asarray(np.ptp(points, axis=0) + step),
        first=binned(values[0], edges[0]),
        body=bodies[0],
        second=second,
        edges=edges[1],
    )


def _reach(scan: Scan) -> tuple[Vector3, Vector3]:
    """Return the lowest and the highest world coordinate of a volume along each axis."""
    sides: Sequence[tuple[float, float]] = [(-0.5, n - 0.5) for n in scan.case.source.shape]
    corners = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
    world = transform_points(scan.case.source.affine, corners)
    return world.min(axis=0), world.max(axis=0)
