"""Volumes whose every tissue is known, in the units of each modality."""

import numpy as np

from medcl.augment.grid import ViewGrid
from medcl.augment.views import Source
from medcl.evaluation.measures.anatomy import Case
from medcl.geometry.affine import rotation

GRID = ViewGrid(size_voxels=(20, 20, 20), spacing_mm=(2.0, 2.0, 2.0))
OBLIQUE = rotation(np.array([4.0, 3.0, 5.0])) @ np.diag([-1.6, -1.6, 2.0, 1.0])

VALUES = {
    "CT": (55.0, (-95.0, 700.0, -800.0), 4.0),
    "MR_WEIGHTED": (300.0, (200.0, 600.0, 450.0), 6.0),
    "MR_QUANTITATIVE": (1000.0, (800.0, 1800.0, 1300.0), 4.0),
    "PT": (2.0, (1.0, 9.0, 4.0), 0.02),
    "OT": (0.0, (1.0, 1.0, 1.0), 0.0),
}
"""Background, three balls, and the noise on all of it."""

BALLS = ((0.5, 0, 0), (-0.5, 0.4, 0), (0, -0.5, 0.3))


def phantom(patient, seed, *, modality="CT", affine=OBLIQUE, noise=None, lesion_at=None):
    """Three balls of different tissue in a fourth, not symmetric in any axis."""
    background, balls, own_noise = VALUES[modality]
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, 44),) * 3, indexing="ij")
    values = np.full((44, 44, 44), background)
    for value, centre in zip(balls, BALLS, strict=True):
        values[_distance(axes, centre) < 0.4] = value
    lesion = None
    if lesion_at is not None:
        lesion = (_distance(axes, lesion_at) < 0.15).astype(np.uint8)
        values[lesion > 0] = background + 0.3 * (max(balls) - background)
    low, high = float(values.min()), float(values.max())
    spread = own_noise if noise is None else noise
    array = (values + rng.normal(0, spread, values.shape)).astype(np.float32)[None]
    source = Source(word=f"key-{seed}", shape=(44, 44, 44), affine=affine, low=low, high=high)
    return Case(source=source, patient=patient, array=array, lesion=lesion)


def _distance(axes, centre):
    return np.sqrt(sum((axis - place) ** 2 for axis, place in zip(axes, centre, strict=True)))
