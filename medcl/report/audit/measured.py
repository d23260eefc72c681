"""What was measured: views, controls, declared bounds, difficulty, an encoder."""

from collections.abc import Sequence

from medcl.report import page
from medcl.report.audit.reader_study import failure_rate_below
from medcl.report.audit.tables import (
    Content,
    controls_table,
    declared_table,
    difficulty_table,
    findings_table,
    percent,
    probes_table,
)
from medcl.report.page import Mark
from medcl.report.policy_words import spoken


def measured(content: Content) -> str:
    """Return every figure with its limit, and declared bounds beside measured ones."""
    views = content["num_volumes"] * (content["num_draws"] + content["num_corners"])
    per_view, per_patient = failure_rate_below(views), failure_rate_below(content["num_patients"])
    rule = (
        f"Of every volume, pairs of views were drawn: {content['num_draws']} at random and "
        f"{content['num_corners']} at the corners of all ranges. Intervals are 95 %, over "
        f"patients. Where none of n failed, fewer than 3/n do (95 %, rule of three): for a further "
        f"pair of these patients that is {percent(per_view)} %, for a further patient "
        f"{percent(per_patient)} %."
    )
    declared = declared_table(content.get("declared", ()))
    whole = [
        each
        for each in content["findings"]
        if not each.get("is_local") and not each.get("is_partner")
    ]
    return (
        page.paragraphs([rule])
        + page.paragraphs(content.get("not_covered", ()), kind="warning")
        + _tables(whole)
        + _local(content)
        + (f"<h3>Declared bounds against measured ones</h3>{declared}" if declared else "")
    )


def _tables(findings: Sequence[Content]) -> str:
    needed = [each for each in findings if each.get("may_fail", True)]
    others = [each for each in findings if not each.get("may_fail", True)]
    beside = "<h3>Not needed for this purpose: a warning at most</h3>" + findings_table(others)
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
    reasons: dict[str, list[str]] = {}
    for name, why in content.get("local_left_out", {}).items():
        reasons.setdefault(why, []).append(spoken(name))
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
        "pass; otherwise the audit proves nothing."
    )
    return page.paragraphs([intro]) + controls_table(content)


def difficulty(content: Content) -> str:
    """Return how hard the pairs are; nothing where that was not measured."""
    found = content.get("difficulty")
    if found is None:
        return ""
    kind = {"workable": "pass", "trivial": "warn", "unlearnable": "warn"}.get(found["verdict"], "")
    intro = (
        f"A view that changes nothing teaches nothing. {found['num_pairs']} pairs of "
        f"{found['num_patients']} held-out patients were matched by a small encoder: each view "
        f"looks for its partner among all others."
    )
    return (
        page.paragraphs([intro])
        + f"<p>{page.mark(Mark(found['verdict'], kind or 'none'))} "
        + f"{page.escape(found['sentence'])}</p>"
        + difficulty_table(found)
        + page.paragraphs([said] if (said := found.get("partner_sentence")) else [])
    )


def encoder(content: Content) -> str:
    """Return what an encoder still tells; nothing where none was asked."""
    found = content.get("encoder")
    if found is None:
        return ""
    intro = (
        f"Linear probes on frozen features, {found['num_volumes']} volumes of "
        f"{found['num_patients']} patients, all views of a patient on one side. R² 1 or AUC 1: the "
        f"features tell it; R² 0 or AUC 0.5: they do not."
    )
    return (
        page.paragraphs([intro])
        + page.paragraphs(found["warnings"], kind="warning")
        + probes_table(found["probes"])
        + page.paragraphs([found["mirror"]["sentence"], *found["not_probed"]])
    )
