"""What a policy is for, and what its views change, in words."""

from collections.abc import Sequence

from medcl.augment.contract import Flag
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.report import page
from medcl.report.page import Mark
from medcl.report.policy_words import (
    CHANGED,
    FLAGS,
    KEPT,
    TASKS,
    TaskWords,
    TransformWords,
    transform_words,
)

MODALITIES = {
    "CT": "CT in Hounsfield units",
    "MR_WEIGHTED": "weighted MR (no unit)",
    "MR_QUANTITATIVE": "quantitative MR maps",
    "PT": "PET in SUV",
    "OT": "shapes and derived maps",
}
"""What volumes are, in words."""

_MOST_COLUMNS = 6
_SHORT = {
    "CT": "CT",
    "MR_WEIGHTED": "weighted MR",
    "MR_QUANTITATIVE": "MR maps",
    "PT": "PET",
    "OT": "shapes",
}


def purpose(policy: Policy, task: TaskProfile, words: TaskWords) -> str:
    """Return what the policy is for, and what it is not for."""
    intro = (
        f"Pretraining of an encoder without labels, on {MODALITIES[policy.modality]}. The encoder "
        f"learns to ignore whatever these views change. It was audited for {TASKS[task]}."
    )
    excluded = page.table(["task", "because"], words.excluded, kind="prose")
    foreign = page.bullets(words.foreign)
    return (
        page.paragraphs([intro])
        + page.columns(
            ("Valid for", page.bullets(words.valid)),
            (f"Does not exist on {_SHORT[policy.modality]}", foreign),
        )
        + ("<h3>Excluded: not valid for</h3>" + excluded if words.excluded else "")
    )


def changes(policy: Policy) -> str:
    """Return what the views change, with ranges, causes and what each transform keeps."""
    words = transform_words(policy)
    rows = [[each.name, each.ranges, each.how_often, each.cause, each.not_kept] for each in words]
    header = ["transform", "range", "how often", "real-world cause", "not kept exactly"]
    window = policy.window
    seen = (
        f"Values from {window.low:g} to {window.high:g} are seen, all others are clipped."
        if isinstance(window, FixedWindow)
        else "Values are seen relative to each volume's own 1st to 99th percentile."
    )
    said = [seen, *_local_words(policy), *_partner_words(policy)]
    if not words:
        return page.paragraphs(["Nothing: both views are the same.", *said])
    kept = "".join(
        _matrix(words[start : start + _MOST_COLUMNS])
        for start in range(0, len(words), _MOST_COLUMNS)
    )
    return (
        page.table(header, rows, kind="prose")
        + page.paragraphs(said)
        + "<h3>What each transform keeps, as declared</h3>"
        + kept
    )


def _matrix(words: Sequence[TransformWords]) -> str:
    """Return what some transforms keep, as many as are readable side by side on paper."""
    rows = [
        [quantity, *(_claim(each.claims[quantity]) for each in words)]
        for quantity in words[0].claims
    ]
    return page.table(["quantity", *(each.name for each in words)], rows, kind="figures")


def _claim(claim: str) -> Mark:
    kinds = {KEPT: "pass", CHANGED: "fail"}
    return Mark(claim.removeprefix("within "), kinds.get(claim, "warn"))


def _partner_words(policy: Policy) -> list[str]:
    partner = policy.partner
    if partner is None:
        return []
    claims = partner.contract()
    lost = ", ".join(FLAGS[flag] for flag in Flag if claims[flag].bound is None)
    return [
        f"For {100 * partner.probability:g} % of the pairs the second view is of another series of "
        f"the patient in the same frame of reference, where one shows the place: another kernel, "
        f"thickness, phase or sequence. The encoder learns to ignore what such series do not have "
        f"in common: {lost}. Whether both show the same lesion is not known."
    ]


def _local_words(policy: Policy) -> list[str]:
    local = policy.local
    if local is None:
        return []
    size = " x ".join(f"{length:g}" for length in local.grid.extent_mm.tolist())
    return [
        f"Of each volume there are {local.count} local views of {size} mm besides, each inside of "
        f"one of the two others and drawn anew with the same transforms. Each is a positive of "
        f"both: the encoder learns that such a part and the whole are alike."
    ]
