"""Choosing volumes: pure functions on rows of the catalogue."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from medcl.store.rows import VolumeRow
from medcl.volume import Modality


def select(
    rows: Iterable[VolumeRow],
    *,
    modality: Modality | None = None,
    min_shape: tuple[int, int, int] = (1, 1, 1),
    min_extent_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    max_spacing_mm: float | None = None,
    body_parts: Collection[str] | None = None,
    exclude_patients: Collection[str] = (),
) -> list[VolumeRow]:
    """Return the rows that meet every wish, in the order given.

    Args:
        rows: Of the catalogue.
        modality: The only one wanted; ``None`` takes all.
        min_shape: Fewest voxels along X, Y, Z.
        min_extent_mm: Shortest extent (voxels x spacing) along X, Y, Z, mm.
        max_spacing_mm: Largest spacing along any axis, mm; ``None`` for no bound.
        body_parts: Regions wanted, of `medcl.ingest.outcome.BodyPart`; ``None`` takes all, volumes
            of unknown region too.
        exclude_patients: Keys of patients to leave out, such as those of a test split.

    Returns:
        Rows of ``rows``.

    Example:
        >>> select([], modality="CT", min_shape=(64, 64, 16))
        []
    """
    unwanted = frozenset(exclude_patients)
    return [
        row
        for row in rows
        if row.patient_key not in unwanted
        and modality in {None, row.modality}
        and (body_parts is None or row.technical.body_part in body_parts)
        and _is_large_enough(row, min_shape, min_extent_mm)
        and (max_spacing_mm is None or max(row.spacing_mm) <= max_spacing_mm)
    ]


def by_patient(rows: Iterable[VolumeRow]) -> dict[str, list[VolumeRow]]:
    """Return the rows of each patient, patients in order of their keys.

    Example:
        >>> by_patient([])
        {}
    """
    groups: dict[str, list[VolumeRow]] = {}
    for row in rows:
        groups.setdefault(row.patient_key, []).append(row)
    return dict(sorted(groups.items()))


def patient_keys(rows: Iterable[VolumeRow]) -> list[str]:
    """Return the distinct patient keys, sorted."""
    return sorted({row.patient_key for row in rows})


def patient_numbers(rows: Sequence[VolumeRow]) -> Mapping[str, int]:
    """Return a whole number for each patient key, the same for the same set of patients.

    Losses compare patients by number, since tensors hold no text.
    """
    return {key: number for number, key in enumerate(patient_keys(rows))}


def _is_large_enough(
    row: VolumeRow, min_shape: tuple[int, int, int], min_extent_mm: tuple[float, float, float]
) -> bool:
    extents = [count * step for count, step in zip(row.shape, row.spacing_mm, strict=True)]
    return all(
        count >= fewest and extent >= shortest
        for count, fewest, extent, shortest in zip(
            row.shape, min_shape, extents, min_extent_mm, strict=True
        )
    )
