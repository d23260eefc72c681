"""The two kidneys, and the finding the labels are about: whether they are joined.

In a horseshoe kidney a bridge of kidney tissue crosses the midline in front of the great vessels
and joins the lower poles. Here both kinds of kidneys have the same distribution of volume, tilt and
brightness, and everybody has bowel that crosses the midline too: only what is connected to what
tells the classes apart.
"""

from dataclasses import dataclass, replace

import numpy as np

from medcl.geometry.affine import rotation
from pipelines.synthetic_hospital.shapes import Distances, Spots, blend, capsule, ellipsoid

_CORTEX_MM = 6.5
_LATTICE_MM = 3.0
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Kidney:
    """One kidney in the frame of the body.

    Attributes:
        centre: In mm.
        turn: Rotation body → kidney, 3 x 3.
        radii: Semi-axes in mm: across, front to back, long axis.
        bend: How far the poles lean to the middle, in 1/mm.
        side: +1 on the right, -1 on the left.
    """

    centre: Point
    turn: np.ndarray
    radii: Point
    bend: float
    side: int

    def into_frame(self, points: Spots) -> Spots:
        """Return body points in the frame of the kidney, mm."""
        local = self.turn.astype(np.float32) @ (points - np.asarray(self.centre, "f4")[:, None])
        local[0] += np.float32(self.side * self.bend) * np.square(local[2])
        return np.asarray(local)

    def lower_pole(self) -> Point:
        """Return a point inside the lower pole, in the frame of the body, mm."""
        height = -0.72 * self.radii[2]
        local = np.array([-self.side * self.bend * height**2, 0.0, height])
        x, y, z = (self.turn.T @ local + np.asarray(self.centre)).tolist()
        return x, y, z


@dataclass(frozen=True)
class Kidneys:
    """Both kidneys of a patient.

    Attributes:
        right: On the right.
        left: On the left.
        bridge: Points from pole to pole that the bridge runs through, mm; empty without one.
        bridge_mm: Radius of the bridge.
    """

    right: Kidney
    left: Kidney
    bridge: tuple[Point, ...]
    bridge_mm: float

    def solids(self, points: Spots) -> dict[str, Distances]:
        """Return the distances to kidney tissue, its marrow, and its fatty hilum.

        Args:
            points: In the frame of the body, mm.

        Returns:
            Distances in mm under ``cortex``, ``medulla``, ``sinus``.
        """
        bodies, sinuses = [], []
        for kidney in (self.right, self.left):
            local = kidney.into_frame(points)
            bodies.append(ellipsoid(local, (0.0, 0.0, 0.0), kidney.radii))
            hilum = (-kidney.side * kidney.radii[0] * 0.75, 2.0, 0.0)
            sinuses.append(ellipsoid(local, hilum, (kidney.radii[0] * 0.7, 5.0, 12.0)))
        both = np.minimum(*bodies)
        whole = both
        for start, end in zip(self.bridge, self.bridge[1:], strict=False):
            whole = blend(whole, capsule(points, start, end, self.bridge_mm), 4.0)
        return {"cortex": whole, "medulla": both + _CORTEX_MM, "sinus": np.minimum(*sinuses)}


def draw_kidneys(rng: np.random.Generator, *, joined: bool) -> Kidneys:
    """Return a pair of kidneys; their volume is drawn before, and apart from, the finding.

    Args:
        rng: Where chance comes from.
        joined: Whether a bridge joins them.

    Returns:
        Kidneys of 90 to 150 ml together.
    """
    target_ml = float(rng.uniform(90.0, 150.0))
    right, left = (_draw_kidney(rng, side=side) for side in (1, -1))
    bridge_mm = float(rng.uniform(8.5, 11.5))
    height, front = rng.uniform(-4, 4), rng.uniform(1, 7)

    def pair(scale: float) -> Kidneys:
        sides = [replace(one, radii=_times(one.radii, scale)) for one in (right, left)]
        ends = [one.lower_pole() for one in sides]
        middle = (0.0, float(front), float((ends[0][2] + ends[1][2]) / 2 + height))
        path = (ends[0], middle, ends[1]) if joined else ()
        return Kidneys(right=sides[0], left=sides[1], bridge=path, bridge_mm=bridge_mm)

    scale = 1.0
    for _ in range(3):
        scale *= (target_ml / volume_ml(pair(scale))) ** (1 / 3)
    return pair(scale)


def _draw_kidney(rng: np.random.Generator, *, side: int) -> Kidney:
    tilt = rng.uniform((-10, -18, 0), (10, 18, 50)) * np.array([1, side, side])
    middle = rng.uniform(-4, 4, size=3) + np.array([side * 42.0, -20.0, -3.0 * side])
    x, y, z = middle.tolist()
    return Kidney(
        centre=(x, y, z),
        turn=rotation(tilt)[:3, :3],
        radii=_times((18.0, 16.0, 34.0), *rng.uniform(0.87, 1.15, size=3).tolist()),
        bend=float(rng.uniform(0.002, 0.006)),
        side=side,
    )


def _times(radii: Point, *factors: float) -> Point:
    x, y, z = (np.asarray(radii) * np.asarray(factors)).tolist()
    return x, y, z


def volume_ml(kidneys: Kidneys) -> float:
    """Return the volume of kidney tissue by counting the points of a lattice, in ml."""
    axes = [np.arange(-reach, reach, _LATTICE_MM, dtype=np.float32) for reach in (80, 60, 60)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    return float((kidneys.solids(points)["cortex"] < 0).sum()) * _LATTICE_MM**3 / 1000
