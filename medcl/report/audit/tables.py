"""Tables of an audit: figures with limits, controls, declared bounds, difficulty, an encoder.

They are made of what stands in ``audit.json``, so that the page says nothing the file does not.
"""

from collections.abc import Sequence

from medcl.augment.safety.tasks import TaskProfile
from medcl.report import page
from medcl.report.audit.amounts import (
    Content,
    amount,
    in_unit,
    interval,
    number,
    percent,
    shares,
    unit_words,
)
from medcl.report.audit.reader_study import failure_rate_below
from medcl.report.page import Mark
from medcl.report.policy_words import FLAGS, TASKS, spoken

_WORDS = {"pass": "passes", "warn": "warning", "fail": "fails"}
_PROBES = {"told": ("tells it", "pass"), "partly": ("partly", "warn"), "lost": ("lost", "fail")}


def findings_table(findings: Sequence[Content], *, needed: bool = True) -> str:
    """Return every measured figure with its interval, worst case, limits and verdict.

    Args:
        findings: As they stand in ``audit.json``.
        needed: Whether the task needs them, so that they may fail.

    Returns:
        HTML.
    """
    rows = [
        [
            _quantity(finding),
            f"{_value(finding, 'mean')} {_interval(finding)}",
            _value(finding, "p99"),
            _value(finding, "worst"),
            _limit(finding, finding["limit"], passes=True),
            _failing(finding),
            str(finding["num_draws"]),
            _rate_below(finding),
            Mark(_WORDS[finding["status"]], finding["status"]),
        ]
        for finding in findings
    ]
    fails = "fails" if needed else "would fail"
    header = ["quantity", "mean [95 %]", "99 %", "worst", "passes", fails, "draws", f"{fails} in"]
    return page.table([*header, "verdict"], rows, kind="figures")


def controls_table(content: Content) -> str:
    """Return what was done on purpose, what had to come of it, and what did."""
    results = content.get("control_results") or []
    if not results:
        rows = [
            [spoken(name), Mark("as it must" if good else "NOT as it must", _kind(good))]
            for name, good in content["controls"].items()
        ]
        return page.table(["control", "came out"], rows)
    rows = []
    for result in results:
        good = result["found"] == result["must"]
        came_out = f"{result['found']}ed, {'as' if good else 'NOT as'} it must"
        is_caught = result["found"] == "fail"
        unit = result.get("unit", "")
        rows.append(
            [
                result["name"],
                result["must"],
                TASKS[TaskProfile(result["task"])].split(":")[0],
                _quantity(result) if is_caught or not good else "nothing",
                amount(result["worst"], unit) if is_caught else "",
                _limit(result, result["limit"], passes=True) if is_caught else "",
                Mark(came_out, _kind(good)),
            ]
        )
    header = ["what was done", "must", "for", "caught by", "worst", "passes", "came out"]
    return page.table(header, rows, kind="prose")


def declared_table(declared: Sequence[Content]) -> str:
    """Return declared bounds against what was measured; nothing where none was.

    What transforms declare to stay exactly and does is only counted; sampling is always shown.
    """
    rows: list[list[object]] = []
    num_exact = 0
    for each in declared:
        holds = each["measured"] <= each["bound"] + each.get("precision", 0.0)
        if holds and not each["bound"] and each["transform"] != "sampling":
            num_exact += 1
            continue
        rows.append(
            [
                spoken(each["transform"]) + ", local views" * each.get("is_local", False),
                _flag(each["flag"]),
                amount(each["bound"], each["unit"]),
                amount(each["measured"], each["unit"]),
                amount(each.get("precision", 0.0), each["unit"]),
                Mark("holds" if holds else "broken", _kind(holds)),
            ]
        )
    header = ["by", "quantity", "declared at most", "measured (99.9 %)", "own error", "the bound"]
    exact = f"{num_exact} times a transform declares to keep a quantity exactly, and does."
    return (page.table(header, rows) if rows else "") + page.paragraphs([exact] * (num_exact > 0))


def difficulty_table(difficulty: Content) -> str:
    """Return how well an encoder matches the pairs, before and after a short training."""
    stages = [("untrained", difficulty["untrained"])]
    if difficulty["trained"] is not None:
        stages.append((f"after {difficulty['steps']} steps", difficulty["trained"]))
    rows: list[list[object]] = [
        [
            name,
            f"{100 * found['r_at_1']:.0f} % {shares(found['r_at_1_interval'])}",
            f"{found['mrr']:.2f}",
            f"{found['loss']:.3f}",
            f"{found['loss_position']:.2f}",
        ]
        for name, found in stages
    ]
    chance = difficulty["chance"]
    first, mean, loss = f"{100 * chance['r_at_1']:.0f} %", chance["mrr"], chance["loss"]
    rows.append(["chance", first, f"{mean:.2f}", f"{loss:.3f}", "1.00"])
    header = [
        "encoder",
        "partner found first [95 %]",
        "mean of 1/rank",
        "loss (nats)",
        "loss, 0 to 1",
    ]
    return page.table(header, rows)


def probes_table(probes: Sequence[Content]) -> str:
    """Return what an encoder still tells, beside what an untrained one of its build does."""
    rows = []
    for probe in probes:
        words, kind = _PROBES.get(probe["verdict"], (probe["verdict"], "none"))
        rows.append(
            [
                probe["title"],
                probe["measure"],
                f"{probe['value']:.2f} {interval(probe['interval'])}",
                _untrained(probe),
                "needed" if probe["is_needed"] else "",
                Mark(words, kind if probe["is_needed"] else "none"),
            ]
        )
    header = ["what", "measure", "this encoder [95 %]", "untrained [95 %]", "for this task"]
    return page.table([*header, "verdict"], rows)


def _untrained(probe: Content) -> str:
    ends = probe.get("untrained_interval")
    return f"{probe['untrained']:.2f}" + (f" {interval(ends)}" if ends else "")


def _quantity(finding: Content) -> str:
    unit = unit_words(finding.get("unit", ""))
    name = finding.get("title") or spoken(finding.get("name") or finding["figure"])
    return f"{name} ({unit})" if unit else name


def _value(finding: Content, name: str) -> str:
    return number(in_unit(finding[name], finding["unit"]))


def _interval(finding: Content) -> str:
    return interval([in_unit(end, finding["unit"]) for end in finding["interval"]])


def _limit(finding: Content, limit: float, *, passes: bool) -> str:
    """Return up to where a figure passes, or from where on it fails."""
    unit = finding.get("unit", "")
    if finding.get("is_ratio"):
        low, high = number(1 / limit) if limit else "0", number(limit)
        return f"{low} to {high}" if passes else f"< {low} or > {high}"
    signs = ("≥", "<") if finding.get("is_lowest") else ("≤", ">")
    return f"{signs[0 if passes else 1]} {number(in_unit(limit, unit))}"


def _failing(finding: Content) -> str:
    if "fails" not in finding:
        return ""
    fails = finding["fails"]
    return "never" if fails is None else _limit(finding, float(fails), passes=False)


def _rate_below(finding: Content) -> str:
    if "fails" in finding and finding["fails"] is None:
        return ""
    if "failure_rate_below" in finding:
        below = float(finding["failure_rate_below"])
    elif finding["status"] == "pass":
        below = failure_rate_below(finding["num_draws"])
    else:
        return ""
    return f"< {percent(below)} %"


def _flag(name: str) -> str:
    return next((words for flag, words in FLAGS.items() if flag.value == name), spoken(name))


def _kind(good: bool) -> str:
    return "pass" if good else "fail"
