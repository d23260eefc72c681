"""Pairs of two series, in words: whether both show one place, and by what they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from medcl.augment.contract import Flag
from medcl.report import page
from medcl.report.audit.amounts import Content, interval, number
from medcl.report.audit.tables import findings_table
from medcl.report.policy_words import FLAGS

_TITLE = "two series: "


def partners(content: Content, sheets: Sequence[bytes] = ()) -> str:
    """Return what was measured of pairs of two series; nothing for a policy without partners.

    Args:
        content: What stands in ``audit.json``.
        sheets: One PNG per pair that is shown.

    Returns:
        HTML.
    """
    found = content.get("partners")
    if found is None:
        return ""
    if not found["num_pairs"]:
        return page.paragraphs([found["sentence"]], kind="warning")
    findings = [
        each | {"title": each["title"].removeprefix(_TITLE)}
        for each in content["findings"]
        if each.get("is_partner")
    ]
    return (
        page.paragraphs([found["sentence"], *_how(found)])
        + page.paragraphs(found["unproven"], kind="warning")
        + "<h3>What both must have in common</h3>"
        + findings_table(findings)
        + "<h3>What they differ by: information, no verdict</h3>"
        + _differences(found["differences"])
        + _pictures(sheets)
    )


def _pictures(sheets: Sequence[bytes]) -> str:
    if not sheets:
        return ""
    intro = (
        "A volume, its partner at the same place, and both in fields in turn. Where outlines run "
        "on from field to field, both series show one place."
    )
    pictures = [
        page.image(sheet, kind="png", description=f"Pair {number}: two series of one patient.")
        for number, sheet in enumerate(sheets, start=1)
    ]
    return page.paragraphs([intro]) + "".join(f"<figure>{each}</figure>" for each in pictures)


def _how(found: Mapping[str, Any]) -> list[str]:
    kept = ", ".join(FLAGS[Flag(each)] for each in found["kept"])
    limit, half = number(found["limit_mm"]), number(found["limit_mm"] / 2)
    return [
        f"In pretraining a partner is looked for in {100 * found['probability']:g} % of the pairs; "
        f"here every pair of views asked for one. Of what two series claim to have in common, "
        f"these were measured: {kept}.",
        f"Headers say where each series lies; the pictures were asked whether it is so. One "
        f"series was moved, turned and stretched against the other until both agreed best, "
        f"whatever their contrast. Up to {half} mm from where the headers say passes and up to "
        f"{limit} mm is a warning. Beyond, both views of a pair show different places: the patient "
        f"moved in between, or a header is wrong. Breath moves an organ by that much, but not "
        f"spine and skin with it.",
    ]


def _differences(differences: Sequence[Content]) -> str:
    intro = (
        "Two series differ by kernel, dose, thickness, phase or sequence; that is what they are "
        "paired for. The encoder learns to ignore it, so no task may need it."
    )
    rows = [
        [
            f"{each['title']} ({each['unit']})" if each["unit"] else each["title"],
            f"{number(each['mean'])} {interval(each['interval'])}",
            number(each["smallest"]),
            number(each["largest"]),
            str(each["num_pairs"]),
            FLAGS[Flag(each["flag"])],
        ]
        for each in differences
    ]
    header = ["difference", "mean [95 %]", "smallest", "largest", "pairs", "what it is about"]
    return page.paragraphs([intro]) + page.table(header, rows, kind="figures")
