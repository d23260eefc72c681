"""Refusals as rows, and the count of everything."""

import hashlib
import re
from collections.abc import Iterable

from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.store.columns import Cell, unseal
from medcl.store.rows import RefusalRow, Tally, VolumeRow, require_key, require_mark

# A sentence of geometry and counts needs no more than these signs; a path, a UID, a date or a
# DICOM name does.
_PLAIN = re.compile(r"[\w .,;:()%+°/=<>'-]{0,300}")
_TELLTALE = re.compile(r"\d+\.\d+\.\d|\d{7}|\d-\d\d-|\d:\d\d|\w/\w")

FORGOTTEN_DETAIL = "The patient was taken out of the store and is kept out."


def checked(refused: Refused) -> RefusalRow:
    """Return a refusal as its row, without its detail where that might be more than a measure.

    Args:
        refused: Outcome of ingest.

    Returns:
        The row.

    Raises:
        InputError: Its key or fingerprint is none that the store may hold.

    Example:
        >>> row = checked(
        ...     Refused(
        ...         key="0" * 32,
        ...         code=ReasonCode.MISSING_SLICES,
        ...         detail="/home/x/Doe^Jane/1.2.840.1",
        ...         num_files=3,
        ...         fingerprint="f",
        ...     )
        ... )
        >>> row.detail
        ''
    """
    require_key(refused.key, "A refusal's key")
    require_mark(refused.fingerprint)
    plain = _PLAIN.fullmatch(refused.detail) and not _TELLTALE.search(refused.detail)
    return RefusalRow(
        key=refused.key,
        code=ReasonCode(refused.code),
        detail=refused.detail if plain else "",
        num_files=int(refused.num_files),
        fingerprint=refused.fingerprint,
    )


def displaced_key(key: str, fingerprint: str) -> str:
    """Return the key under which a refusal stands whose own key belongs to a stored volume.

    Example:
        >>> displaced_key("0" * 32, "f") != displaced_key("0" * 32, "g")
        True
    """
    return hashlib.sha256(f"displaced:{key}:{fingerprint}".encode()).hexdigest()[:32]


def changed_content(*, key: str, num_files: int, fingerprint: str) -> RefusalRow:
    """Return the refusal of a series whose content is not what the store holds under its key."""
    return RefusalRow(
        key=displaced_key(key, fingerprint),
        code=ReasonCode.CHANGED_CONTENT,
        detail="The store holds other voxels or another grid under this key and keeps them.",
        num_files=int(num_files),
        fingerprint=fingerprint,
    )


def duplicate(row: VolumeRow, twin: VolumeRow, *, other_label: bool) -> RefusalRow:
    """Return the refusal of a volume whose content the store holds under another key.

    Args:
        row: The volume that came later.
        twin: The one that is stored.
        other_label: Whether the later one came with a label that contradicts the stored one's.

    Returns:
        Its row, which names the stored volume.
    """
    whose = "the same patient" if row.patient_key == twin.patient_key else "another patient"
    contradiction = " It came with another label." if other_label else ""
    return RefusalRow(
        key=row.key,
        code=ReasonCode.DUPLICATE_VOLUME,
        detail=f"The store holds the same voxels and grid, of {whose}.{contradiction}",
        num_files=row.num_files,
        fingerprint=row.fingerprint,
        duplicate_of=twin.key,
    )


def forgotten(row: VolumeRow) -> RefusalRow:
    """Return the refusal of a volume that is kept out."""
    return RefusalRow(
        key=row.key,
        code=ReasonCode.FORGOTTEN,
        detail=FORGOTTEN_DETAIL,
        num_files=row.num_files,
        fingerprint=row.fingerprint,
    )


def row_of(cells: tuple[Cell, ...]) -> RefusalRow:
    """Return the row that sealed cells spell out."""
    key, code, detail, num_files, fingerprint, twin = unseal(cells, "refusals")
    return RefusalRow(
        key=str(key),
        code=ReasonCode(str(code)),
        detail=str(detail),
        num_files=int(num_files or 0),
        fingerprint=str(fingerprint),
        duplicate_of=None if twin is None else str(twin),
    )


def tally(rows: Iterable[RefusalRow]) -> dict[ReasonCode, Tally]:
    """Return how many series and files each reason turned away, by code in alphabetical order."""
    found: dict[ReasonCode, Tally] = {}
    for row in rows:
        series, files = found.get(row.code, (0, 0))
        found[row.code] = Tally(series + 1, files + row.num_files)
    return dict(sorted(found.items()))
