"""The page of an audit: one policy, for a radiologist to read and sign."""

import json
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
from medcl.report.audit.identity import code_words, identity, identity_line, volumes
from medcl.report.audit.measured import controls, difficulty, encoder, measured
from medcl.report.audit.partners import partners
from medcl.report.audit.purpose import MODALITIES, changes, purpose
from medcl.report.audit.sign_off import limitations, reader_study, signature
from medcl.report.audit.verdict import is_safe, verdict
from medcl.report.page import Section
from medcl.report.png import png_size
from medcl.report.policy_words import task_words
from medcl.report.sampling_words import sizes

_HALF_A_SHEET = 0.8
"""Height by width of a picture that is shrunk by a tenth at most to share a sheet of A4."""

_FOOT_OF_SHEETS = """
@page { font: 7pt sans-serif; color: #666;
  @bottom-left { content: "Safety audit: LINE"; }
  @bottom-right { content: counter(page) " of " counter(pages); } }
"""
"""Each sheet of paper says which report it is of; only digests may stand for ``LINE``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands on the page beside the measured content.

    Attributes:
        report_digest: SHA-256 of the ``audit.json`` that the page is made of.
        sheets: One PNG per case and window.
        partner_sheets: One PNG per pair of two series.
        commands: What to type to get the page again, and to hold it against a store.
    """

    report_digest: str
    sheets: Sequence[bytes] = ()
    partner_sheets: Sequence[bytes] = ()
    commands: Sequence[str] = ()


def audit_page(content: Content, given: Surroundings) -> str:
    """Return the self-contained page of an audit.

    Args:
        content: What stands in ``audit.json``: policy, task, volumes, settings, code, findings,
            controls, difficulty and the probes of an encoder where they were measured.
        given: Pictures, commands, and the digest of that file.

    Returns:
        HTML without scripts, whose every request is refused.
    """
    policy = Policy.from_json(content["policy"])
    task = TaskProfile(content["task"])
    facts, accepted = _circumstances(content)
    declared = check_policy(policy, task, facts=facts, accepted=accepted)
    words = task_words(policy, facts=facts, accepted=accepted)
    signed = identity(content, given.report_digest)
    sections = [
        Section("Verdict", verdict(content, declared, words)),
        Section("Purpose", purpose(policy, task, words)),
        Section("Volumes", volumes(content)),
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
        Section("Signatures", signature(signed, may_be_signed=is_safe(content, declared))),
        Section("How to get this page again, and to check it", _again(content, given)),
    ]
    size = _size(policy.grid)
    if policy.local is not None:
        size = f"{size} and local ones of {_size(policy.local.grid)}"
    line = identity_line(content, given.report_digest)
    lead = (
        f"{MODALITIES[policy.modality]}, {policy.region}; views of {size}; measured on "
        f"{content['num_volumes']} volumes of {content['num_patients']} patients, out of "
        f"{content['data']['selected']['volumes']} that were selected. Digests begin: {line}."
    )
    return page.page(
        title=f"Safety audit of the view policy {policy.name}",
        lead=lead,
        sections=sections,
        footer=(
            f"{code_words(content['code'])}. No value of a patient stands on this page. No medical "
            f"device."
        ),
        style=_FOOT_OF_SHEETS.replace("LINE", line),
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
    kinds = [' class="half"' if _shares_a_sheet(sheet) else "" for sheet in sheets]
    figures = (f"<figure{kind}>{each}</figure>" for kind, each in zip(kinds, pictures, strict=True))
    return page.paragraphs([intro]) + "".join(figures)


def _shares_a_sheet(sheet: bytes) -> bool:
    """Return whether two such pictures can be read on one sheet of paper."""
    width, height = png_size(sheet)
    return height <= _HALF_A_SHEET * width


def _again(content: Content, given: Surroundings) -> str:
    settings = page.preformatted(json.dumps(content["settings"], indent=2, sort_keys=True))
    commands = page.preformatted("\n".join(given.commands)) if given.commands else ""
    return commands + page.folded("all settings", settings)
