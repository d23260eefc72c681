"""Tables of an audit: figures with limits, controls, declared bounds, difficulty, an encoder.

They are made of what stands in ``audit.json``, so that the page says nothing the file does not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from medcl.report import page
from medcl.report.audit.reader_study import failure_rate_below
from medcl.report.page import Mark
from medcl.report.policy_words import FLAGS, spoken

Content = Mapping[str, Any]

_UNITS = {"deg": "°"}
_NOTHING = 1e-5
_WORDS = {"pass": "passes", "warn": "warning", "fail": "fails"}
_PROBES = {"told": ("tells it", "pass"), "partly": ("partly", "warn"), "lost": ("lost", "fail")}


def findings_table(findings: Sequence[Content]) -> str:
    """Return every measured figure with its interval, worst case, limit and verdict."""
    rows = [
        [
            _quantity(finding),
            f"{number(finding['mean'])} {interval(finding['interval'])}",
            number(finding["p99"]),
            number(finding["worst"]),
            _limit(finding),
            str(finding["num_draws"]),
            _rate_below(finding),
            Mark(_WORDS[finding["status"]], finding["status"]),
        ]
        for finding in findings
    ]
    header = ["quantity", "mean [95 %]", "99 %", "worst", "limit", "draws", "fails in", "verdict"]
    return page.table(header, rows, kind="figures")


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
        rows.append(
            [
                result["name"],
                f"must {result['must']}",
                spoken(result["task"]),
                spoken(result["figure"]),
                number(result["worst"]),
                number(result["limit"]),
                Mark(came_out, _kind(good)),
            ]
        )
    return page.table(["control", "", "task", "caught by", "worst", "limit", "came out"], rows)


def declared_table(declared: Sequence[Content]) -> str:
    """Return declared bounds against what was measured; nothing where none was.

    What is declared to stay exactly and does is only counted.
    """
    rows: list[list[object]] = []
    num_exact = 0
    for each in declared:
        holds = each["measured"] <= each["bound"] + each.get("precision", 0.0)
        if holds and not each["bound"]:
            num_exact += 1
            continue
        rows.append(
            [
                spoken(each["transform"]) + ", local views" * each.get("is_local", False),
                _flag(each["flag"]),
                f"{number(each['bound'])} {each['unit']}",
                f"{number(each['measured'])} {each['unit']}",
                Mark("holds" if holds else "broken", _kind(holds)),
            ]
        )
    header = ["transform", "quantity", "declared at most", "measured (99.9 %)", "the bound"]
    exact = f"{num_exact} times a quantity is declared to stay exactly, and does." * (num_exact > 0)
    return (page.table(header, rows) if rows else "") + page.paragraphs([exact] if exact else [])


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
    header = ["encoder", "positive found first (R@1)", "MRR", "loss (nats)", "0 floor, 1 chance"]
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
                f"{probe['untrained']:.2f}",
                "needed" if probe["is_needed"] else "",
                Mark(words, kind if probe["is_needed"] else "none"),
            ]
        )
    header = ["what", "measure", "this encoder [95 %]", "untrained", "for this task", "verdict"]
    return page.table(header, rows)


def number(value: float) -> str:
    """Return a figure with three significant digits; what rounding leaves over is 0.

    Example:
        >>> number(0.000123456), number(1234.5), number(0.0)
        ('0.000123', '1234', '0')
    """
    if abs(value) < _NOTHING:
        return "0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def interval(ends: Sequence[float]) -> str:
    """Return an interval as text."""
    return f"[{number(ends[0])}, {number(ends[1])}]"


def shares(ends: Sequence[float]) -> str:
    """Return an interval of shares in per cent."""
    return f"[{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]"


def _quantity(finding: Content) -> str:
    unit = _UNITS.get(finding["unit"], finding["unit"])
    name = finding.get("title") or spoken(finding["name"])
    return f"{name} ({unit})" if unit else name


def _limit(finding: Content) -> str:
    limit = float(finding["limit"])
    if finding.get("is_ratio"):
        return f"{number(1 / limit)} to {number(limit)}" if limit else ""
    return f"at least {number(limit)}" if finding.get("is_lowest") else f"at most {number(limit)}"


def percent(share: float) -> str:
    """Return a share in per cent, with two digits that count.

    Example:
        >>> percent(1.0), percent(0.0561), percent(0.11)
        ('100', '5.6', '11')
    """
    return f"{float(f'{100 * share:.2g}'):g}"


def _rate_below(finding: Content) -> str:
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
