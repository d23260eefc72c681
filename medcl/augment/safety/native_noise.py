"""Native noise: how noisy the scans are already that a policy adds noise to.

What added noise drowns depends on what there is. A transform presumes a clean scan of the body;
where the volumes, or at least the region, are known to be cleaner, its bound is theirs.
"""

from medcl.augment.contract import PolicyModality, Region
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.worst_case import HasPresumedNoise

HEAD_SD_HU = 3.0
"""Noise of a clean CT of the head; by usual practice, not by a source: routine ones have 3 to 5 HU
in slices of 5 mm. A cohort whose noise was measured is held to that instead."""


def native_noise(
    modality: PolicyModality, region: Region, facts: DataFacts | None = None
) -> float | None:
    """Return the noise of scans that are as clean as a policy is used on, where that is known.

    Args:
        modality: What the volumes are. Noise in HU is much the same all over a volume; that of
            PET is stated by its liver and known of no volume, that of weighted MR has no unit.
        region: What they show.
        facts: Of the volumes, which speak louder than their region.

    Returns:
        A standard deviation in HU; ``None`` where nobody knows.

    Example:
        >>> native_noise("CT", "head"), native_noise("CT", "body"), native_noise("PT", "head")
        (3.0, None, None)
        >>> native_noise("CT", "head", DataFacts(volumes=20, noise_sd=4.5))
        4.5
    """
    if modality != "CT":
        return None
    if facts is not None and facts.noise_sd > 0:
        return facts.noise_sd
    return HEAD_SD_HU if region == "head" else None


def presumed_noise_of(transform: Transform, native: float | None) -> float:
    """Return the least noise of a scan that a transform is held against.

    Noisier volumes do not widen what a transform presumes: their views are often coarser than
    they are, which takes noise away.

    Args:
        transform: Any.
        native: What `native_noise` says.

    Returns:
        A standard deviation in the unit of values, 0 for any scan.

    Example:
        >>> from medcl.augment.transforms.noise import GaussianNoise
        >>> noise = GaussianNoise(sd_hu=(0.0, 5.0))
        >>> [presumed_noise_of(noise, native) for native in (None, 4.0, 25.0)]
        [10.0, 4.0, 10.0]
    """
    presumed = transform.presumed_noise() if isinstance(transform, HasPresumedNoise) else 0.0
    return presumed if native is None else min(presumed, native)


def drowned(transform: Transform, lost: float, native: float | None) -> float:
    """Return the part of contrast over noise that is lost on scans of another noise.

    Added variance is what it is, whatever it is added to: beside half of the noise it counts four
    times.

    Args:
        transform: What adds noise; all others lose what they lose on any scan.
        lost: The part that its contract declares, from 0 to 1.
        native: What `native_noise` says.

    Returns:
        From 0 to 1.

    Example:
        >>> from medcl.augment.transforms.noise import GaussianNoise
        >>> noise = GaussianNoise(sd_hu=(0.0, 3.0))
        >>> round(drowned(noise, 1 - 1 / 1.09**0.5, 3.0), 6) == round(1 - 1 / 2**0.5, 6)
        True
    """
    there = presumed_noise_of(transform, native)
    if not isinstance(transform, HasPresumedNoise) or there <= 0 or not 0 < lost < 1:
        return lost
    added = (1 / (1 - lost) ** 2 - 1) * (transform.presumed_noise() / there) ** 2
    return float(1 - 1 / (1 + added) ** 0.5)
