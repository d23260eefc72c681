"""`medcl audit --verify`: is a report of these volumes, this policy and this code?"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcl.build.policies import policy_of
from medcl.config.audit import AuditConfig
from medcl.config.loading import check
from medcl.config.yaml_text import parse
from medcl.errors import AuditError, InputError, PolicyError, RequestError
from medcl.stages.audit_papers import code_of, report_digest, settings_of
from medcl.stages.audit_selection import Selection, select
from medcl.stages.encoders import checksum
from medcl.stages.run_folder import difference
from medcl.stages.summary import StageSummary, Table
from medcl.store.manifest import Manifest
from medcl.store.store import Store

_NO_REPORT = (
    "A report to verify must be an audit.json that this version of `medcl audit` wrote; the file "
    "that was named is none. Reports of before do not name their volumes: run the audit again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
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


def run(
    report: Path, *, config: AuditConfig | None, store: Path | None, encoder: Path | None
) -> StageSummary:
    """Hold the report of an audit against settings, a store and the code that is running.

    Args:
        report: An ``audit.json``.
        config: Settings with the policy that it should be of; those in the report by default.
        store: Folder of the store that holds the volumes; that of the settings by default.
        encoder: Folder of the encoder, for a report that asked one.

    Returns:
        A sentence that it is of all these, and the digests to compare with a signed page.

    Raises:
        AuditError: Something differs; the message says what.
        PolicyError: Nothing differs, but the report does not call the policy safe.
        InputError: The file is no report.
        RequestError: No store is named.
    """
    told = _read(report)
    asked = _settings_in(told, store) if config is None else config
    if store is not None:
        asked = asked.model_copy(update={"store": store})
    opened, policy = Store.open(asked.store), policy_of(asked.policy)
    differing = [*_policy(told, asked), *_settings(told, asked), *_code(told)]
    try:
        found = select(opened, asked, policy, is_probed=told.encoder is not None)
    except InputError as error:  # no volume is left, or a label set
        differing.append(f"Volumes: {error}")
    else:
        differing += _volumes(told, found, opened)
    differing += _encoder(told, encoder)
    if differing:
        raise AuditError(f"The report is not of what it is held against. {' '.join(differing)}")
    if not told.is_safe:
        raise PolicyError(
            "The report is of these volumes, this policy and this code, but it does not call the "
            "policy safe."
        )
    return _summary(told, is_encoder_known=encoder is not None)


def _read(report: Path) -> _Report:
    try:
        content = json.loads(report.read_text(encoding="utf-8"))
        encoder, parts = content.get("encoder"), content["data"]["parts"]
        return _Report(
            digest=report_digest(report),
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


def _settings_in(told: _Report, store: Path | None) -> AuditConfig:
    """Return the settings that stand in a report, which names no place.

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


def _policy(told: _Report, asked: AuditConfig) -> Iterator[str]:
    policy = policy_of(asked.policy)
    # Under another version of the contract every hash differs; that is told as the code.
    is_same_contract = told.code["contract_version"] == code_of()["contract_version"]
    is_same = told.policy_hash == policy.hash or not is_same_contract
    if told.policy != _plain(policy.to_json()) or not is_same:
        yield (
            f"Policy: {told.policy_name} of hash {told.policy_hash[:12]} in the report, "
            f"{policy.name} of hash {policy.hash[:12]} here."
        )


def _settings(told: _Report, asked: AuditConfig) -> Iterator[str]:
    then, now = (
        {name: value for name, value in settings.items() if name != "policy"}
        for settings in (told.settings, settings_of(asked))
    )
    if then != now:
        yield f"Settings: other values of {difference(then, now)}."


def _code(told: _Report) -> Iterator[str]:
    now = code_of()
    words = {"medcl": "version", "contract_version": "contract version"}
    changed = [name for name in words if told.code[name] != now[name]]
    for name in changed:
        yield f"Code: {words[name]} {told.code[name]} then, {now[name]} now."
    if told.code["source"] != now["source"] and not changed:
        yield "Code: of the same version, but its source text has changed since."


def _volumes(told: _Report, found: Selection, store: Store) -> Iterator[str]:
    departure = told.known.departure(found.every)
    gone = set(told.known.departure(store.rows()).missing)
    places = {
        "missing": gone.intersection(departure.missing),
        "there but not selected any more": set(departure.missing) - gone,
        "changed": set(departure.changed),
    }
    said = [
        f"{len(which)} {word} ({len(which & told.read)} of them read)"
        for word, which in places.items()
        if which
    ]
    said += [f"{departure.num_new} new"] * bool(departure.num_new)
    if said:
        yield (
            f"Volumes: of the {len(told.known.marks)} selected then ({len(told.read)} read), "
            f"{', '.join(said)}; {len(found.every)} are selected now."
        )
        return  # whatever else differs follows from it
    if departure.is_regrouped:
        yield "Volumes: the same ones, but not the same ones are of one patient."
    elif _but_settings(told.data) != _but_settings(_plain(found.to_json())):
        yield "Volumes: the same ones are selected, but not the same ones of them read."
    if told.facts != _plain(found.facts.to_json()):
        yield "Volumes: what is known of them (spacing, noise, orientation, lesions) has changed."
    if told.data["lesions"] != found.lesions:
        yield "Labels: the lesion maps of these volumes are not those of the report."


def _encoder(told: _Report, encoder: Path | None) -> Iterator[str]:
    if encoder is None:
        return
    if told.encoder is None:
        yield "Encoder: the report asked none."
    elif told.encoder != checksum(encoder):
        yield "Encoder: it is not the one that the report asked."


def _but_settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return which volumes without why: settings and lesions are compared by themselves."""
    return {name: value for name, value in data.items() if name not in {"cohort", "lesions"}}


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as it is read back from JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(content))
    return plain


def _summary(told: _Report, *, is_encoder_known: bool) -> StageSummary:
    known = told.known
    said = [
        f"The report is of these {len(known.marks)} volumes of {known.num_patients} patients, "
        f"{told.viewed} of them measured, of this policy ({told.policy_name}) and of this code; it "
        f"calls the policy safe for the task {told.task}."
    ]
    digests = {
        "policy": told.policy_hash,
        "volumes selected": known.digest,
        **{f"of them: {name}": part["digest"] for name, part in told.data["parts"].items()},
        "source of the code": told.code["source"],
        "report (audit.json)": told.digest,
    }
    if told.data["lesions"] is not None:
        digests["lesion maps"] = told.data["lesions"]["digest"]
    if told.encoder is not None:
        digests["encoder"] = told.encoder
        if not is_encoder_known:
            said.append("The encoder was not looked at: --encoder ENCODER compares it.")
    return StageSummary(
        stage="audit verify",
        figures={
            "volumes": len(known.marks),
            "volumes_measured": told.viewed,
            "policy_hash": told.policy_hash,
            "volumes_digest": known.digest,
            "report_digest": told.digest,
        },
        notes=said,
        tables=[
            Table(("what", "SHA-256"), list(digests.items()), title="As on the page of the report:")
        ],
    )
