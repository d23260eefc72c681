"""`medcl audit --verify`: is a report of these volumes, this policy and this code?"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medcl.build.policies import policy_of
from medcl.config.audit import AuditConfig
from medcl.errors import AuditError, InputError, PolicyError
from medcl.stages.audit_papers import code_of, settings_of
from medcl.stages.audit_report import Report, read_report, settings_in
from medcl.stages.audit_selection import Selection, select
from medcl.stages.encoders import checksum
from medcl.stages.run_folder import difference
from medcl.stages.summary import StageSummary, Table
from medcl.store.store import Store


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
    told = read_report(report)
    asked = settings_in(told, store) if config is None else config
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


def _policy(told: Report, asked: AuditConfig) -> Iterator[str]:
    policy = policy_of(asked.policy)
    # Under another version of the contract every hash differs; that is told as the code.
    is_same_contract = told.code["contract_version"] == code_of()["contract_version"]
    is_same = told.policy_hash == policy.hash or not is_same_contract
    if told.policy != _plain(policy.to_json()) or not is_same:
        yield (
            f"Policy: {told.policy_name} of hash {told.policy_hash[:12]} in the report, "
            f"{policy.name} of hash {policy.hash[:12]} here."
        )


def _settings(told: Report, asked: AuditConfig) -> Iterator[str]:
    then, now = (
        {name: value for name, value in settings.items() if name != "policy"}
        for settings in (told.settings, settings_of(asked))
    )
    if then != now:
        yield f"Settings: other values of {difference(then, now)}."


def _code(told: Report) -> Iterator[str]:
    now = code_of()
    words = {"medcl": "version", "contract_version": "contract version"}
    changed = [name for name in words if told.code[name] != now[name]]
    for name in changed:
        yield f"Code: {words[name]} {told.code[name]} then, {now[name]} now."
    if told.code["source"] != now["source"] and not changed:
        yield "Code: of the same version, but its source text has changed since."


def _volumes(told: Report, found: Selection, store: Store) -> Iterator[str]:
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


def _encoder(told: Report, encoder: Path | None) -> Iterator[str]:
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


def _summary(told: Report, *, is_encoder_known: bool) -> StageSummary:
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
