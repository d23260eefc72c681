"""Noise of a view: how strong, how fine-grained, and how much of the contrast it drowns."""

import numpy as np
from scipy import ndimage

from medcl.evaluation.measures.observed import Grey, Mask, Observed
from medcl.evaluation.measures.tissue import smallest_contrast
from medcl.evaluation.measures.uptake import level_values

_FEWEST = 64
_MOST_VOXELS = 48
_SHELL_VOXELS = 3


def texture(observed: Observed) -> dict[str, float]:
    """Return noise, its grain, and signal and contrast over it, as ratios to the plain view.

    Args:
        observed: The view.

    Returns:
        ``noise_ratio``, ``noise_frequency`` (mean frequency of the noise power spectrum),
        ``noise_sampled`` (of the plain view to the nearest voxels of the volume),
        ``snr_ratio`` and ``contrast_to_noise``, those that can be measured; the last with its
        standard error; ``noise_error``, that of a ratio of noises, and ``noise_plain``, the noise
        of the plain view in the unit of the volume.
    """
    if observed.modality == "OT":
        return {}  # a shape has no noise
    mask = observed.body & observed.shown
    view, plain = noise_sd(observed.grey, mask), noise_sd(observed.still, mask)
    if not view or not plain:
        return {}
    # Of two median deviations, over voxels of which each second one tells something new.
    error = 1.17 * float(np.sqrt(2 * 2 / mask.sum()))
    figures = {"noise_ratio": view / plain, "noise_error": error}
    # The truth of PET is blended already.
    own = None if observed.modality == "PT" else noise_sd(observed.truth, mask)
    if own:
        figures["noise_sampled"] = plain / own
    # Edges raise both alike, and the ratio not at all; alone, noise is known far from them only.
    alone = noise_sd(observed.still, mask, of=observed.level)
    if alone is not None:
        figures["noise_plain"] = alone
    ends = (
        mean_frequency(observed, observed.grey, mask),
        mean_frequency(observed, observed.still, mask),
    )
    if ends[0] and ends[1]:
        figures["noise_frequency"] = ends[0] / ends[1]
    levels = level_values(observed)
    truth, shown = levels.truth, levels.view
    if len(truth) >= 2 and np.ptp(truth) > 0:
        figures["snr_ratio"] = float(np.ptp(shown) / np.ptp(truth)) * plain / view
    contrast = _contrast(observed, truth, shown)
    if contrast is not None:
        figures["contrast_to_noise"] = contrast * plain / view
        figures["contrast_to_noise_error"] = figures["contrast_to_noise"] * error
    return figures


def noise_sd(grey: Grey, mask: Mask, of: Mask | None = None) -> float | None:
    """Return the standard deviation of noise, from each voxel against its six neighbours.

    The median absolute deviation keeps edges out of it.

    Args:
        grey: Values.
        mask: Voxels that count; their neighbours must too.
        of: Of these, those that are asked; ``None`` for all.

    Returns:
        In the unit of the values, or ``None`` for too few voxels.

    References:
        Immerkær, "Fast noise variance estimation", 1996.

    Example:
        >>> values = np.random.default_rng(0).normal(0, 5, (20, 20, 20))
        >>> round(noise_sd(values, np.ones((20, 20, 20), dtype=bool)))
        5
    """
    inside = ndimage.binary_erosion(mask)
    if of is not None:
        inside = inside & of
    if inside.sum() < _FEWEST:
        return None
    kernel = ndimage.generate_binary_structure(3, 1).astype(float)
    kernel /= -6
    kernel[1, 1, 1] = 1
    difference = ndimage.convolve(grey, kernel)[inside]
    deviation = np.median(np.abs(difference - np.median(difference)))
    return float(1.4826 * deviation / np.sqrt(1 + 1 / 6))


def mean_frequency(observed: Observed, grey: Grey, mask: Mask) -> float | None:
    """Return the mean frequency of noise in cycles per mm, weighted by its power.

    Edges are cut to four standard deviations of what is left after a blur, and a window fades the
    borders out.

    Args:
        observed: Gives the spacing.
        grey: Values.
        mask: Voxels that count.

    Returns:
        Cycles per mm, or ``None`` where there is no noise to speak of.
    """
    middle = tuple(
        slice((size - n) // 2, (size - n) // 2 + n)
        for size in grey.shape
        for n in (min(size, _MOST_VOXELS),)
    )
    inside = ndimage.binary_erosion(mask[middle])
    fine = grey[middle] - ndimage.gaussian_filter(grey[middle], 2.0)
    if inside.sum() < _FEWEST:
        return None
    limit = 4 * 1.4826 * float(np.median(np.abs(fine[inside])))
    fine = np.clip(fine, -limit, limit) * inside
    for axis, size in enumerate(fine.shape):
        fade = np.hanning(size + 2)[1:-1]
        fine = fine * fade.reshape([-1 if each == axis else 1 for each in range(3)])
    power = np.abs(np.fft.rfftn(fine)) ** 2
    x, y, z = fine.shape
    axes = [
        np.fft.fftfreq(x, observed.spacing_mm[0]),
        np.fft.fftfreq(y, observed.spacing_mm[1]),
        np.fft.rfftfreq(z, observed.spacing_mm[2]),
    ]
    along_x, along_y, along_z = np.meshgrid(*axes, indexing="ij")
    frequency = np.sqrt(along_x**2 + along_y**2 + along_z**2)
    total = float(power.sum())
    return float((frequency * power).sum() / total) if total > 0 else None


def _contrast(observed: Observed, truth: np.ndarray, shown: np.ndarray) -> float | None:
    """Return the contrast of the faintest pair as a ratio to the volume.

    A lesion and what surrounds it, else neighbouring soft tissues of CT, else the darker and the
    brighter quarter of level tissue.
    """
    pair = _lesion_and_shell(observed) or smallest_contrast(observed)
    if pair is not None:
        one, other = pair
        there = float(np.median(observed.truth[one]) - np.median(observed.truth[other]))
        here = float(np.median(observed.grey[one]) - np.median(observed.grey[other]))
        return abs(here / there) if there else None
    if observed.modality == "CT" or len(truth) < 4:
        return None
    dark, bright = len(truth) // 4, len(truth) - 1 - len(truth) // 4
    there = float(truth[bright] - truth[dark])
    return abs(float(shown[bright] - shown[dark]) / there) if there else None


def _lesion_and_shell(observed: Observed) -> tuple[Mask, Mask] | None:
    if observed.lesion is None:
        return None
    lesion = observed.lesion & observed.shown
    near = ndimage.binary_dilation(observed.lesion, iterations=_SHELL_VOXELS)
    shell = near & ~observed.lesion & observed.shown
    return (lesion, shell) if min(lesion.sum(), shell.sum()) >= _FEWEST else None
