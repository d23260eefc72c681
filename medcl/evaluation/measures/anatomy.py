"""What is where in a volume: tissues without their borders, body, level regions, lesions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from medcl.augment.contract import PolicyModality
from medcl.augment.drawing.source import Source
from medcl.augment.normalisation import FixedWindow, Normalisation
from medcl.augment.safety.tasks import TISSUES_HU
from medcl.shapes import Affine, LabelMap, ValidityMask, VolumeArray

Grey = Float[np.ndarray, "X Y Z"]
Classes = Int[np.ndarray, "X Y Z"]
Mask = Bool[np.ndarray, "X Y Z"]

_BODY_HU = -500.0
_BODY_SHARE = 0.05
_LESS_SHARE = 0.1
_DEEP_VOXELS = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Case:
    """One volume to measure on.

    Attributes:
        source: Its geometry and range.
        patient: Whose it is; figures are averaged within a patient first.
        array: Its voxels, ``(C, X, Y, Z)``, in its unit.
        validity: True where voxels were measured, or ``None``.
        lesion: Above 0 where a lesion is, or ``None`` where nobody marked any.
    """

    source: Source
    patient: str
    array: VolumeArray
    validity: ValidityMask | None = None
    lesion: LabelMap | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """What is where in one volume, found once per audit.

    Attributes:
        grey: First channel.
        smooth: The same without its noise, by a Gaussian of one voxel.
        deep: CT: the tissue of voxels far from any border, numbered as in `TISSUES_HU`; else 0.
        thin: CT: the same with one voxel of border left out; small structures are still in it.
        body: Where the body is.
        level: Where there are no edges: the gradient is at most what half of the body has.
        lesion: Where lesions are, or ``None``.
    """

    grey: Grey
    smooth: Grey
    deep: Classes
    thin: Classes
    body: Mask
    level: Mask
    lesion: Mask | None


def anatomy_of(
    case: Case,
    modality: PolicyModality,
    spacing_mm: tuple[float, float, float],
    window: Normalisation,
) -> Anatomy:
    """Return what is where in a volume.

    Partial volume belongs to no tissue, so borders are left out: two voxels, of the volume or of
    the view, whichever are larger along an axis. Ranges are asked of the smoothed volume, because
    in a noisy scan hardly any neighbourhood lies in a narrow range as a whole.

    Args:
        case: The volume.
        modality: What it is.
        spacing_mm: Spacing of the views.
        window: What the network sees; the body is brighter than its darkest part.

    Returns:
        What was found.
    """
    grey = case.array[0].astype(np.float32)
    smooth = ndimage.gaussian_filter(grey, 1.0)
    known = np.ones(grey.shape, dtype=bool) if case.validity is None else case.validity
    if modality == "CT":
        body = _within_skin(smooth, case.source.affine) & known
    else:
        body = (smooth > _empty_below(case.source, window)) & known
    deep = thin = np.zeros(grey.shape, dtype=np.int8)
    if modality == "CT":
        margins = deep_margins(case.source.affine, spacing_mm)
        deep = tissue_classes(np.where(known, smooth, np.nan), margins)
        thin = tissue_classes(np.where(known, grey, np.nan), (1, 1, 1))
    lesion = None if case.lesion is None else np.asarray(case.lesion > 0)
    return Anatomy(grey, smooth, deep, thin, body, _level(smooth, body), lesion)


def tissue_classes(hounsfield: Grey, margins: tuple[int, int, int]) -> Classes:
    """Return the tissue of every voxel inside of one: 0 for none, else 1, 2, … as listed.

    Args:
        hounsfield: Values in HU; NaN is no tissue.
        margins: Voxels that are left out at every border, per axis.

    Returns:
        Numbers as in `TISSUES_HU`.

    Example:
        >>> int(tissue_classes(np.full((5, 5, 5), 50.0), (1, 1, 1))[2, 2, 2])
        5
    """
    classes = np.zeros(hounsfield.shape, dtype=np.int8)
    for number, (low, high) in enumerate(TISSUES_HU.values(), start=1):
        tissue = (hounsfield >= low) & (hounsfield < high)
        classes[eroded(tissue, margins)] = number
    return classes


def eroded(mask: Mask, margins: tuple[int, int, int]) -> Mask:
    """Return a mask without its outermost voxels; at the edge of the volume it goes on.

    Example:
        >>> bool(eroded(np.ones((5, 5, 5), dtype=bool), (1, 1, 1)).all())
        True
    """
    for axis, margin in enumerate(margins):
        mask = ndimage.minimum_filter1d(mask.view(np.uint8), 2 * margin + 1, axis).view(bool)
    return mask


def deep_margins(affine: Affine, spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return how many voxels of border to leave out along each axis of a volume.

    Args:
        affine: Voxel index → RAS+ mm of the volume.
        spacing_mm: Spacing of the views, along world axes.

    Returns:
        Two voxels of the volume or of the view, whichever is more.

    Example:
        >>> deep_margins(np.diag([1.0, 1.0, 4.0, 1.0]), (2.0, 2.0, 2.0))
        (4, 4, 2)
    """
    view = np.asarray(spacing_mm)
    steps = np.abs(np.linalg.inv(affine[:3, :3])) @ view
    x, y, z = (int(np.ceil(_DEEP_VOXELS * max(1.0, step) - 0.25)) for step in steps)
    return x, y, z


def _within_skin(hounsfield: Grey, affine: Affine) -> Mask:
    """Return what the skin encloses within each axial plane: lungs and bowel are body too."""
    axis = int(np.abs(affine[2, :3]).argmax())
    planes = np.moveaxis(hounsfield > _BODY_HU, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in planes])
    return np.asarray(np.moveaxis(filled, 0, axis))


def _empty_below(source: Source, window: Normalisation) -> float:
    if isinstance(window, FixedWindow):
        return window.low + _BODY_SHARE * (window.high - window.low)
    return source.low + _LESS_SHARE * (source.high - source.low)


def _level(smooth: Grey, body: Mask) -> Mask:
    if not body.any():
        return body
    slope = ndimage.generic_gradient_magnitude(smooth, ndimage.sobel)
    return np.asarray(slope <= np.median(slope[body]))
