"""What was measured: views, controls, declared bounds, difficulty, an encoder."""

from collections.abc import Mapping, Sequence

from medcl.evaluation.probes.told import LOST, TOLD
from medcl.evaluation.quantities.table import QUANTITIES
from medcl.report import page
from medcl.report.audit.amounts import Content, percent
from medcl.report.audit.reader_study import failure_rate_below
from medcl.report.audit.tables import (
    controls_table,
    declared_table,
    difficulty_table,
    findings_table,
    probes_table,
)
from medcl.report.audit.terms import HOW_TO_READ, terms
from medcl.report.page import Mark
from medcl.report.policy_words import spoken

_HELD = (
    "On the first volumes, at most three, views were read out plainly, and then with one transform "
    "alone: what 999 of 1000 of them stay within is held against what sampling or the transform "
    "declares. The bounds of sampling follow from the spacings of these volumes. A bound is broken "
    "where more is measured than the bound and the measurement's own error."
)


def measured(content: Content) -> str:
    """Return every figure with its limit, and declared bounds beside measured ones."""
    views = content["num_volumes"] * (content["num_draws"] + content["num_corners"])
    per_view, per_patient = failure_rate_below(views), failure_rate_below(content["num_patients"])
    rule = (
        f"Of every volume, pairs of views were drawn: {content['num_draws']} at random and "
        f"{content['num_corners']} at the corners of all ranges, where each transform is as strong "
        f"as it can be. Where none of n failed, fewer than 3/n do (95 %, rule of three): for a "
        f"further pair of these patients that is {percent(per_view)} %, for a further patient "
        f"{percent(per_patient)} %."
    )
    if per_patient >= 1:
        rule += " So few patients say nothing of a further one."
    declared = declared_table(content.get("declared", ()))
    whole = [
        each
        for each in content["findings"]
        if not each.get("is_local") and not each.get("is_partner")
    ]
    asked = [each for each in content["findings"] if not each.get("is_partner")]
    held = "<h3>Declared bounds against measured ones</h3>" + page.paragraphs([_HELD]) + declared
    return (
        page.paragraphs([rule, HOW_TO_READ])
        + page.paragraphs(content.get("not_covered", ()), kind="warning")
        + _tables(whole)
        + _local(content)
        + terms(asked)
        + (held if declared else "")
    )


def _tables(findings: Sequence[Content]) -> str:
    needed = [each for each in findings if each.get("may_fail", True)]
    others = [each for each in findings if not each.get("may_fail", True)]
    title = "<h3>Not needed for this purpose: a warning at most</h3>"
    beside = title + findings_table(others, needed=False)
    return findings_table(needed) + (beside if others else "")


def _local(content: Content) -> str:
    """Return what was measured on local views; nothing where the policy has none."""
    findings = [
        each | {"title": each["title"].removeprefix("local view: ")}
        for each in content["findings"]
        if each.get("is_local")
    ]
    if not findings:
        return ""
    intro = (
        f"{content['num_local']} local views were drawn of every pair and measured in the same "
        f"way; what differs is measured against both views of the pair, for both are partners."
    )
    titles = {each.name: each.title for each in QUANTITIES}
    reasons: dict[str, list[str]] = {}
    for name, why in content.get("local_left_out", {}).items():
        reasons.setdefault(why, []).append(titles.get(name, spoken(name)))
    left_out = [f"Not measured: {', '.join(names)}: {why}." for why, names in reasons.items()]
    return (
        "<h3>Local views</h3>"
        + page.paragraphs([intro])
        + _tables(findings)
        + page.bullets(left_out)
    )


def controls(content: Content) -> str:
    """Return what was done on purpose, and what became of it."""
    intro = (
        "Views that are known to be unsafe must fail the same measurements, and harmless ones must "
        "pass; otherwise the audit proves nothing. They are made of these scans, by code that "
        "shares nothing with the transforms, and held against the task that they would harm."
    )
    return page.paragraphs([intro]) + controls_table(content)


def difficulty(content: Content) -> str:
    """Return how hard the pairs are; nothing where that was not measured."""
    found = content.get("difficulty")
    if found is None:
        return ""
    kind = {"workable": "pass", "trivial": "warn", "unlearnable": "warn"}.get(found["verdict"], "")
    intro = (
        f"A view that changes nothing teaches nothing. {found['num_pairs']} pairs of views of "
        f"{found['num_patients']} held-out patients were matched by a small encoder: each view "
        f"looks for its partner, the other view of its scan, among all others. 1/rank is 1 where "
        f"the partner is nearest, 1/2 where it is second; the loss is what training lowers, from 0 "
        f"at its least to 1 by chance."
    )
    word = str(found["verdict"])
    said = str(found["sentence"]).removeprefix(f"{word.capitalize()}: ")
    return (
        page.paragraphs([intro])
        + f"<p>{page.mark(Mark(word, kind or 'none'))} {page.escape(said)}</p>"
        + difficulty_table(found)
        + page.paragraphs([also] if (also := found.get("partner_sentence")) else [])
    )


def encoder(content: Content) -> str:
    """Return what an encoder still tells; nothing where none was asked."""
    found = content.get("encoder")
    if found is None:
        return ""
    intro = (
        f"{found['num_volumes']} volumes of {found['num_patients']} patients were shown to the "
        f"encoder plainly and with one thing changed by a known amount. A linear probe, fitted on "
        f"other patients, then has to tell the amount from what the encoder puts out. R² (part of "
        f"the variance that is explained) 1 or AUC (area under the ROC curve) 1: the encoder tells "
        f"it; R² 0 or below, or AUC 0.5: it does not. From {_either(TOLD)} on it is said to tell "
        f"it, below {_either(LOST)} to have lost it. Untrained: the same of an encoder of its "
        f"build with fresh weights."
    )
    return (
        page.paragraphs([intro])
        + page.paragraphs(found["warnings"], kind="warning")
        + probes_table(found["probes"])
        + page.paragraphs([found["mirror"]["sentence"], *found["not_probed"]])
    )


def _either(ends: Mapping[str, float]) -> str:
    return " or ".join(f"{measure} {end:g}" for measure, end in ends.items())
