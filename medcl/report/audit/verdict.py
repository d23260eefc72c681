"""The verdict of an audit, above all else on its page."""

from collections.abc import Sequence

from medcl.augment.contract import Flag
from medcl.augment.safety.verdict import Verdict
from medcl.report import page
from medcl.report.audit.amounts import Content, amount, percent
from medcl.report.audit.reader_study import failure_rate_below
from medcl.report.policy_words import FLAGS, TASKS, TaskWords, because, on_patient, spoken


def verdict(content: Content, declared: Verdict, words: TaskWords) -> str:
    """Return the verdict and all that it rests on.

    Args:
        content: What stands in ``audit.json``.
        declared: What the policy's own contract says.
        words: What the policy may and may not be used for.

    Returns:
        HTML.
    """
    failing = [each for each in content["findings"] if each["status"] == "fail"]
    warning = [each for each in content["findings"] if each["status"] == "warn"]
    breaches = content.get("breaches", ())
    good, all_controls = sum(content["controls"].values()), len(content["controls"])
    kind = "pass" if is_safe(content, declared) else "fail"
    text = _outcome(content, declared)
    excluded = ", ".join(task.split(":")[0] for task, _ in words.excluded)
    details = [f"This purpose: pretraining for {TASKS[declared.task]}."]
    details += [f"NOT valid for: {excluded}; why stands below."] * bool(excluded)
    details += [
        f"{len(content['findings'])} quantities measured: {len(failing)} beyond what is safe, "
        f"{len(warning)} with a warning{_named(warning)}{_unneeded(warning)}.",
        _reach(content),
        f"{good} of {all_controls} controls came out as they must.",
    ]
    details += [f"{reason}." for reason in because(declared.violations)]
    details += [
        f"{FLAGS[each.flag]} unknown: {on_patient(each.reason)}. "
        + (f"Accepted: {each.justification}" if each.justification else "Not accepted.")
        for each in declared.unknowns
    ]
    details += [
        f"{each.get('title') or spoken(each['name'])}: worst {amount(each['worst'], each['unit'])}."
        for each in failing
    ]
    details += [_breached(each) for each in breaches]
    warnings = [content["difficulty"]["sentence"]] if _is_hard_to_use(content) else []
    warnings += content["encoder"]["warnings"] if content.get("encoder") else []
    warnings += content.get("not_covered", ())
    return (
        f'<p class="verdict {kind}">{page.escape(text)}</p>'
        + page.bullets(details)
        + page.paragraphs(warnings, kind="warning")
    )


def is_safe(content: Content, declared: Verdict) -> bool:
    """Return whether an audit calls its policy safe, as declared and as measured."""
    return bool(content["is_safe"]) and declared.outcome == "PASS" and not content["is_void"]


def _outcome(content: Content, declared: Verdict) -> str:
    """Return the verdict in one sentence."""
    is_measured_safe = all(each["status"] != "fail" for each in content["findings"])
    if content["is_void"]:
        return "VOID: a control did not come out as it must; nothing is proven."
    if declared.outcome == "FAIL":
        return "NOT SAFE for this purpose, by its own contract."
    if declared.outcome == "UNKNOWN":
        return "UNKNOWN: nobody answers for a quantity that this purpose needs."
    if content.get("breaches") and is_measured_safe:
        return "NOT SAFE: a declared bound does not hold, so no check can rely on it."
    if not content["is_safe"]:
        return "NOT SAFE for this purpose, as measured."
    if content.get("not_covered"):
        return "SAFE for this purpose, as declared; not all of it was measured."
    return "SAFE for this purpose, as declared and as measured."


def _is_hard_to_use(content: Content) -> bool:
    difficulty = content.get("difficulty")
    return difficulty is not None and difficulty["verdict"] != "workable"


def _breached(breach: Content) -> str:
    bound, measured = (amount(breach[name], breach["unit"]) for name in ("bound", "measured"))
    return (
        f"{FLAGS[Flag(breach['flag'])]}: {spoken(breach['transform'])} declares a change of "
        f"{bound} at most, measured are {measured}."
    )


def _reach(content: Content) -> str:
    """Return how far so few patients carry, where whoever signs cannot miss it."""
    patients = content["num_patients"]
    below = failure_rate_below(patients)
    of_whom = f"Views were measured of {content['num_volumes']} volumes of {patients} patients"
    if below >= 1:
        return f"{of_whom}: so few say nothing of a further patient."
    return (
        f"{of_whom}: what happens in none of them may still happen in up to {percent(below)} % of "
        f"further patients (95 %, rule of three)."
    )


def _unneeded(findings: Sequence[Content]) -> str:
    """Return that the purpose needs none of some findings, where that is so."""
    if not findings or any(each.get("may_fail", True) for each in findings):
        return ""
    return ", which this purpose does not need"


def _named(findings: Sequence[Content]) -> str:
    """Return the quantities of some findings in brackets; nothing of none."""
    titles = (str(each.get("title") or spoken(each["name"])) for each in findings)
    names = dict.fromkeys(title.split(", between ")[0].removesuffix(" by") for title in titles)
    return f" ({'; '.join(name.removesuffix(',') for name in names)})" if names else ""
