"""The end of an audit's page: reader study, limitations, signatures."""

from collections.abc import Mapping

from medcl.augment.policy import Policy
from medcl.evaluation.quantities.local import local_quantities_of
from medcl.evaluation.quantities.partners import partner_quantities_of
from medcl.evaluation.quantities.table import quantities_of
from medcl.report import page
from medcl.report.audit.amounts import Content
from medcl.report.audit.reader_study import QUESTIONS, pairs_needed, wilson_interval
from medcl.report.policy_words import spoken

_OWNERS = {"hu_": "CT", "lung_": "CT", "suv_": "PT", "map_": "MR_QUANTITATIVE"}
_PAIRS = 150
_EXAMPLES = (0, 1, 3, 8)


def reader_study() -> str:
    """Return the questions for radiologists and how many blinded pairs the answers take."""
    intro = (
        f"To be done by hand; nothing of it is known to this page. Two radiologists or more, each "
        f"{_PAIRS} pairs of an original and a view in random order, neither knowing which is which "
        f"nor what the other says; agreement is reported as Cohen's kappa."
    )
    rows = [
        [
            question.text,
            f"“{question.counted}” in at most {100 * question.acceptable:g} %",
            f"{pairs_needed(question.acceptable)} pairs without one",
            "____\u00a0of\u00a0____",
        ]
        for question in QUESTIONS
    ]
    header = ["question", "acceptable", "shown by", "found"]
    examples = "; ".join(
        f"{count} of {_PAIRS}: {100 * low:.1f} to {100 * high:.1f} %"
        for count in _EXAMPLES
        for low, high in [wilson_interval(count, _PAIRS)]
    )
    notes = [
        f"0 of {_PAIRS} shows less than {100 * 3 / _PAIRS:g} % (rule of three).",
        f"95 % intervals of what may be found (Wilson): {examples}.",
    ]
    return page.paragraphs([intro]) + page.table(header, rows, kind="prose") + page.bullets(notes)


def limitations(content: Content, policy: Policy) -> list[str]:
    """Return what the audit does not show, as sentences."""
    said = [
        f"Measured on {content['num_volumes']} volumes of {content['num_patients']} patients of "
        f"one store; other scanners and protocols need an audit of their own.",
        "Patients are told apart as the archive does; a file that names nobody counts as a patient "
        "of its own.",
        "That every view is legal does not say what an encoder makes of them; "
        + (
            "what this one still tells is said above."
            if content.get("encoder")
            else "after pretraining, medcl audit --encoder probes it."
        ),
        "Limits are reference values of phantoms and scanners, not of this hospital's devices.",
        "Difficulty is that of a small encoder after few steps; it separates trivial from "
        "workable and does not predict the gain from pretraining."
        if content.get("difficulty")
        else "Whether there is something to learn from these views was not measured.",
        "Only those volumes were looked at that are counted under Volumes, in the grid of the "
        "policy.",
    ]
    return [*said, *_missing(content, policy), *content.get("not_covered", ())]


def _missing(content: Content, policy: Policy) -> list[str]:
    """Return what no figure is of, by the names that the tables use."""
    quantities = quantities_of(policy) | partner_quantities_of(policy)
    if policy.local is not None:
        quantities |= local_quantities_of(policy)
    titles = {each.name: each.title for each in quantities.values()}
    names = [name for name in content.get("not_measured", ()) if _has(policy, name)]
    missing = dict.fromkeys(titles.get(name, spoken(name)).split(", between ")[0] for name in names)
    if not missing:
        return []
    return [
        f"Not measured, because these volumes or what the window shows of them have nothing to "
        f"measure it by, such as a tissue or marked lesions: {'; '.join(missing)}."
    ]


def _has(policy: Policy, name: str) -> bool:
    """Return whether a quantity exists on a modality at all: MR has no HU to drift."""
    name = name.removeprefix("local_")
    owner = next((mine for prefix, mine in _OWNERS.items() if name.startswith(prefix)), None)
    return owner is None or owner == policy.modality


def signature(signed: Mapping[str, str], *, may_be_signed: bool) -> str:
    """Return what is signed, and lines to sign it on.

    Args:
        signed: By name, all that the signature is for.
        may_be_signed: Whether the audit calls the policy safe.

    Returns:
        HTML; without lines where there is nothing to approve.
    """
    if not may_be_signed:
        refused = "Not to be signed: the verdict above does not call this policy safe."
        return page.pairs(signed) + page.paragraphs([refused], kind="warning")
    blank = [["radiologist", "", "", ""], ["medical physicist", "", "", ""]]
    sentence = (
        "I have seen the views and the figures, and find the policy fit for the purpose above, on "
        "the volumes named here, with the exclusions named."
    )
    scope = (
        "A signature is for exactly what stands in this list. The digest of volumes follows from "
        "their voxels, their geometry and which of them are of one patient, not from names or "
        "places. The last command below says whether a store still holds these volumes, and "
        "prints the list to be compared with this page."
    )
    return (
        page.pairs(signed)
        + page.paragraphs([scope], kind="caution")
        + page.paragraphs([sentence])
        + page.table(["role", "name", "date", "signature"], blank, kind="sign")
    )
