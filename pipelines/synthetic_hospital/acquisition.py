"""What a scan adds to a patient: pose, breath, contrast, kernel, noise, grid. All of it nuisance.

Every draw here is addressed by (seed, patient, study, series) and never by the label.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from medcl.geometry.affine import rotation, spacing_mm
from medcl.runtime.seeds import generator
from medcl.shapes import Affine
from medcl.volume import Volume
from pipelines.synthetic_hospital.anatomy import Anatomy, layers
from pipelines.synthetic_hospital.shapes import Spots, tube

_TISSUES_HU = {
    "skin": 10.0,
    "fat": -105.0,
    "deep fat": -98.0,
    "muscle": 55.0,
    "bone": 420.0,
    "marrow": 190.0,
    "disc": 75.0,
    "canal": 25.0,
    "bowel wall": 40.0,
    "stomach content": 15.0,
    "gas": -920.0,
    "sinus": -70.0,
    "lung": -840.0,
}
_AXES = {
    # Voxel axes in RAS+: along a row, down a column, slice to slice.
    "axial": ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    "coronal": ((-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "sagittal": ((0, -1, 0), (0, 0, -1), (1, 0, 0)),
}
_EXTENT_MM = (216.0, 168.0, 132.0)


@dataclass(frozen=True)
class Scan:
    """How one series was taken.

    Attributes:
        plane: axial, coronal or sagittal.
        kernel: soft or sharp.
        contrast: Whether contrast agent was given.
        noise_hu: Standard deviation in soft tissue.
        tissues_hu: Value of every tissue.
        breath_mm: How far the organs stand above their middle place.
        body_to_world: Pose, 4 x 4.
        affine: Voxel → RAS+ mm, 4 x 4.
        shape: Columns, rows, slices.
        noise_words: Address of the noise.
    """

    plane: str
    kernel: str
    contrast: bool
    noise_hu: float
    tissues_hu: dict[str, float]
    breath_mm: float
    body_to_world: Affine
    affine: Affine
    shape: tuple[int, int, int]
    noise_words: tuple[int | str, ...]


def draw_tissues(rng: np.random.Generator, *, contrast: bool) -> dict[str, float]:
    """Return a value in HU for every tissue: the phase of the contrast agent is chance.

    Args:
        rng: Where chance comes from.
        contrast: Whether contrast agent was given.

    Returns:
        HU by name of tissue.
    """
    blood = rng.uniform(90, 300) if contrast else rng.uniform(38, 50)
    vein = rng.uniform(80, 200) if contrast else blood
    cortex = rng.uniform(80, 230) if contrast else rng.uniform(28, 42)
    drawn = {
        "blood": blood,
        "venous blood": vein,
        "cortex": cortex,
        "medulla": cortex * rng.uniform(0.6, 1.0),
        "urine": rng.uniform(0, 500) if contrast and rng.random() < 0.4 else rng.uniform(0, 12),
        "liver": rng.uniform(85, 125) if contrast else rng.uniform(48, 66),
        "spleen": rng.uniform(95, 150) if contrast else rng.uniform(42, 54),
        "pancreas": rng.uniform(70, 115) if contrast else rng.uniform(30, 45),
        "bowel content": rng.uniform(-40, 60) if rng.random() < 0.7 else rng.uniform(100, 250),
    }
    return {**_TISSUES_HU, **{name: float(value) for name, value in drawn.items()}}


def draw_pose(rng: np.random.Generator) -> Affine:
    """Return how the patient lies: turned up to 10 degrees, shifted up to 8 mm."""
    pose = rotation(rng.uniform((-5, -5, -10), (5, 5, 10)))
    pose[:3, 3] = rng.uniform((-8, -6, -6), (8, 6, 6))
    return pose


def plan_grid(
    rng: np.random.Generator, *, plane: str, spacing: tuple[float, float], size: float
) -> tuple[Affine, tuple[int, int, int]]:
    """Return the grid of a series that covers the region of the kidneys.

    Args:
        rng: Where chance comes from.
        plane: axial, coronal or sagittal.
        spacing: In the slice and from slice to slice, mm.
        size: Size of the patient, 1 for the average; the field of view follows it.

    Returns:
        Affine voxel → RAS+ mm, and columns, rows, slices.
    """
    axes = np.asarray(_AXES[plane], float).T
    steps = np.array([spacing[0], spacing[0], spacing[1]])
    margin = size * rng.uniform((0.98, 0.98, 0.92), (1.08, 1.08, 1.06))
    extent = np.abs(axes.T) @ (np.asarray(_EXTENT_MM) * margin)
    columns, rows, slices = (int(n) for n in np.round(extent / steps))
    affine = np.eye(4)
    affine[:3, :3] = axes * steps
    middle = (np.array([columns, rows, slices]) - 1) / 2
    centre = np.array([0.0, -2.0, 4.0]) + rng.uniform(-3, 3, size=3)
    affine[:3, 3] = np.round(centre - affine[:3, :3] @ middle, 3)
    return affine, (columns, rows, slices)


def render(anatomy: Anatomy, scan: Scan) -> Volume:
    """Return the series a scanner would give, in whole HU.

    Every voxel averages two points along the slice axis (partial volume of thick slices) and has
    soft borders in the slice; the anatomy is sampled where the voxels are, never resampled.

    Args:
        anatomy: A patient.
        scan: How the series is taken.

    Returns:
        CT in HU, int16, ``(1, columns, rows, slices)``.
    """
    indices = np.indices(scan.shape, dtype=np.float32).reshape(3, -1)
    rng = generator(*scan.noise_words, "noise")
    halves = []
    for step in (-0.25, 0.25):
        halves.append(_sample(anatomy, scan, indices + np.asarray([[0], [0], [step]], np.float32)))
    clean = np.mean(halves, axis=0).reshape(scan.shape)
    array = np.clip(np.rint(_detector(clean, scan, rng)), -1024, 3071).astype(np.int16)
    return Volume(array=array[None], affine=scan.affine, modality="CT", unit="HU")


def _sample(anatomy: Anatomy, scan: Scan, indices: Spots) -> np.ndarray:
    world = _map(scan.affine, indices)
    points = _map(np.linalg.inv(scan.body_to_world), world)
    edge_mm = np.float32(0.35 * spacing_mm(scan.affine)[0])
    values = np.full(points.shape[1], -1000, np.float32)
    table = tube(world, (0.0, 330.0), (420.0, 420.0))
    _paint(values, np.abs(table) - 2, -150.0, edge_mm)
    for tissue, distance in layers(anatomy, points, breath_mm=scan.breath_mm):
        _paint(values, distance * np.float32(anatomy.size), scan.tissues_hu[tissue], edge_mm)
    return values


def _map(affine: Affine, points: Spots) -> Spots:
    small = affine.astype(np.float32)
    return np.asarray(small[:3, :3] @ points + small[:3, 3:])


def _paint(values: np.ndarray, distance: np.ndarray, hu: float, edge_mm: np.float32) -> None:
    share = np.clip(0.5 - distance / (2 * edge_mm), 0, 1)
    values += share * (np.float32(hu) - values)


def _detector(clean: np.ndarray, scan: Scan, rng: np.random.Generator) -> np.ndarray:
    noise = rng.normal(0, 1, scan.shape).astype(np.float32)
    if scan.kernel == "soft":
        blur = (0.55, 0.55, 0.0)
        image, noise = ndimage.gaussian_filter(clean, blur), ndimage.gaussian_filter(noise, blur)
    else:
        image = clean + 0.35 * (clean - ndimage.gaussian_filter(clean, (0.8, 0.8, 0.0)))
    return np.asarray(image + noise * np.float32(scan.noise_hu / noise.std()))


def draw_scan(
    anatomy: Anatomy,
    *,
    words: tuple[int | str, ...],
    acquisition: tuple[int | str, ...],
    pose: Affine,
    plane: str,
    kernel: str,
) -> Scan:
    """Return how one series of a study is taken.

    Args:
        anatomy: Who is scanned.
        words: Address of the series: seed, patient, study, series.
        acquisition: Address of the acquisition; series that share it were reconstructed from the
            same rays, so contrast and breath are the same.
        pose: How the patient lies during the study, 4 x 4.
        plane: axial, coronal or sagittal.
        kernel: soft or sharp.

    Returns:
        A scan.
    """
    rng = generator(*words, "scan")
    across = rng.uniform(4.3, 4.9) if kernel == "soft" else rng.uniform(4.0, 4.5)
    along = rng.uniform(4.6, 6.0) if kernel == "soft" else rng.uniform(4.0, 5.0)
    affine, shape = plan_grid(
        rng,
        plane=plane,
        spacing=(round(float(across), 3), round(float(along), 3)),
        size=anatomy.size,
    )
    rays = generator(*acquisition, "rays")
    contrast = bool(rays.random() < 0.7)
    return Scan(
        plane=plane,
        kernel=kernel,
        contrast=contrast,
        noise_hu=float(rng.uniform(6, 18) if kernel == "soft" else rng.uniform(15, 40)),
        tissues_hu=draw_tissues(rays, contrast=contrast),
        breath_mm=float(rays.uniform(-4, 4)),
        body_to_world=pose,
        affine=affine,
        shape=shape,
        noise_words=words,
    )
