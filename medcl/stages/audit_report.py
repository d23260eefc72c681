"""What the report of an audit says of itself, read back from ``audit.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcl.config.audit import AuditConfig
from medcl.config.loading import check
from medcl.config.yaml_text import parse
from medcl.errors import InputError, RequestError
from medcl.stages.audit_papers import code_of, report_digest
from medcl.store.manifest import Manifest

_NO_REPORT = (
    "A report to verify must be an audit.json that this version of `medcl audit` wrote; the file "
    "that was named is none. Reports of before do not name their volumes: run the audit again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says of itself.

    Attributes:
        digest: SHA-256 of its file.
        policy: The policy in full, and below it its name and hash.
        settings: All that decide, the policy among them.
        code: What measured.
        data: Which volumes.
        known: The volumes that were selected.
        viewed: How many of them views were measured of.
        read: Places among them of those whose voxels were read.
        facts: What was known of them.
        task: What it was audited for.
        is_safe: Whether it calls the policy safe, as declared and as measured.
        encoder: Checksum of the encoder that was asked; ``None`` where none was.
    """

    digest: str
    policy: Mapping[str, Any]
    policy_name: str
    policy_hash: str
    settings: Mapping[str, Any]
    code: Mapping[str, Any]
    data: Mapping[str, Any]
    known: Manifest
    viewed: int
    read: frozenset[int]
    facts: Mapping[str, Any]
    task: str
    is_safe: bool
    encoder: str | None


def read_report(path: Path) -> Report:
    """Return what the report of an audit says.

    Args:
        path: An ``audit.json``.

    Returns:
        Its content, as far as it says what it is of.

    Raises:
        InputError: The file cannot be opened, or is no report that names its volumes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        encoder, parts = content.get("encoder"), content["data"]["parts"]
        return Report(
            digest=report_digest(path),
            policy=dict(content["policy"]),
            policy_name=str(content["policy_name"]),
            policy_hash=str(content["policy_hash"]),
            settings=dict(content["settings"]),
            code={name: content["code"][name] for name in code_of()},
            data=dict(content["data"]),
            known=Manifest.from_json(content["data"]["selected"]),
            viewed=int(parts["views"]["volumes"]),
            read=frozenset(place for part in parts.values() for place in part["places"]),
            facts=dict(content["facts"]),
            task=str(content["task"]),
            is_safe=content["is_safe"] is True and content["verdict"]["outcome"] == "PASS",
            encoder=None if encoder is None else str(encoder["checksum"]),
        )
    except OSError as error:
        raise InputError(f"The report could not be opened: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(_NO_REPORT) from None


def settings_in(told: Report, store: Path | None) -> AuditConfig:
    """Return the settings that stand in a report, which names no place.

    Args:
        told: What the report says.
        store: Folder of the store.

    Returns:
        Settings of an audit like it.

    Raises:
        RequestError: No store is given.
    """
    if store is None:
        raise RequestError(
            "A report says which volumes, not where they are: name its settings file "
            "(medcl audit CONFIG --verify REPORT.json) or the store (--store STORE)."
        )
    settings = {**told.settings, "name": "verify", "store": str(store)}
    return check(parse(json.dumps(settings), label="report"), AuditConfig, label="report")
