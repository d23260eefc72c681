"""A smooth displacement inside one view: a uniform cubic B-spline on a grid of control points."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64

from medcl.shapes import Points, Vector3

Coefficients = Float64[np.ndarray, "3 KX KY KZ"]
Slopes = Float64[np.ndarray, "P 3 3"]
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
        around = [(0, 0)] + [(_TAPS, _TAPS)] * 3
        padded = np.pad(self.coefficients, around)
        # The tap before the place; far outside all four lie in the padding.
        lowest = [
            np.clip(first[:, axis] - 1 + _TAPS, 0, padded.shape[1 + axis] - _TAPS).astype(int)
            for axis in range(3)
        ]
        taps = np.arange(_TAPS)
        x, y, z = (low[:, None] + taps for low in lowest)
        near = padded[:, x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]]
        values = [cubic_weights(fraction[:, axis]) for axis in range(3)]
        steps = [cubic_slopes(fraction[:, axis]) for axis in range(3)]
        shift = _sum(near, *values)
        slope = [
            _sum(near, *(steps[a] if a == axis else values[a] for a in range(3)))
            / self.step_voxels[axis]
            for axis in range(3)
        ]
        return shift, np.stack(slope, axis=-1)

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


def _sum(
    near: Float64[np.ndarray, "3 P 4 4 4"], x: Taps, y: Taps, z: Taps
) -> Float64[np.ndarray, "P 3"]:
    along = np.einsum("cpijk,pk->cpij", near, z)
    along = np.einsum("cpij,pj->cpi", along, y)
    return np.asarray(np.einsum("cpi,pi->pc", along, x))
