"""A smooth displacement inside one view: a uniform cubic B-spline on a grid of control points."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64

from medcl.shapes import Points, Vector3

Coefficients = Float64[np.ndarray, "3 KX KY KZ"]
Slopes = Float64[np.ndarray, "P 3 3"]
Axis = Float64[np.ndarray, "_"]
Taps = Float64[np.ndarray, "P 4"]
Shifts = Float[torch.Tensor, "3 X Y Z"]

_TAPS = 4  # control points along each axis that a place feels
_MOST_STEPS = 60
_SLAB_VOXELS = 65_536
_CHUNK = 512  # points worked on at once, so that their weights stay in a cache


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where a view looks instead of looking straight: at ``v + u(v)`` for its voxel ``v``.

    Attributes:
        coefficients: Displacement of each control point along the view's axes, in view voxels.
        step_voxels: Distance between control points along each axis, in view voxels.
        start_voxels: Where the first control point lies, in view voxels.
    """

    coefficients: Coefficients
    step_voxels: Vector3
    start_voxels: Vector3

    @property
    def reach_voxels(self) -> Vector3:
        """Largest displacement along each axis: a B-spline never leaves its coefficients' hull."""
        return np.asarray(np.abs(self.coefficients).max(axis=(1, 2, 3)))

    def on_axes(self, x: Axis, y: Axis, z: Axis) -> Float64[np.ndarray, "X Y Z 3"]:
        """Return the displacement at every point of a lattice along the view's axes, in voxels."""
        weights = [self._weights(axis, number) for number, axis in enumerate((x, y, z))]
        values = weights[1] @ (self.coefficients @ weights[2].T)
        values = weights[0] @ values.reshape(*self.coefficients.shape[:2], -1)
        return np.asarray(values.reshape(3, len(x), len(y), len(z)).transpose(1, 2, 3, 0))

    def on_grid(self, shape: tuple[int, int, int], device: torch.device) -> Shifts:
        """Return the displacement of every voxel of the view, in view voxels."""
        weights = [
            torch.from_numpy(self._weights(np.arange(size, dtype=float), axis)).to(device)
            for axis, size in enumerate(shape)
        ]
        values = torch.from_numpy(self.coefficients).to(device)
        # One axis after the other: three small products instead of 64 taps per voxel.
        values = torch.einsum("cijk,xi->cxjk", values, weights[0])
        values = torch.einsum("cxjk,yj->cxyk", values, weights[1])
        if device.type != "cpu":
            return (values @ weights[2].T).float()
        # Double numbers of a whole view go through memory, those of a slab through the cache.
        made = torch.empty(3, *shape)
        thick = max(1, _SLAB_VOXELS // (shape[1] * shape[2]))
        for start in range(0, shape[0], thick):
            slab = slice(start, start + thick)
            made[:, slab] = values[:, slab] @ weights[2].T
        return made

    def at(self, points: Points) -> Points:
        """Return the displacement at any points of the view, both in view voxels.

        Beyond the last control points it fades to nothing.
        """
        return self.with_slope(points)[0]

    def with_slope(self, points: Points) -> tuple[Points, Slopes]:
        """Return the displacement at any points, and its derivative: row is axis of the former."""
        parts = [self._near(part) for part in np.array_split(points, len(points) // _CHUNK + 1)]
        shifts, slopes = zip(*parts, strict=True)
        return np.concatenate(shifts), np.concatenate(slopes)

    def _near(self, points: Points) -> tuple[Points, Slopes]:
        shape = np.array(self.coefficients.shape[1:])
        place = (points - self.start_voxels) / self.step_voxels
        # The tap before the place; further out than the control points, all taps weigh nothing.
        lowest = np.clip(np.floor(place) - 1, 0, shape - _TAPS)
        distance = (place - lowest)[:, :, None] - np.arange(float(_TAPS))
        x, y, z = cubic(distance).swapaxes(0, 1)
        dx, dy, dz = (cubic_slope(distance) / self.step_voxels[:, None]).swapaxes(0, 1)
        rows = np.array([shape[1] * shape[2], shape[2], 1])
        taps = np.stack(np.meshgrid(*[np.arange(_TAPS)] * 3, indexing="ij"), axis=-1)
        first = (lowest @ rows).astype(int)
        near = self.coefficients.reshape(3, -1).T[first[:, None] + (taps @ rows).reshape(-1)]
        weights = np.empty((len(points), 4, _TAPS, _TAPS**2))
        yz = _outer(y, z)[:, None]
        for number, (one, others) in enumerate(
            ((x, yz), (dx, yz), (x, _outer(dy, z)[:, None]), (x, _outer(y, dz)[:, None]))
        ):
            np.multiply(one[:, :, None], others, out=weights[:, number])
        found = weights.reshape(len(points), 4, _TAPS**3) @ near
        return found[:, 0], found[:, 1:].transpose(0, 2, 1)

    def _weights(self, places: Float64[np.ndarray, "P"], axis: int) -> Float64[np.ndarray, "P K"]:
        """Return the weight of every control point at every place along one axis."""
        knots = np.arange(self.coefficients.shape[1 + axis])
        distance = (places - self.start_voxels[axis]) / self.step_voxels[axis]
        return cubic(distance[:, None] - knots)


def cubic(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return the uniform cubic B-spline, 0 from a distance of two control points on.

    Example:
        >>> [round(float(value), 6) for value in cubic(np.array([0.0, 1.0, 2.0]))]
        [0.666667, 0.166667, 0.0]
    """
    far = np.abs(distance)
    wide, narrow = np.maximum(2 - far, 0), np.maximum(1 - far, 0)
    # Products, since NumPy's powers take a multiple of their time.
    return np.asarray((wide * wide * wide - 4 * narrow * narrow * narrow) / 6)


def cubic_slope(distance: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Return the derivative of `cubic`.

    Example:
        >>> [round(float(slope), 6) for slope in cubic_slope(np.array([-1.0, 0.0, 1.0, 2.0]))]
        [0.5, 0.0, -0.5, 0.0]
    """
    far = np.abs(distance)
    wide, narrow = np.maximum(2 - far, 0), np.maximum(1 - far, 0)
    return np.asarray(np.sign(distance) * (2 * narrow * narrow - wide * wide / 2))


def cubic_weights(fraction: Float64[np.ndarray, "P"]) -> Float64[np.ndarray, "P 4"]:
    """Return the weights of the four control points around places between the middle two.

    Example:
        >>> [round(float(weight), 6) for weight in cubic_weights(np.array([0.5]))[0]]
        [0.020833, 0.479167, 0.479167, 0.020833]
    """
    return cubic(fraction[:, None] - np.arange(-1.0, 3.0))


def cubic_slopes(fraction: Float64[np.ndarray, "P"]) -> Float64[np.ndarray, "P 4"]:
    """Return the derivatives of `cubic_weights` by the place.

    Example:
        >>> [round(float(slope), 6) for slope in cubic_slopes(np.array([0.5]))[0]]
        [-0.125, -0.625, 0.625, 0.125]
    """
    return cubic_slope(fraction[:, None] - np.arange(-1.0, 3.0))


def inverse(warp: Warp, targets: Points, *, tolerance_voxels: float = 1e-6) -> Points:
    """Return the points ``v`` of a view with ``v + u(v)`` at the targets.

    A warp that cannot fold has one such point for each target, and Newton's method finds it;
    steps are held to half a control distance, as far as the linear part can be trusted.

    Args:
        warp: A warp that does not fold.
        targets: In view voxels, shape ``(P, 3)``.
        tolerance_voxels: Where to stop.

    Returns:
        In view voxels, shape ``(P, 3)``.
    """
    found = targets.copy()
    open_rows = np.arange(len(targets))
    for _ in range(_MOST_STEPS):
        points = found[open_rows]
        shift, slope = warp.with_slope(points)
        missing = targets[open_rows] - points - shift
        unsolved = np.abs(missing).max(axis=1) > tolerance_voxels
        if not unsolved.any():
            break
        open_rows = open_rows[unsolved]
        matrix = slope[unsolved] + np.eye(3)
        steps = np.linalg.solve(matrix, missing[unsolved][:, :, None])[:, :, 0]
        longest = np.abs(2 * steps / warp.step_voxels).max(axis=1, keepdims=True)
        found[open_rows] = points[unsolved] + steps / np.maximum(longest, 1.0)
    return found


def _outer(y: Taps, z: Taps) -> Float64[np.ndarray, "P 16"]:
    return np.asarray((y[:, :, None] * z[:, None]).reshape(len(y), _TAPS**2))
