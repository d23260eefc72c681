"""Which volumes an audit measures, read from the store with the lesions that somebody marked."""

from collections.abc import Sequence

from medcl.config.audit import AuditConfig
from medcl.evaluation.measures.anatomy import Case
from medcl.runtime.seeds import derive_seed
from medcl.store.lesions import parts
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import source_of


def of_many_patients(rows: Sequence[VolumeRow], count: int, seed: int) -> list[VolumeRow]:
    """Return volumes of different patients first, chosen by the seed.

    Args:
        rows: To choose from.
        count: How many at most.
        seed: Decides.

    Returns:
        Rows; second volumes of a patient come only after the first ones of all.
    """
    shuffled = sorted(rows, key=lambda row: derive_seed(seed, "audit", row.word))
    seen: dict[str, int] = {}
    ranked = []
    for row in shuffled:
        seen[row.patient_key] = seen.get(row.patient_key, 0) + 1
        ranked.append((seen[row.patient_key], row))
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])[:count]]


def marked(store: Store, config: AuditConfig) -> set[str]:
    """Return the keys of volumes whose lesions are known."""
    if config.lesion_set is None:
        return set()
    return {label.key for label in store.label_maps(config.lesion_set)}


def read_case(store: Store, config: AuditConfig, row: VolumeRow, known: set[str]) -> Case:
    """Return a volume and, where a label set marks lesions, its label map.

    Args:
        store: Where it is.
        config: Names the label set.
        row: The volume.
        known: Keys of the volumes that the set has a map of.

    Returns:
        The case.
    """
    volume = store.read(row.key)
    marks = None
    if config.lesion_set is not None and row.key in known:
        marks = store.read_label_map(config.lesion_set, row.key)
    return Case(
        source=source_of(row, {} if marks is None else {row.key: parts(marks)}),
        patient=row.patient_key,
        array=volume.array.astype("float32"),
        validity=volume.validity,
        lesion=marks,
    )
