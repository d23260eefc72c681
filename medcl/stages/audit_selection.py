"""Which volumes an audit rests on, and each of its parts, told so that it can be asked later."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.build.cohorts import cohort_rows
from medcl.build.policies import facts_of, stored_modality
from medcl.config.audit import AuditConfig
from medcl.evaluation.difficulty.difficulty import FEWEST_PATIENTS
from medcl.stages.audit_partners import Chosen, chosen_pairs
from medcl.stages.audit_volumes import marked, of_many_patients
from medcl.store.manifest import Manifest, volumes_digest
from medcl.store.partners import Partners, partners_of
from medcl.store.rows import VolumeRow
from medcl.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Volumes of a store, and what is known of them before a voxel is read.

    Attributes:
        asked: What the settings ask of a volume beyond its modality.
        every: All that the settings select; the check before measuring rests on them.
        manifest: Of these.
        facts: What the catalogue knows of these.
        viewed: Those of which views are measured.
        partners: By key, whom a second view may be of.
        pairs: Pairs of two series that are measured.
        matched: Those between which pairs of views are matched; none of too few patients.
        probed: Those that an encoder is shown.
        lesions: Name, digest and count of the lesion maps of these volumes; ``None`` without a set.
    """

    asked: Mapping[str, object]
    every: Sequence[VolumeRow]
    manifest: Manifest
    facts: DataFacts
    viewed: Sequence[VolumeRow]
    partners: Partners
    pairs: Chosen
    matched: Sequence[VolumeRow]
    probed: Sequence[VolumeRow]
    lesions: Mapping[str, object] | None

    @property
    def parts(self) -> dict[str, list[VolumeRow]]:
        """Volumes whose voxels are read, by the part of the audit that reads them."""
        beside = [other for row in self.matched for other in self.partners.get(row.key, ())]
        return {
            "views": list(self.viewed),
            "pairs of two series": _each_once(row for pair in self.pairs for row in pair),
            "difficulty": _each_once([*self.matched, *beside]),
            "encoder": list(self.probed),
        }

    def to_json(self) -> dict[str, object]:
        """Return digests, counts and marks: neither keys, nor contents, nor where the store is."""
        return {
            "modality": self.every[0].modality,
            "cohort": dict(self.asked),
            "selected": self.manifest.to_json(),
            "parts": {name: self._told(rows) for name, rows in self.parts.items() if rows},
            "lesions": None if self.lesions is None else dict(self.lesions),
        }

    def _told(self, rows: Sequence[VolumeRow]) -> dict[str, object]:
        return {
            "digest": volumes_digest(rows),
            "volumes": len(rows),
            "patients": len({row.patient_key for row in rows}),
            "places": self.manifest.places(rows),
        }


def select(store: Store, config: AuditConfig, policy: Policy, *, is_probed: bool) -> Selection:
    """Return which volumes of a store an audit is about.

    Args:
        store: The catalogue.
        config: Says which, and how many.
        policy: Gives the modality, and whether pairs of two series are measured.
        is_probed: Whether an encoder is asked.

    Returns:
        The same volumes for the same contents and settings, wherever the store is.

    Raises:
        InputError: No volume is left, or a label set is missing.
    """
    every = cohort_rows(store, config.cohort, modality=stored_modality(policy))
    partners = {} if policy.partner is None else partners_of(every)
    matched = of_many_patients(every, config.difficulty.volumes, config.seed)
    if len({row.patient_key for row in matched}) < FEWEST_PATIENTS:
        matched = []
    return Selection(
        asked=config.cohort.model_dump(mode="json", exclude_defaults=True),
        every=every,
        manifest=Manifest.of(every),
        facts=facts_of(every, with_lesions=marked(store, config)),
        viewed=of_many_patients(every, config.volumes, config.seed),
        partners=partners,
        pairs=chosen_pairs(config, every, partners),
        matched=matched,
        probed=of_many_patients(every, config.probe.volumes, config.seed) if is_probed else [],
        lesions=_lesions(store, config, every),
    )


def _lesions(
    store: Store, config: AuditConfig, rows: Sequence[VolumeRow]
) -> dict[str, object] | None:
    """Return which lesion maps of some volumes there are, whatever keys their volumes have."""
    if config.lesion_set is None:
        return None
    maps = {label.key: label.sha256 for label in store.label_maps(config.lesion_set)}
    lines = sorted(f"{row.content_sha256} {maps[row.key]}\n" for row in rows if row.key in maps)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"name": config.lesion_set, "volumes": len(lines), "digest": digest}


def _each_once(rows: Iterable[VolumeRow]) -> list[VolumeRow]:
    return list({row.key: row for row in rows}.values())
