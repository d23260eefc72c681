"""The part of an audit that measures pairs of two series, where a policy has partners."""

from collections.abc import Iterator, Sequence

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.config.audit import AuditConfig
from medcl.evaluation.audit.partners import Census, PartnerAudit, audit_partners
from medcl.evaluation.measures.anatomy import Case
from medcl.report.contact_sheet import SheetRow, sheet_png
from medcl.report.partner_rows import partner_rows
from medcl.report.sheet_rows import Shown
from medcl.runtime.seeds import derive_seed
from medcl.stages.audit_volumes import marked, of_many_patients, read_case
from medcl.stages.progress import Advance, ProgressSink
from medcl.store.partners import Partners
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

_Pair = tuple[Case, Case]

Chosen = list[tuple[VolumeRow, VolumeRow]]
"""Volumes, each with the partner that is measured beside it."""


def chosen_pairs(config: AuditConfig, rows: Sequence[VolumeRow], partners: Partners) -> Chosen:
    """Return which pairs of volumes are measured, of different patients first.

    Args:
        config: Says how many, and by which seed.
        rows: The volumes of the cohort.
        partners: By key, who may stand beside whom, as in pretraining.

    Returns:
        Each volume with one of its partners.
    """
    able = [row for row in rows if row.key in partners]
    chosen = []
    for row in of_many_patients(able, config.volumes, config.seed):
        others = partners[row.key]
        place = derive_seed(config.seed, "audited partner", row.word) % len(others)
        chosen.append((row, others[place]))
    return chosen


def partners_measured(
    config: AuditConfig,
    policy: Policy,
    *,
    store: Store,
    census: Census,
    chosen: Chosen,
    progress: ProgressSink,
) -> tuple[PartnerAudit, list[bytes]]:
    """Read pairs of volumes one after the other, measure them, and picture the first ones.

    Args:
        config: Settings.
        policy: One with partners.
        store: Where the voxels are.
        census: How many volumes of the cohort have a partner.
        chosen: Which are measured.
        progress: Shows how far it is.

    Returns:
        What was found, and a picture of each of the first pairs.
    """
    rows: list[SheetRow] = []
    with progress.task("Partners", total=max(len(chosen), 1), unit="pairs") as advance:
        found = audit_partners(
            policy,
            _pictured(policy, config, _read(store, config, chosen, advance), rows),
            census=census,
            task=TaskProfile(config.task),
            draws=config.views_per_volume,
            seed=config.seed,
        )
    title = f"Volumes and their partners, policy {policy.name}"
    return found, [sheet_png([row], title=title) for row in rows]


def _read(store: Store, config: AuditConfig, chosen: Chosen, advance: Advance) -> Iterator[_Pair]:
    known = marked(store, config)
    for first, second in chosen:
        yield read_case(store, config, first, known), read_case(store, config, second, known)
        advance(1)


def _pictured(
    policy: Policy, config: AuditConfig, pairs: Iterator[_Pair], rows: list[SheetRow]
) -> Iterator[_Pair]:
    """Yield the pairs, and append a row of a contact sheet for each of the first ones."""
    for number, (first, second) in enumerate(pairs, start=1):
        if number <= config.contact_sheet.volumes:
            shown = (
                Shown(source=each.source, array=each.array, validity=each.validity)
                for each in (first, second)
            )
            rows += partner_rows(policy, *shown, case=number, seed=config.seed)
        yield first, second
