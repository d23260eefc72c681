"""A smooth displacement inside one view: a uniform cubic B-spline on a grid of control points."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64

from medcl.shapes import Points, Vector3

Coefficients = Float64[np.ndarray, "3 KX KY KZ"]
Shifts = Float[torch.Tensor, "3 X Y Z"]

_SUPPORT = 4


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
        place = (points - self.start_voxels) / self.step_voxels
        first = np.floor(place).astype(int) - 1
        taps = [cubic_weights(place[:, axis] - first[:, axis] - 1) for axis in range(3)]
        padded = np.pad(self.coefficients, [(0, 0)] + [(_SUPPORT, _SUPPORT)] * 3)
        index = [
            np.clip(first[:, axis] + _SUPPORT, 0, padded.shape[1 + axis] - _SUPPORT)
            for axis in range(3)
        ]
        total = np.zeros_like(points)
        for i in range(_SUPPORT):
            for j in range(_SUPPORT):
                for k in range(_SUPPORT):
                    weight = taps[0][:, i] * taps[1][:, j] * taps[2][:, k]
                    near = padded[:, index[0] + i, index[1] + j, index[2] + k]
                    total += (near * weight).T
        return total

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
    return np.where(far < 1, inner, outer)


def cubic_weights(fraction: Float64[np.ndarray, "P"]) -> Float64[np.ndarray, "P 4"]:
    """Return the weights of the four control points around places between the middle two.

    Example:
        >>> [round(float(weight), 6) for weight in cubic_weights(np.array([0.5]))[0]]
        [0.020833, 0.479167, 0.479167, 0.020833]
    """
    return cubic(fraction[:, None] - np.arange(-1.0, 3.0))


def inverse(warp: Warp, targets: Points, *, tolerance_voxels: float = 1e-5) -> Points:
    """Return the points ``v`` of a view with ``v + u(v)`` at the targets.

    A warp that cannot fold has one such point for each target, and Newton's method finds it;
    steps are held to one control distance, as far as the linear part can be trusted.

    Args:
        warp: A warp that does not fold.
        targets: In view voxels, shape ``(P, 3)``.
        tolerance_voxels: Where to stop.

    Returns:
        In view voxels, shape ``(P, 3)``.
    """
    found = targets.copy()
    open_rows = np.arange(len(targets))
    for _ in range(50):
        points = found[open_rows]
        missing = targets[open_rows] - points - warp.at(points)
        unsolved = np.abs(missing).max(axis=1) > tolerance_voxels
        open_rows, points, missing = open_rows[unsolved], points[unsolved], missing[unsolved]
        if not len(open_rows):
            break
        steps = np.linalg.solve(_slope(warp, points), missing[:, :, None])[:, :, 0]
        longest = np.abs(steps / warp.step_voxels).max(axis=1, keepdims=True)
        found[open_rows] = points + steps / np.maximum(longest, 1.0)
    return found


def _slope(warp: Warp, points: Points) -> Float64[np.ndarray, "P 3 3"]:
    """Return the derivative of ``v + u(v)``, by differences far above rounding."""
    columns = []
    for axis in range(3):
        aside = np.zeros(3)
        aside[axis] = 1e-4 * warp.step_voxels[axis]
        change = (warp.at(points + aside) - warp.at(points - aside)) / (2 * aside[axis])
        columns.append(change + np.eye(3)[axis])
    return np.stack(columns, axis=-1)
