"""The page of an audit: one policy, for a radiologist to read and sign."""

from collections.abc import Sequence
from dataclasses import dataclass

from medcl.augment.checking import check_policy
from medcl.augment.contract import Flag
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.verdict import Verdict
from medcl.report import page
from medcl.report.audit_tables import (
    Content,
    controls_table,
    declared_table,
    difficulty_table,
    findings_table,
    probes_table,
)
from medcl.report.page import Mark, Section
from medcl.report.policy_words import (
    CHANGED,
    FLAGS,
    KEPT,
    TASKS,
    TaskWords,
    spoken,
    task_words,
    transform_words,
)
from medcl.report.reader_study import failure_rate_below
from medcl.report.sign_off import limitations, reader_study, signature

_MODALITIES = {
    "CT": "CT in Hounsfield units",
    "MR_WEIGHTED": "weighted MR (no unit)",
    "MR_QUANTITATIVE": "quantitative MR maps",
    "PT": "PET in SUV",
    "OT": "shapes and derived maps",
}
_SHORT = {
    "CT": "CT",
    "MR_WEIGHTED": "weighted MR",
    "MR_QUANTITATIVE": "MR maps",
    "PT": "PET",
    "OT": "shapes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands on the page beside the measured content.

    Attributes:
        sheets: One PNG per case.
        settings: The complete settings, as text.
        commands: What to type to get the page again.
        code: Version of the code, in a few words.
    """

    sheets: Sequence[bytes] = ()
    settings: str = ""
    commands: Sequence[str] = ()
    code: str = ""


def audit_page(content: Content, given: Surroundings) -> str:
    """Return the self-contained page of an audit.

    Args:
        content: What stands in ``audit.json``: policy, task, findings, controls, difficulty and
            the probes of an encoder where they were measured.
        given: Pictures, settings and versions.

    Returns:
        HTML without scripts, whose every request is refused.
    """
    policy = Policy.from_json(content["policy"])
    task = TaskProfile(content["task"])
    facts, accepted = _circumstances(content)
    declared = check_policy(policy, task, facts=facts, accepted=accepted)
    words = task_words(policy, facts=facts, accepted=accepted)
    sections = [
        Section("Verdict", _verdict(content, declared)),
        Section("Purpose", _purpose(policy, task, words)),
        Section("What the views change, and what in the world does the same", _changes(policy)),
        Section("What was measured", _measured(content)),
        Section("Controls", _controls(content)),
        Section("Is there something to learn?", _difficulty(content)),
        Section("What the encoder has learnt to ignore", _encoder(content)),
        Section("Views", _views(given.sheets)),
        Section("Reader study", reader_study()),
        Section("Limitations", page.bullets(limitations(content, policy))),
        Section("Signatures", signature(policy_hash=policy.hash, code=given.code)),
        *_again(given),
    ]
    size = " x ".join(str(round(length)) for length in policy.grid.extent_mm)
    lead = (
        f"{_MODALITIES[policy.modality]}, {policy.region}; views of {size} mm; "
        f"{content['num_volumes']} volumes of {content['num_patients']} patients"
    )
    return page.page(
        title=f"Safety audit of the view policy {policy.name}",
        lead=lead,
        sections=sections,
        footer=f"{given.code}. No value of a patient stands on this page. No medical device.",
    )


def _circumstances(content: Content) -> tuple[DataFacts, dict[Flag, str]]:
    """Return what was known of the volumes, and what of the unknown somebody answers for."""
    unknown = content.get("verdict", {}).get("unknown", ())
    accepted = {
        Flag(each["flag"]): each["justification"] for each in unknown if each["justification"]
    }
    return DataFacts.from_json(content.get("facts", {})), accepted


def _verdict(content: Content, declared: Verdict) -> str:
    failing = [each for each in content["findings"] if each["status"] == "fail"]
    warning = [each for each in content["findings"] if each["status"] == "warn"]
    good, all_controls = sum(content["controls"].values()), len(content["controls"])
    if content["is_void"]:
        kind, text = "fail", "VOID: a control did not come out as it must; nothing is proven."
    elif declared.outcome == "FAIL":
        kind, text = "fail", "NOT SAFE for this purpose, by its own contract."
    elif declared.outcome == "UNKNOWN":
        kind, text = "fail", "UNKNOWN: nobody answers for a quantity that this purpose needs."
    elif not content["is_safe"]:
        kind, text = "fail", "NOT SAFE for this purpose, as measured."
    else:
        kind, text = "pass", "SAFE for this purpose, as declared and as measured."
    details = [
        f"{len(content['findings'])} quantities measured: {len(failing)} beyond what is safe, "
        f"{len(warning)} with a warning.",
        f"{good} of {all_controls} controls came out as they must.",
    ]
    details += [violation.sentence for violation in declared.violations]
    details += [
        f"{FLAGS[each.flag]} unknown: {each.reason}. "
        + (f"Accepted: {each.justification}" if each.justification else "Not accepted.")
        for each in declared.unknowns
    ]
    details += [
        f"{each.get('title') or spoken(each['name'])}: worst {each['worst']:.3g} {each['unit']}."
        for each in failing
    ]
    warnings = [content["difficulty"]["sentence"]] if _is_hard_to_use(content) else []
    if breaches := content.get("breaches", ()):
        named = ", ".join(
            f"{FLAGS[Flag(each['flag'])]} of {spoken(each['transform'])}" for each in breaches
        )
        warnings.append(f"Declared bounds that do not hold here: {named}.")
    warnings += content["encoder"]["warnings"] if content.get("encoder") else []
    return (
        f'<p class="verdict {kind}">{page.escape(text)}</p>'
        + page.bullets(details)
        + page.paragraphs(warnings, kind="warning")
    )


def _is_hard_to_use(content: Content) -> bool:
    difficulty = content.get("difficulty")
    return difficulty is not None and difficulty["verdict"] != "workable"


def _purpose(policy: Policy, task: TaskProfile, words: TaskWords) -> str:
    intro = (
        f"Pretraining of an encoder without labels, on {_MODALITIES[policy.modality]}. The encoder "
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


def _changes(policy: Policy) -> str:
    words = transform_words(policy)
    rows = [[each.name, each.ranges, each.how_often, each.cause, each.not_kept] for each in words]
    header = ["transform", "range", "how often", "real-world cause", "not kept exactly"]
    window = policy.window
    seen = (
        f"Values from {window.low:g} to {window.high:g} are seen, all others are clipped."
        if isinstance(window, FixedWindow)
        else "Values are seen relative to each volume's own 1st to 99th percentile."
    )
    if not words:
        return page.paragraphs(["Nothing: both views are the same.", seen])
    matrix = [
        [quantity, *(_claim(each.claims[quantity]) for each in words)]
        for quantity in words[0].claims
    ]
    kept = page.table(["quantity", *(each.name for each in words)], matrix)
    return (
        page.table(header, rows, kind="prose")
        + page.paragraphs([seen])
        + "<h3>What each transform keeps, as declared</h3>"
        + kept
    )


def _claim(claim: str) -> Mark:
    kinds = {KEPT: "pass", CHANGED: "fail"}
    return Mark(claim.removeprefix("within "), kinds.get(claim, "warn"))


def _measured(content: Content) -> str:
    views = content["num_volumes"] * (content["num_draws"] + content["num_corners"])
    per_view, per_patient = failure_rate_below(views), failure_rate_below(content["num_patients"])
    rule = (
        f"{content['num_draws']} random pairs of views and {content['num_corners']} at the corners "
        f"of all ranges were drawn of every volume. Intervals are 95 %, over patients. Where none "
        f"of n failed, fewer than 3/n do (95 %, rule of three): for a further pair of these "
        f"patients that is {100 * per_view:.2g} %, for a further patient {100 * per_patient:.2g} %."
    )
    declared = declared_table(content.get("declared", ()))
    needed = [each for each in content["findings"] if each.get("may_fail", True)]
    others = [each for each in content["findings"] if not each.get("may_fail", True)]
    beside = "<h3>Not needed for this purpose: a warning at most</h3>" + findings_table(others)
    return (
        page.paragraphs([rule])
        + findings_table(needed)
        + (beside if others else "")
        + (f"<h3>Declared bounds against measured ones</h3>{declared}" if declared else "")
    )


def _controls(content: Content) -> str:
    intro = (
        "Views that are known to be unsafe must fail the same measurements, and harmless ones must "
        "pass; otherwise the audit proves nothing."
    )
    return page.paragraphs([intro]) + controls_table(content)


def _difficulty(content: Content) -> str:
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
    )


def _encoder(content: Content) -> str:
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


def _views(sheets: Sequence[bytes]) -> str:
    intro = (
        "Each case at one place: the scan, the draw with the median change, the one with the "
        "largest, and the worst corner of all ranges; below, what each of them changed."
    )
    pictures = [
        page.image(sheet, kind="png", description=f"Case {number}: original, views, differences.")
        for number, sheet in enumerate(sheets, start=1)
    ]
    if not pictures:
        return ""
    return page.paragraphs([intro]) + "".join(f"<figure>{each}</figure>" for each in pictures)


def _again(given: Surroundings) -> list[Section]:
    settings = page.preformatted(given.settings) if given.settings else ""
    commands = page.preformatted("\n".join(given.commands)) if given.commands else ""
    body = commands + (page.folded("all settings", settings) if settings else "")
    return [Section("How to get this page again", body)]
