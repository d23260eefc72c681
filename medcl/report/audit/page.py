"""The page of an audit: one policy, for a radiologist to read and sign."""

from collections.abc import Sequence
from dataclasses import dataclass

from medcl.augment.checking import check_policy
from medcl.augment.contract import Flag
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.report import page
from medcl.report.audit.amounts import Content
from medcl.report.audit.measured import controls, difficulty, encoder, measured
from medcl.report.audit.partners import partners
from medcl.report.audit.purpose import MODALITIES, changes, purpose
from medcl.report.audit.sign_off import limitations, reader_study, signature
from medcl.report.audit.verdict import verdict
from medcl.report.page import Section
from medcl.report.policy_words import task_words
from medcl.report.sampling_words import sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands on the page beside the measured content.

    Attributes:
        sheets: One PNG per case and window.
        partner_sheets: One PNG per pair of two series.
        settings: The complete settings, as text.
        commands: What to type to get the page again.
        code: Version of the code, in a few words.
    """

    sheets: Sequence[bytes] = ()
    partner_sheets: Sequence[bytes] = ()
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
        Section("Verdict", verdict(content, declared, words)),
        Section("Purpose", purpose(policy, task, words)),
        Section(
            "What the views change, and what in the world does the same", changes(policy, facts)
        ),
        Section("What was measured", measured(content)),
        Section("Pairs of two series", partners(content, given.partner_sheets)),
        Section("Controls", controls(content)),
        Section("Is there something to learn?", difficulty(content)),
        Section("What the encoder has learnt to ignore", encoder(content)),
        Section("Views", _views(given.sheets)),
        Section("Reader study", reader_study()),
        Section("Limitations", page.bullets(limitations(content, policy))),
        Section("Signatures", signature(policy_hash=policy.hash, code=given.code)),
        *_again(given),
    ]
    size = _size(policy.grid)
    if policy.local is not None:
        size = f"{size} and local ones of {_size(policy.local.grid)}"
    lead = (
        f"{MODALITIES[policy.modality]}, {policy.region}; views of {size}; measured on "
        f"{content['num_volumes']} volumes of {content['num_patients']} patients"
    )
    return page.page(
        title=f"Safety audit of the view policy {policy.name}",
        lead=lead,
        sections=sections,
        footer=f"{given.code}. No value of a patient stands on this page. No medical device.",
    )


def _size(grid: ViewGrid) -> str:
    size = " x ".join(str(round(length)) for length in grid.extent_mm)
    return f"{size} mm (voxels of {sizes(grid.spacing_mm)} mm)"


def _circumstances(content: Content) -> tuple[DataFacts, dict[Flag, str]]:
    """Return what was known of the volumes, and what of the unknown somebody answers for."""
    unknown = content.get("verdict", {}).get("unknown", ())
    accepted = {
        Flag(each["flag"]): each["justification"] for each in unknown if each["justification"]
    }
    return DataFacts.from_json(content.get("facts", {})), accepted


def _views(sheets: Sequence[bytes]) -> str:
    intro = (
        "Each case at one place: the scan as a view without any transform shows it, the random "
        "draw with the median change, the one with the largest, and of eight draws with every "
        "transform at an end of its range the one that changes most; below, what each of them "
        "changed, and under it what was drawn. Changes have one scale in all windows of a case."
    )
    pictures = [
        page.image(sheet, kind="png", description=f"Picture {number}: original, views, changes.")
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
