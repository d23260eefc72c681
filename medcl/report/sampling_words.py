"""What sampling does to views, in a radiologist's words: what it keeps, within which bound, why."""

from collections.abc import Mapping, Sequence

from medcl.augment.contract import Flag, PolicyModality
from medcl.augment.safety.source_geometry import SourceGeometry
from medcl.augment.sampled_views import SampledViews
from medcl.report.policy_words import FLAGS, on_patient, quantities_of, spoken
from medcl.report.transform_words import KEPT, NO_BOUND, UNKNOWN, WITHIN, TransformWords

_UPTAKE = (Flag.UPTAKE_ABS, Flag.UPTAKE_RATIO, Flag.UPTAKE_TOTAL)
_NO_FILTER = 1.1
_LEVEL = "Weights are positive and sum to 1, so level tissue keeps its value"


def sampling_words(
    sampled: SampledViews, modality: PolicyModality, *, geometry: SourceGeometry | None
) -> TransformWords:
    """Return sampling as a line of the table of transforms.

    Args:
        sampled: What it does.
        modality: What the volumes are.
        geometry: Of the volumes; ``None`` where nobody knows.

    Returns:
        Words of the same kind as those of a transform.
    """
    cause = "slices reformatted on another grid (MPR)"
    if geometry is None:
        cause = "unknown, for lack of volumes"
    elif sampled.is_whole:
        cause = f"none: the voxels of the scan as they are{_but(sampled)}"
    views = "local views" if sampled.is_local else "views"
    return TransformWords(
        name="sampling, local views" if sampled.is_local else "sampling",
        ranges=f"{views} with voxels of {sizes(sampled.spacing_mm)} mm",
        how_often="every local view" if sampled.is_local else "every view",
        cause=cause,
        claims={FLAGS[flag]: claimed(sampled, flag, modality) for flag in quantities_of(modality)},
    )


def claimed(sampled: SampledViews, flag: Flag, modality: PolicyModality) -> str:
    """Return what sampling keeps of a quantity, in a word or two.

    What views lose of their noise that a transform moves off the grid of the scan is the
    transform's to answer for: it declares that it changes texture.

    Args:
        sampled: What sampling does.
        flag: The quantity.
        modality: What the volumes are.

    Returns:
        ``kept``, ``off by up to`` an amount, ``unknown``, ``no bound``, or the part of noise left.
    """
    is_of_values = flag in {*_UPTAKE, Flag.HU_CALIBRATION, Flag.HU_TEXTURE, Flag.LOWCONTRAST_CNR}
    if sampled.is_exact or not is_of_values:
        return KEPT
    if sampled.is_whole is None:
        return UNKNOWN
    if flag is Flag.HU_TEXTURE:
        return KEPT if sampled.is_whole else f"{_left(sampled)} left"
    if flag is not Flag.HU_CALIBRATION:
        return NO_BOUND
    if modality != "CT":
        return NO_BOUND if sampled.is_filtered else KEPT
    if sampled.moved_hu is None:
        return UNKNOWN
    tissue = max(sampled.moved_hu, key=sampled.moved_hu.__getitem__)
    most = sampled.moved_hu[tissue]
    return f"{WITHIN}{most:.3g} HU ({tissue})" if most else KEPT


def reasons(sampled: SampledViews, modality: PolicyModality) -> Mapping[Flag, str]:
    """Return why sampling keeps what it keeps, for the quantities that it may change.

    Args:
        sampled: What sampling does.
        modality: What the volumes are.

    Returns:
        By quantity, in the order of `Flag`.
    """
    said = {
        Flag.HU_CALIBRATION: _of_density(sampled, modality),
        Flag.HU_TEXTURE: _of_noise(sampled),
        Flag.LOWCONTRAST_CNR: _of_small("lesion", sampled),
        **dict.fromkeys(_UPTAKE, _of_small("hot spot", sampled)),
    }
    return {flag: said[flag] for flag in quantities_of(modality) if flag in said}


