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
_CHUNK = 20_000  # points worked on at once: about 100 MB


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
        values = np.tensordot(weights[0], self.coefficients, axes=(1, 1))
        values = np.tensordot(weights[1], values, axes=(1, 2))
        values = np.tensordot(weights[2], values, axes=(1, 3))
        return np.asarray(values.transpose(2, 1, 0, 3))

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
        return torch.einsum("cxyk,zk->cxyz", values, weights[2]).float()

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
        place = (points - self.start_voxels) / self.step_voxels
        first = np.floor(place)
        fraction = place - first
        padded = np.pad(np.moveaxis(self.coefficients, 0, -1), [(_TAPS, _TAPS)] * 3 + [(0, 0)])
        sizes = padded.shape[:3]
        # The tap before the place; far outside all four lie in the padding.
        lowest = np.clip(first - 1 + _TAPS, 0, np.array(sizes) - _TAPS).astype(int)
        x, y, z = (lowest[:, axis, None] + np.arange(_TAPS) for axis in range(3))
        flat = (x[:, :, None, None] * sizes[1] + y[:, None, :, None]) * sizes[2]
        near = padded.reshape(-1, 3)[(flat + z[:, None, None, :]).reshape(len(points), _TAPS**3)]
        value = [cubic_weights(fraction[:, axis]) for axis in range(3)]
        slope = [cubic_slopes(fraction[:, axis]) / self.step_voxels[axis] for axis in range(3)]
        x, y, z = value
        weights = np.stack(
            [
                _outer(x, y, z),
                _outer(slope[0], y, z),
                _outer(x, slope[1], z),
                _outer(x, y, slope[2]),
            ],
            axis=1,
        )
        found = weights @ near
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
    inner = 2 / 3 - far**2 + far**3 / 2
    outer = np.clip(2 - far, 0, None) ** 3 / 6
    return np.asarray(np.where(far < 1, inner, outer))


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
    t = fraction
    return np.stack(
        [-((1 - t) ** 2) / 2, t * (3 * t - 4) / 2, (1 + 2 * t - 3 * t**2) / 2, t**2 / 2], axis=1
    )


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


def _outer(x: Taps, y: Taps, z: Taps) -> Float64[np.ndarray, "P 64"]:
    return np.asarray(
        (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]).reshape(len(x), _TAPS**3)
    )
