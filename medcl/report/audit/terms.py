"""What the quantities of an audit mean, for those who read it and did not write it."""

import re
from collections.abc import Sequence

from medcl.augment.safety.tasks import TISSUES_HU
from medcl.report import page
from medcl.report.audit.amounts import Content

_TISSUE = re.compile(rf"of ({'|'.join(TISSUES_HU)})\b")
_TERMS = (
    ("mirrored", "left and right exchanged, by the places that the voxels of the view have"),
    ("looks_mirrored", "left and right exchanged, by the picture alone, whatever its places say"),
    ("orientation", "angle by which anatomy is turned in the view"),
    ("scale", "largest change of a length"),
    ("volume_change", "change of the volume of what is shown, on average"),
    ("folded", "anatomy turned inside out at a voxel"),
    ("jacobian_", "volume in the view by that in the scan, voxel by voxel; 1 is unchanged"),
    ("hu_drift_", "median of a tissue far from its borders, less that of the scan's voxels there"),
    ("hu_mean_", "the same of the mean"),
    ("hu_p", "the same of the 5th and 95th percentile: what noise and smoothing do to the tails"),
    ("hu_thin_", "the same of the median with thin parts, where borders are averaged in"),
    ("hu_slope", "line through the medians of all tissues, view against scan: off a slope of 1"),
    ("hu_intercept", "the same line at 0 HU: an offset that all tissues have in common"),
    ("lung_below_950", "emphysema index: part of the lung below -950 HU"),
    ("suv_", "uptake in the view against the scan: level tissue, or the hottest region's peak"),
    ("map_", "values of level tissue in the view against the scan"),
    ("ordering", "whether darker tissue stays darker; 1 is unchanged"),
    ("noise_ratio", "noise of the view by that of the same place read out plainly"),
    ("noise_sampled", "noise of a view read out plainly by that of the scan's own voxels"),
    ("noise_frequency", "how fine the grain of the noise is, likewise"),
    ("snr_ratio", "span of values of level tissue over noise, likewise"),
    ("contrast_to_noise", "contrast of the faintest pair of tissues, or of a lesion, over noise"),
    (
        "overlap",
        "part of a view that its partner shows too; known to 3 %, by which the limit lies below "
        "what the crop asks for",
    ),
    ("body_fraction", "part of the view that is body, of the largest part that could be"),
    ("invented_voxels", "voxels that claim to be measured and lie outside of the scan"),
    ("duplicated_tissue", "fine structure that is a mirror image of what lies beside it"),
    ("not_finite", "values that are no number, or that no network is promised"),
    ("lesion_retained", "part of a marked lesion that a view shows"),
    ("lesion_kept", "pairs of which both views show 80 % of a marked lesion or more"),
    ("lesion_inconsistent", "pairs of which only one does"),
    ("lesion_volume", "volume of a marked lesion in the view by that in the scan"),
    ("local_contained", "part of a local view inside of the large view it was drawn in"),
    ("local_shared_with_other", "part of a local view that the other large view shows too"),
    ("local_lesion_seen", "part of a lesion inside of the local view that it shows"),
)
HOW_TO_READ = (
    "mean [95 %]: mean over patients with its 95 % interval; 99 %: what 99 of 100 draws stay "
    "within (of fewer, the worst); passes and fails: limits, a warning between them; fails in: "
    "the share of draws beyond the limit of failing is below this, at 95 % confidence. Between two "
    "views: what both views of a pair differ by, which is what an encoder learns to ignore."
)
"""What the columns of the table of figures mean."""


def terms(findings: Sequence[Content]) -> str:
    """Return what the quantities mean, those that were measured.

    Args:
        findings: As they stand in ``audit.json``.

    Returns:
        HTML; nothing of no findings.
    """
    rows: list[list[object]] = []
    for beginning, meaning in _TERMS:
        named = [each for each in findings if _bare(each, beginning).startswith(beginning)]
        if named:
            titles = dict.fromkeys(_title(each) for each in named)
            rows.append([", ".join(titles), meaning])
    if not rows:
        return ""
    return page.folded(
        "what the quantities mean", page.table(["quantity", "is"], rows, kind="prose")
    )


def _bare(finding: Content, beginning: str) -> str:
    name = str(finding["name"])
    return name if beginning.startswith("local_") else name.removeprefix("local_")


def _title(finding: Content) -> str:
    title = str(finding.get("title") or finding["name"]).removeprefix("local view: ")
    return _TISSUE.sub("of a tissue", title.split(", between ")[0])
