"""An invented child's upper abdomen: which tissue is where, in a body frame in mm.

The body frame is RAS+ with its origin between the kidneys. Everything drawn here belongs to the
patient and stays the same in every scan of theirs: build, fat, spine, organs, vessels, kidneys.
What a scan adds (pose, breathing, contrast, bowel filling, noise, grid) is in `acquisition`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from medcl.runtime.seeds import generator
from pipelines.synthetic_hospital.kidneys import Kidneys, draw_kidneys
from pipelines.synthetic_hospital.shapes import Distances, Spots, capsule, ellipsoid, tube

Layer = tuple[str, Distances]


@dataclass(frozen=True)
class Bowel:
    """One loop of bowel: a stick with a wall and a content."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float


@dataclass(frozen=True)
class Anatomy:
    """One patient.

    Attributes:
        joined: The label: a bridge joins the kidneys.
        size: Factor on every length, 1 for the average.
        girth: Half width and half depth of the body in mm.
        fat_mm: Thickness of the fat under the skin.
        lean: Sideways lean of the spine (mm per mm of z).
        disc_phase: Where along z the discs between vertebrae lie, mm.
        organs: Centre and semi-axes in mm by organ.
        bowel: Loops in front of the kidneys.
        vessels: Ends and radius in mm of sticks in the liver.
        kidneys: Both of them.
    """

    joined: bool
    size: float
    girth: tuple[float, float]
    fat_mm: float
    lean: float
    disc_phase: float
    organs: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]
    bowel: tuple[Bowel, ...]
    vessels: tuple[Bowel, ...]
    kidneys: Kidneys


def _near(
    rng: np.random.Generator, middle: tuple[float, float, float], spread: float
) -> tuple[float, float, float]:
    x, y, z = (float(value + rng.uniform(-spread, spread)) for value in middle)
    return x, y, z


def _sized(
    rng: np.random.Generator, radii: tuple[float, float, float]
) -> tuple[float, float, float]:
    x, y, z = (float(value * rng.uniform(0.85, 1.15)) for value in radii)
    return x, y, z


def _draw_bowel(rng: np.random.Generator) -> tuple[Bowel, ...]:
    loops = []
    for _ in range(int(rng.integers(9, 15))):
        start = rng.uniform((-68, 8, -75), (68, 48, 30))
        end = start + rng.uniform(-26, 26, size=3)
        x, y, z = (float(value) for value in start)
        u, v, w = (float(value) for value in end)
        loops.append(Bowel((x, y, z), (u, v, w), float(rng.uniform(7, 12))))
    # Duodenum: bowel crosses the midline where a bridge would, in both classes.
    height = float(rng.uniform(-42, 24))
    near, far = float(rng.uniform(4, 12)), float(rng.uniform(-28, 14))
    loops.append(
        Bowel((34.0, near, height), (far, near - 4, height + 8), float(rng.uniform(7, 10)))
    )
    return tuple(loops)


def _draw_vessels(rng: np.random.Generator) -> tuple[Bowel, ...]:
    return tuple(
        Bowel((28.0, 4.0, 52.0), _near(rng, (58.0, 8.0, 62.0), 28.0), float(rng.uniform(2.0, 3.5)))
        for _ in range(5)
    )


def draw_anatomy(*, seed: int, patient: int, joined: bool) -> Anatomy:
    """Return a patient, a pure function of seed, number and label.

    Args:
        seed: Of the hospital.
        patient: Number of the patient.
        joined: The label.

    Returns:
        An anatomy.

    Example:
        >>> one = draw_anatomy(seed=1, patient=4, joined=True)
        >>> one.size == draw_anatomy(seed=1, patient=4, joined=True).size
        True
    """
    rng = generator(seed, "anatomy", patient)
    organs = {
        "liver": (_near(rng, (46.0, 10.0, 62.0), 8), _sized(rng, (52.0, 52.0, 48.0))),
        "left lobe": (_near(rng, (4.0, 38.0, 66.0), 8), _sized(rng, (44.0, 20.0, 26.0))),
        "spleen": (_near(rng, (-64.0, -22.0, 56.0), 7), _sized(rng, (18.0, 30.0, 32.0))),
        "stomach": (_near(rng, (-42.0, 24.0, 58.0), 10), _sized(rng, (28.0, 26.0, 28.0))),
        "pancreas": (_near(rng, (-12.0, 12.0, 26.0), 5), _sized(rng, (36.0, 7.0, 8.0))),
    }
    return Anatomy(
        joined=joined,
        size=float(rng.uniform(0.87, 1.13)),
        girth=(float(rng.uniform(96, 106)), float(rng.uniform(68, 78))),
        fat_mm=float(rng.uniform(5, 13)),
        lean=float(rng.normal(0, 0.03)),
        disc_phase=float(rng.uniform(0, 24)),
        organs=organs,
        bowel=_draw_bowel(rng),
        vessels=_draw_vessels(rng),
        kidneys=draw_kidneys(rng, joined=joined),
    )


