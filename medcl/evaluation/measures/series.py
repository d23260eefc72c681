"""What differs between two series of one place, as scanners and contrast make it: no harm."""

from dataclasses import dataclass

import numpy as np

from medcl.augment.contract import Flag, PolicyModality
from medcl.augment.safety.tasks import TISSUES_HU
from medcl.evaluation.measures.agreement import Scan, Shared
from medcl.evaluation.measures.noise import noise_sd

_FEWEST = 64
_UPPER_PERCENT = 75.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference that two series may have.

    Attributes:
        name: What it is called in files.
        title: What people call it.
        unit: Its unit.
        flag: What of the contract it is about, which a partner does not claim to keep.
        is_ratio: Whether 1, and not 0, is no difference.
    """

    name: str
    title: str
    unit: str
    flag: Flag
    is_ratio: bool = False


DIFFERENCES = (
    *(
        Difference(f"hu_{tissue}", f"median of {tissue}, second less first", "HU", flag)
        for tissue, flag in dict.fromkeys(TISSUES_HU, Flag.HU_CALIBRATION).items()
    ),
    Difference(
        "uptake",
        "median of the brighter quarter, second by first",
        "",
        Flag.UPTAKE_ABS,
        is_ratio=True,
    ),
    Difference("noise", "noise, second by first", "", Flag.HU_TEXTURE, is_ratio=True),
    Difference(
        "order", "rank correlation of both, in the body", "", Flag.CONTRAST_POLARITY, is_ratio=True
    ),
)
"""All that may be measured, in the order it is shown."""


def series_differences(
    first: Scan, second: Scan, shared: Shared, modality: PolicyModality
) -> dict[str, float]:
    """Return by what two series of a patient differ where both show the same place.

    Args:
        first: One volume.
        second: The other.
        shared: The places that both show.
        modality: What they are.

    Returns:
        Figures by the name of their difference, of those that can be measured.
    """
    here, there = first.voxels_of(shared.points), second.voxels_of(shared.points)
    one = first.at_nearest(first.anatomy.grey, here).astype(float)
    other = second.at_nearest(second.anatomy.grey, there).astype(float)
    figures = {}
    if modality == "CT":
        tissue = first.at_nearest(first.anatomy.deep, here)
        for number, name in enumerate(TISSUES_HU, start=1):
            inside = tissue == number
            if inside.sum() >= _FEWEST:
                moved = np.median(other[inside]) - np.median(one[inside])
                figures[f"hu_{name}"] = float(moved)
    body = first.at_nearest(first.anatomy.body, here)
    if body.sum() < _FEWEST:
        return figures
    if modality in {"PT", "MR_QUANTITATIVE"}:
        bright = body & (one >= np.percentile(one[body], _UPPER_PERCENT))
        if np.median(one[bright]) > 0:
            figures["uptake"] = float(np.median(other[bright]) / np.median(one[bright]))
    if modality != "OT":
        noise = [
            noise_sd(each.anatomy.grey, each.anatomy.body, of=each.anatomy.level)
            for each in (first, second)
        ]
        if noise[0] and noise[1]:
            figures["noise"] = noise[1] / noise[0]
    if np.ptp(one[body]) > 0 and np.ptp(other[body]) > 0:
        ranks = [np.argsort(np.argsort(each[body], kind="stable")) for each in (one, other)]
        figures["order"] = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return figures
