"""Phantoms with known answers, and what can be measured of a contract on them.

All lie on 2 mm voxels of a 96 x 96 x 80 mm view. Values are those that transforms see: HU, SUV, or
fractions of the range of weighted MR.
"""

from functools import cache

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.stats import spearmanr

SHAPE, SPACING_MM = (48, 48, 40), 2.0
MATERIALS = {
    "CT": (-1000.0, -100.0, 0.0, 40.0, 900.0),
    "PT": (0.0, 0.5, 1.5, 2.5, 6.0),
    "MR_WEIGHTED": (0.0, 0.2, 0.45, 0.7, 1.0),
    "MR_QUANTITATIVE": (0.0, 200.0, 800.0, 1200.0, 2500.0),
    "OT": (0.0, 0.0, 0.0, 0.0, 1.0),
}
BODY, LESION = 1, 4  # of the materials


@cache
def grid_mm():
    """Distance from the middle of the view in mm along each axis, shape (3, X, Y, Z)."""
    lines = [(np.arange(size) - (size - 1) / 2) * SPACING_MM for size in SHAPE]
    return np.stack(np.meshgrid(*lines, indexing="ij"))


@cache
def cylinder_classes():
    """Cylinder of the second material in air, with three inserts of 28 mm along z."""
    x, y, _ = grid_mm()
    classes = np.where(x**2 + y**2 <= 46**2, BODY, 0)
    for material, (cx, cy) in zip((2, 3, 4), ((-22, 0), (11, 19), (11, -19)), strict=True):
        classes[(x - cx) ** 2 + (y - cy) ** 2 <= 14**2] = material
    return classes


def cylinder(modality):
    """Five materials, shape (X, Y, Z)."""
    return np.asarray(MATERIALS[modality])[cylinder_classes()].astype(np.float32)


@cache
def insides(margin_mm=11.5):
    """Voxels of each material that lie deeper than the margin, beyond the reach of any filter."""
    classes = cylinder_classes()
    found = {}
    for material in range(5):
        plane = classes[:, :, 0] == material
        depth = distance_transform_edt(np.pad(plane, 16, mode="edge"))[16:-16, 16:-16]
        inside = depth * SPACING_MM > margin_mm
        if material > 0 and inside.any():
            found[material] = np.broadcast_to(inside[:, :, None], SHAPE)
    return found


def ramp(modality):
    """Values that rise along x over the range of the materials."""
    low, high = MATERIALS[modality][0], MATERIALS[modality][-1]
    line = np.linspace(low, high, SHAPE[0], dtype=np.float32)
    return np.broadcast_to(line[:, None, None], SHAPE).copy()


def sphere(modality):
    """Lesion of 20 mm in the body's material."""
    inside = (grid_mm() ** 2).sum(axis=0) <= 10**2
    values = MATERIALS[modality]
    return np.where(inside, values[LESION], values[BODY]).astype(np.float32)


def asymmetric(modality):
    """Three arms of different length and one mass: no mirror image equals it."""
    x, y, z = grid_mm()
    arms = (
        ((abs(y) < 6) & (abs(z) < 6) & (x > 0) & (x < 36))
        | ((abs(x) < 6) & (abs(z) < 6) & (y > 0) & (y < 26))
        | ((abs(x) < 6) & (abs(y) < 6) & (z > 0) & (z < 18))
        | ((x - 25) ** 2 + (y - 14) ** 2 + (z - 8) ** 2 < 9**2)
    )
    values = MATERIALS[modality]
    return np.where(arms, values[LESION], values[BODY]).astype(np.float32)


def drift(before, after):
    """Largest change of the mean of a material, less what the noise of a mean explains."""
    found = 0.0
    for inside in insides().values():
        change = (after - before)[inside].astype(float)
        noise = 5 * change.std() / np.sqrt(inside.sum())
        found = max(found, abs(change.mean()) - noise)
    return found


def uptake_change(before, after):
    """Largest relative change of the mean of a material, less what noise explains."""
    found = 0.0
    for inside in insides().values():
        mean = before[inside].mean()
        if mean > 0:
            change = (after - before)[inside].astype(float) / mean
            found = max(found, abs(change.mean()) - 5 * change.std() / np.sqrt(inside.sum()))
    return found


def peak_change(before, after):
    """Relative change of the mean over a sphere of 12 mm within the lesion of 20 mm."""
    inside = (grid_mm() ** 2).sum(axis=0) <= 6**2
    return abs(float((after - before)[inside].mean() / before[inside].mean()))


def lost_lesion(before, after, mask):
    """Part of the lesion's voxels that is hidden or no longer on its side of half contrast."""
    middle = (before.max() + before.min()) / 2
    lesion = before > middle
    return 1 - float(((after > middle) & mask)[lesion].mean())


def keeps_order(before, after):
    """Whether materials keep their order, and a ramp its ranks."""
    means = [after[inside].mean() for inside in insides().values()]
    wanted = [before[inside].mean() for inside in insides().values()]
    return bool((np.argsort(means) == np.argsort(wanted)).all())


def rank_correlation(before, after):
    """Spearman's coefficient of profiles along x."""
    return float(spearmanr(before.mean(axis=(1, 2)), after.mean(axis=(1, 2))).statistic)


def is_itself_not_its_mirror(before, after):
    """Whether an asymmetric phantom matches itself better than every mirror image."""
    flat = after.ravel()
    own = np.corrcoef(before.ravel(), flat)[0, 1]
    return all(own > np.corrcoef(np.flip(before, axis).ravel(), flat)[0, 1] for axis in range(3))


def moved_mm(before, after):
    """How far the centre of mass of an object above its background moves."""
    base = before.min()
    centres = []
    for values in (before, after):
        weight = np.clip(values - (base + before.max()) / 2, 0, None).astype(float)
        centres.append((grid_mm() * weight).sum(axis=(1, 2, 3)) / weight.sum())
    return float(np.linalg.norm(centres[1] - centres[0]))


def as_views(*arrays):
    return torch.from_numpy(np.stack(arrays)[:, None])