def layers(anatomy: Anatomy, points: Spots, *, breath_mm: float) -> Iterator[Layer]:
    """Give tissues from the back of the picture to the front; later ones cover earlier ones.

    Args:
        anatomy: A patient.
        points: Where, in the frame of the body, shape ``(3, P)``, mm.
        breath_mm: How far the organs stand above their middle place.

    Yields:
        Name of a tissue and the distance of every point to it, shape ``(P,)``, mm.
    """
    points = np.asarray(points / np.float32(anatomy.size), np.float32)
    moved = points - np.asarray([[0], [0], [breath_mm]], np.float32)
    yield from _wall(anatomy, points)
    yield from _spine(anatomy, points)
    cavity = tube(points, (0.0, 6.0), _inset(anatomy, anatomy.fat_mm + 9))
    for tissue, distance in _organs(anatomy, moved):
        yield tissue, np.maximum(distance, cavity)


def _inset(anatomy: Anatomy, depth_mm: float) -> tuple[float, float]:
    return anatomy.girth[0] - depth_mm, anatomy.girth[1] - depth_mm


def _wall(anatomy: Anatomy, points: Spots) -> Iterator[Layer]:
    yield "skin", tube(points, (0.0, 0.0), anatomy.girth)
    yield "fat", tube(points, (0.0, 0.0), _inset(anatomy, 2.0))
    muscle = tube(points, (0.0, 0.0), _inset(anatomy, anatomy.fat_mm))
    yield "muscle", muscle
    shell = np.abs(muscle + 4.5) - 2.5
    slope = np.abs(points[0]) * 0.35 - points[1] * 0.25
    rib = np.abs((points[2] + slope) % 24 - 12) - 4
    above = 10 + 0.3 * points[1] - points[2]
    yield "bone", np.maximum(np.maximum(shell, rib), above)
    yield "deep fat", tube(points, (0.0, 6.0), _inset(anatomy, anatomy.fat_mm + 9))


def _spine(anatomy: Anatomy, points: Spots) -> Iterator[Layer]:
    lean = anatomy.lean
    for side in (1, -1):
        yield "muscle", tube(points, (side * 22.0, -54.0), (18.0, 14.0), lean)
        psoas = tube(points, (side * 26.0, -30.0), (9.0, 10.0), lean - side * 0.1)
        yield "muscle", np.maximum(psoas, points[2] - 20)
    body = tube(points, (0.0, -32.0), (17.0, 13.0), lean)
    disc = np.abs((points[2] + anatomy.disc_phase) % 24 - 12) - 3
    yield "bone", body
    yield "marrow", body + 3
    yield "disc", np.maximum(body, disc)
    arch = tube(points, (0.0, -51.0), (10.0, 9.0), lean)
    yield "bone", arch
    yield "canal", tube(points, (0.0, -50.0), (6.5, 5.5), lean)
    sticks = np.abs((points[2] + anatomy.disc_phase) % 24 - 22) - 5
    spine = tube(points, (0.0, -62.0), (2.5, 7.0), lean)
    across = tube(points, (0.0, -46.0), (28.0, 3.0), lean)
    yield "bone", np.maximum(np.minimum(spine, np.maximum(across, -arch)), sticks)
    yield "blood", tube(points, (-9.0, -13.0), (7.0, 7.0), lean)
    yield "venous blood", tube(points, (13.0, -13.0), (9.0, 7.0), lean)


def _organs(anatomy: Anatomy, points: Spots) -> Iterator[Layer]:
    for loop in anatomy.bowel:
        wall = capsule(points, loop.start, loop.end, loop.radius)
        yield "bowel wall", wall
        yield "bowel content", wall + 2.5
    solids = {name: ellipsoid(points, *where) for name, where in anatomy.organs.items()}
    yield "pancreas", solids["pancreas"]
    yield "bowel wall", solids["stomach"]
    yield "stomach content", solids["stomach"] + 3
    gas = anatomy.organs["stomach"][0][1] + 6 - points[1]
    yield "gas", np.maximum(solids["stomach"] + 3, gas)
    yield "spleen", solids["spleen"]
    liver = np.minimum(solids["liver"], solids["left lobe"])
    yield "liver", liver
    for vessel in anatomy.vessels:
        stick = capsule(points, vessel.start, vessel.end, vessel.radius)
        yield "venous blood", np.maximum(stick, liver + 4)
    parts = anatomy.kidneys.solids(points)
    yield "deep fat", parts["cortex"] - 2.5
    yield from parts.items()
    yield "urine", parts["sinus"] + 3.5
    yield from _lungs(points)


def _lungs(points: Spots) -> Iterator[Layer]:
    below = np.minimum(
        ellipsoid(points, (44.0, 2.0, 36.0), (58.0, 66.0, 44.0)),
        ellipsoid(points, (-44.0, 2.0, 30.0), (58.0, 66.0, 44.0)),
    )
    middle = ellipsoid(points, (-6.0, 10.0, 60.0), (26.0, 60.0, 60.0))
    yield "lung", np.maximum(np.maximum(-below, -middle), 50 - points[2])
