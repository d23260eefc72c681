"""Which volumes take part and who is tested: from settings and a store's catalogue."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from medcl.config.cohort import CohortConfig, DrawnTest, GivenTest, HoldOutConfig, QualityConfig
from medcl.errors import InputError
from medcl.store.near_duplicates import without_near_duplicates
from medcl.store.rows import VolumeRow
from medcl.store.selection import QualityBounds, missed
from medcl.store.store import Store
from medcl.study.split import LabelledVolume, Split, split
from medcl.volume import Modality


def cohort_rows(store: Store, settings: CohortConfig, *, modality: Modality) -> list[VolumeRow]:
    """Return the volumes that settings select, by word.

    Args:
        store: The catalogue.
        settings: Everything left out means all.
        modality: Of the policy that will be used; the settings must not name another.

    Returns:
        At least one volume.

    Raises:
        InputError: The settings name another modality than the policy, or no volume is left.
    """
    if settings.modality not in {None, modality}:
        raise InputError(
            f"cohort.modality is {settings.modality}, but the policy is for {modality}."
        )
    rows = sorted(store.rows(modality), key=lambda row: (row.word, row.key))
    if settings.label_set is not None:
        labels = {
            volume.key: volume.split for volume in labelled_volumes(store, settings.label_set)
        }
        rows = [row for row in rows if row.key in labels]
        if settings.split is not None:
            rows = [row for row in rows if labels[row.key] == settings.split]
    excluded = {
        volume.patient_key
        for name in settings.exclude_patients_of
        for volume in labelled_volumes(store, name)
    }
    smallest = settings.min_shape_voxels
    rows = [
        row
        for row in rows
        if row.patient_key not in excluded
        and all(size >= least for size, least in zip(row.shape, smallest, strict=True))
    ]
    bounds = quality_bounds(settings.quality)
    misses = [missed(row, bounds) for row in rows]
    rows = [row for row, names in zip(rows, misses, strict=True) if not names]
    if settings.collapse_near_duplicates:
        rows = without_near_duplicates(rows)
    if not rows:
        counts = Counter(name for names in misses for name in names)
        told = ", ".join(f"{count} miss {name}" for name, count in counts.most_common())
        raise InputError(
            f"The cohort must hold at least one {modality} volume; of the {len(store.rows())} "
            f"volumes of the store none is left" + (f": {told}." if told else ".")
        )
    return rows[: settings.max_volumes]


def quality_bounds(settings: QualityConfig) -> QualityBounds:
    """Return the bounds that settings ask for."""
    return QualityBounds(**dict(settings))


def labelled_volumes(
    store: Store, label_set: str, rows: Sequence[VolumeRow] | None = None
) -> list[LabelledVolume]:
    """Return the volumes of a label set with class or without (label maps), by word.

    Args:
        store: The catalogue.
        label_set: Name of a set in the store.
        rows: Only these volumes; all by default.

    Returns:
        At least one volume.

    Raises:
        InputError: There is no such set, or none of its volumes is among the rows.
    """
    kinds = {found.name: found.kind for found in store.label_sets()}
    if label_set not in kinds:
        known = ", ".join(sorted(kinds)) or "none"
        raise InputError(f"The store has no label set of this name; it has: {known}.")
    by_key = {row.key: row for row in (store.rows() if rows is None else rows)}
    found: list[LabelledVolume] = []
    if kinds[label_set] == "class":
        found = [
            _labelled(by_key[label.key], label.value, label.split)
            for label in store.labels(label_set)
            if label.key in by_key
        ]
    else:
        found = [
            _labelled(by_key[label.key], None, label.split)
            for label in store.label_maps(label_set)
            if label.key in by_key
        ]
    if not found:
        raise InputError(f"None of the cohort's {len(by_key)} volumes is in the label set.")
    return sorted(found, key=lambda volume: (volume.word, volume.key))


def _labelled(row: VolumeRow, target: int | None, split: str | None) -> LabelledVolume:
    return LabelledVolume(row.key, row.patient_key, target, split, row.word)


def split_of(volumes: Sequence[LabelledVolume], settings: DrawnTest | GivenTest) -> Split:
    """Return training and test volumes, without a common patient.

    Args:
        volumes: Labelled volumes.
        settings: Test patients drawn at random, or named by a split of the label set.

    Returns:
        The two sides.

    Raises:
        InputError: The named split does not occur, or nothing is left to train on.
    """
    match settings:
        case DrawnTest():
            unnamed = [_named(volume, None) for volume in volumes]
            return split(unnamed, test_fraction=settings.fraction, seed=settings.seed)
        case GivenTest():
            tested = sum(volume.split == settings.split for volume in volumes)
            if tested in {0, len(volumes)}:
                raise InputError(
                    f"The split named in test must hold some but not all labelled volumes; "
                    f"it holds {tested} of {len(volumes)}."
                )
            return split(
                [
                    _named(volume, "test" if volume.split == settings.split else "train")
                    for volume in volumes
                ]
            )


def held_out_patients(store: Store, settings: HoldOutConfig | None) -> frozenset[str]:
    """Return the test patients of a coming study, who must not be pretrained on.

    They are drawn from all labelled volumes of the set, exactly as the study will.

    Args:
        store: The catalogue.
        settings: Label set and test patients; ``None`` holds nobody out.

    Returns:
        Patient keys.
    """
    if settings is None:
        return frozenset()
    parts = split_of(labelled_volumes(store, settings.label_set), settings.test)
    return frozenset(volume.patient_key for volume in parts.test)


def _named(volume: LabelledVolume, name: str | None) -> LabelledVolume:
    return replace(volume, split=name)
