"""What a policy is for, and what its views change, in words."""

import math
from collections.abc import Sequence

from medcl.augment.contract import Flag
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.sampled_views import sampled_views
from medcl.report import page
from medcl.report.audit.claims import claim_mark
from medcl.report.audit.sampling import sampling
from medcl.report.policy_words import FLAGS, TASKS, TaskWords
from medcl.report.sampling_words import sampling_words
from medcl.report.transform_words import TransformWords, transform_words

MODALITIES = {
    "CT": "CT in Hounsfield units",
    "MR_WEIGHTED": "weighted MR (no unit)",
    "MR_QUANTITATIVE": "quantitative MR maps",
    "PT": "PET in SUV",
    "OT": "shapes and derived maps",
}
"""What volumes are, in words."""

_MOST_COLUMNS = 6
_CODES = "Codes such as SC011 name the rule of the contract, for whoever maintains the policy."
_LEGEND = (
    "kept: as in the scan; ≤: off by so much at most in a view; left: so much of the noise stays; "
    "changed, or noise left: no task may need it; no bound: nothing is claimed, and the check "
    "before a run does not ask; unknown: nobody can say."
)
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
        f"Pretraining of an encoder without labels, on {MODALITIES[policy.modality]}. An encoder "
        f"is a neural network that turns a scan into numbers for later tasks; views are altered "
        f"copies of parts of a scan. It is taught that two views of one scan are the same, and so "
        f"learns to ignore whatever the views change: what a later task needs must survive. The "
        f"views were audited for {TASKS[task]}."
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
        + page.paragraphs([_CODES] if words.excluded else [], kind="caution")
    )


def changes(policy: Policy, facts: DataFacts) -> str:
    """Return what the views change: sampling and transforms, with causes and what each keeps.

    Args:
        policy: The policy.
        facts: Of the volumes it is used on: how their voxels lie, and how noisy they are.

    Returns:
        HTML.
    """
    read_out = [
        sampling_words(each, policy.modality, geometry=facts.geometry)
        for each in sampled_views(policy, facts)
    ]
    words = [*read_out, *transform_words(policy, facts)]
    rows = [[each.name, each.ranges, each.how_often, each.cause, each.not_kept] for each in words]
    header = ["what", "range", "how often", "real-world cause", "not kept exactly"]
    said = [_seen(policy), *_local_words(policy), *_partner_words(policy)]
    still = [] if policy.transforms else ["No transform: both views are read out alike."]
    count = math.ceil(len(words) / math.ceil(len(words) / _MOST_COLUMNS))
    kept = "".join(_matrix(words[start : start + count]) for start in range(0, len(words), count))
    return (
        page.table(header, rows, kind="prose")
        + page.paragraphs([*still, *said])
        + "<h3>What sampling and each transform keep, as declared</h3>"
        + page.paragraphs([_LEGEND])
        + kept
        + sampling(policy, facts)
    )


def _seen(policy: Policy) -> str:
    """Return which values reach the network."""
    window = policy.window
    if not isinstance(window, FixedWindow):
        return (
            "Values are seen relative to each volume's own 1st to 99th percentile, which become -1 "
            "and 1; darker ones are clipped, brighter ones kept for half of that range more."
        )
    unit = {"CT": " HU", "PT": " SUV"}.get(policy.modality, "")
    return f"Values from {window.low:g} to {window.high:g}{unit} are seen, all others are clipped."


def _matrix(words: Sequence[TransformWords]) -> str:
    """Return what some transforms keep, as many as are readable side by side on paper."""
    rows = [
        [quantity, *(claim_mark(each.claims[quantity]) for each in words)]
        for quantity in words[0].claims
    ]
    return page.table(["quantity", *(each.name for each in words)], rows, kind="figures whole")


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
        f"one of the two others and drawn anew with the same transforms. The encoder learns to "
        f"match each with both: that such a part and the whole are alike."
    ]
