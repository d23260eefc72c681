"""What a signature below an audit is for: policy, purpose, volumes, code, and the report itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.report import page
from medcl.report.audit.amounts import Content
from medcl.report.policy_words import TASKS, spoken

_SHORT = 12
_PARTS = {
    "views": "measured, as views",
    "pairs of two series": "measured, as pairs of two series",
    "difficulty": "read for whether there is something to learn",
    "encoder": "read for what the encoder has learnt",
}
"""What was done with which volumes, in the order of the page."""


def volumes(content: Content) -> str:
    """Return which volumes the audit is of, and how many of them each part read.

    Args:
        content: What stands in ``audit.json``.

    Returns:
        HTML: counts, and the settings that select; no key, no name, no place.
    """
    data = content["data"]
    selected, lesions = data["selected"], data["lesions"]
    asked = list(_asked(data["cohort"]))
    chosen = f"those of the store with {'; '.join(asked)}" if asked else "all of the store"
    intro = (
        f"{selected['volumes']} {data['modality']} volumes of {selected['patients']} patients were "
        f"selected: {chosen}. The check before measuring rests on what is known of all of them "
        f"(voxel sizes, noise, who says where left is). Voxels were read of those below, of "
        f"different patients first, by chance; the seed stands in the settings."
    )
    parts = [(words, data["parts"][name]) for name, words in _parts(data)]
    rows = [[words, part["volumes"], part["patients"]] for words, part in parts]
    marked = []
    if lesions is not None:
        marked.append(
            f"Lesions are known in {lesions['volumes']} of the selected volumes, from the label "
            f"set {lesions['name']}."
        )
    return (
        page.paragraphs([intro])
        + page.table(["what for", "volumes", "patients"], rows)
        + page.paragraphs(marked)
    )


def identity(content: Content, report_digest: str) -> dict[str, str]:
    """Return all that decides the audit, by name, with its digests in full.

    Args:
        content: What stands in ``audit.json``.
        report_digest: SHA-256 of that file.

    Returns:
        What is signed.
    """
    policy = Policy.from_json(content["policy"])
    data, encoder = content["data"], content.get("encoder")
    named = {
        "purpose": f"pretraining for {TASKS[TaskProfile(content['task'])]}",
        "policy": f"{policy.name}, {content['policy_hash']}",
        "volumes selected": _counted(data["selected"]),
        # Short, so that a digest fits beside them into one line of a sheet of paper.
        **{f"of them: {name}": _counted(data["parts"][name]) for name, _ in _parts(data)},
    }
    if data["lesions"] is not None:
        named["lesion maps"] = f"{data['lesions']['volumes']}, {data['lesions']['digest']}"
    if encoder is not None:
        named["encoder"] = encoder["checksum"]
    return named | {"code": code_words(content["code"]), "report (audit.json)": report_digest}


def identity_line(content: Content, report_digest: str) -> str:
    """Return the beginnings of the digests, for the top and the foot of a sheet of paper."""
    digests = {
        "policy": content["policy_hash"],
        "volumes": content["data"]["selected"]["digest"],
        "report": report_digest,
    }
    return ", ".join(f"{name} {digest[:_SHORT]}" for name, digest in digests.items())


def code_words(code: Mapping[str, Any]) -> str:
    """Return which code measured.

    Example:
        >>> code_words({"medcl": "1.0", "contract_version": 4, "source": "ab"})
        'medcl 1.0, contract version 4, source ab'
    """
    return (
        f"medcl {code['medcl']}, contract version {code['contract_version']}, "
        f"source {code['source']}"
    )


def _parts(data: Content) -> Iterator[tuple[str, str]]:
    """Yield each part that read volumes, with what it read them for."""
    for name, words in _PARTS.items():
        if name in data["parts"]:
            yield name, words


def _counted(found: Content) -> str:
    return f"{found['volumes']} of {found['patients']} patients, {found['digest']}"


def _asked(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield each setting of a cohort that somebody made, in words."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _asked(value)
        elif value is True:
            yield spoken(name)
        else:
            each = value if isinstance(value, list) else [value]
            yield f"{spoken(name)} {', '.join(map(str, each))}"