def along_axes(sampled: SampledViews, geometry: SourceGeometry) -> list[str]:
    """Return what sampling does along each patient axis, and by which spacings.

    Args:
        sampled: What it does.
        geometry: Of the volumes.

    Returns:
        Three texts, in the order of `AXES`.
    """
    whole = f"voxels are taken as they are{_but(sampled)}"
    return [
        whole if sampled.is_whole else _along(view, fine, coarse)
        for view, fine, coarse in zip(
            sampled.spacing_mm, geometry.finest_mm, geometry.coarsest_mm, strict=True
        )
    ]


def span(low: float, high: float) -> str:
    """Return a range of lengths, one where both ends read alike.

    Example:
        >>> span(0.7, 0.7), span(0.7, 2.0)
        ('0.7', '0.7 to 2')
    """
    ends = dict.fromkeys(f"{end:.3g}" for end in (low, high))
    return " to ".join(ends)


def sizes(lengths: Sequence[float]) -> str:
    """Return three lengths as text."""
    return " x ".join(f"{length:.4g}" for length in lengths)


def _but(sampled: SampledViews) -> str:
    """Return which transforms keep views from consisting of voxels as they are."""
    names = ", ".join(spoken(name) for name in sampled.blended_by)
    return f", but for views moved off their grid by: {names}" if names else ""


def _along(view: float, fine: float, coarse: float) -> str:
    if view > _NO_FILTER * fine:
        return (
            f"smoothed: up to {view / fine:.2g} voxels of a scan are drawn together, then blended"
        )
    if view < coarse / _NO_FILTER:
        return "neighbours are blended; views finer than a scan show no more detail than it has"
    return "neighbours are blended"


def _of_density(sampled: SampledViews, modality: PolicyModality) -> str:
    if sampled.is_exact:
        return "Every value is one of the scan."
    if sampled.is_whole is None:
        return f"Nobody can say: {sampled.unknown}."
    if not sampled.is_filtered:
        return f"{_LEVEL}, and the mean of a tissue is that of the voxels it is made of."
    why = (
        "Views coarser than a scan are smoothed before they are read out; where a tissue is not "
        "level, such as bone with a dense rim and a spongy inside, that moves its mean"
    )
    if modality != "CT":
        return f"{_LEVEL}. {why}; a bound on it is known for CT only."
    if sampled.moved_hu is None:
        return f"{_LEVEL}. {why}. No bound can be given: {on_patient(sampled.unknown or '')}."
    moved = sorted(sampled.moved_hu.items(), key=lambda item: -item[1])
    bounds = ", ".join(f"{tissue} {most:.2g} HU" for tissue, most in moved)
    return f"{_LEVEL}. {why}, within a view by at most: {bounds}."


def _of_noise(sampled: SampledViews) -> str:
    if sampled.noise_left is None:
        return f"Nobody can say: {sampled.unknown}."
    if sampled.is_exact:
        return "Every value is one of the scan, its noise included."
    if sampled.is_whole:
        return (
            f"Values are those of the scan's voxels, noise included{_but(sampled)}. There "
            f"{_left(sampled)} of the noise is left; each of these declares that it changes it."
        )
    filtered = "smoothed and " if sampled.is_filtered else ""
    return (
        f"A mean of neighbours has less noise than each of them, by where between the voxels of "
        f"the scan a view lies: {filtered}blended views keep {_left(sampled)} of noise that is "
        f"independent from voxel to voxel, and more of noise that neighbours share. Two views of "
        f"one scan differ by that, so an encoder learns to ignore it."
    )


def _of_small(what: str, sampled: SampledViews) -> str:
    if sampled.is_exact:
        return "Every value is one of the scan."
    if sampled.is_whole is None:
        return f"Nobody can say: {sampled.unknown}."
    where = "Where a view is moved off the grid, means" if sampled.is_whole else "Means"
    return (
        f"{where} of neighbours lower the peak of a {what} that is only a voxel or two wide, as "
        f"any reformatted slice does; of one that is wider and level, nothing is lost. No bound "
        f"is claimed."
    )


def _left(sampled: SampledViews) -> str:
    least, most = sampled.noise_left or (0.0, 1.0)
    return f"{100 * least:.0f} to {100 * most:.0f} %"
