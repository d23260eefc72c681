"""Tables in which a hospital names patients, studies, series or files as it knows them.

The names are turned into keys with the site's secret right here; none of them is kept, and no
sentence repeats one.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from medcl.errors import InputError
from medcl.ingest.identity import Keyring
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

FileKey = Callable[[str], str]
"""From the path of a file below the ingested folder to its key."""

Line = Mapping[str, str]
"""One line of a table by its headings."""

_SUBJECTS = ("key", "patient_id", "study_uid", "file")
_LARGEST_TABLE_BYTES = 64 * 2**20
_MOST_LINES_NAMED = 20


def read_lines(table: Path) -> list[Line]:
    """Return the lines of a CSV file below its heading.

    Raises:
        InputError: It is too large, or no UTF-8 text.
    """
    if table.stat().st_size > _LARGEST_TABLE_BYTES:
        raise InputError(f"A table must be below {_LARGEST_TABLE_BYTES >> 20} MiB.")
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("A table must be UTF-8 text; this file is not.") from None
    return list(csv.DictReader(io.StringIO(text)))


def subject_of(line: Line) -> str:
    """Return which column names what the lines are about: key, patient_id, study_uid or file.

    Raises:
        InputError: There is none of them, or more than one.
    """
    found = [column for column in _SUBJECTS if column in line]
    if len(found) != 1:
        raise InputError(
            f"A table must have exactly one of the columns {', '.join(_SUBJECTS)}; "
            f"it has {len(found)}."
        )
    return found[0]


def patient_key(line: Line, keyring: Keyring) -> str:
    """Return the key of the patient whom a line names by ``patient_id``, and ``issuer`` if any."""
    return keyring.patient_key(line.get("issuer") or "", (line.get("patient_id") or "").strip())


def finder(
    subject: str, store: Store, keyring: Keyring, file_key: FileKey
) -> Callable[[Line], Sequence[VolumeRow]]:
    """Return a function from a line of a table to the volumes it is about.

    Args:
        subject: Column that names them, from `subject_of`.
        store: That holds the volumes.
        keyring: The site's keys.
        file_key: Of the files that the table may name.
    """
    by: dict[str, list[VolumeRow]] = defaultdict(list)
    for row in store.rows():
        owner = {"patient_id": row.patient_key, "study_uid": row.study_key}.get(subject, row.key)
        by[owner].append(row)

    def find(line: Line) -> Sequence[VolumeRow]:
        text = (line.get(subject) or "").strip()
        match subject:
            case "patient_id":
                return by.get(patient_key(line, keyring), [])
            case "study_uid":
                return by.get(keyring.study_key(text), [])
            case "file":
                return by.get(file_key(text), [])
        return by.get(text, [])

    return find


def lines_named(numbers: Sequence[int]) -> str:
    """Return where to look, without what stands there.

    Example:
        >>> lines_named([4]), lines_named([4, 9])
        ('line 4', 'lines 4, 9')
    """
    named = ", ".join(map(str, numbers[:_MOST_LINES_NAMED]))
    more = len(numbers) - _MOST_LINES_NAMED
    return f"line{'s' if len(numbers) > 1 else ''} {named}{f' and {more} more' if more > 0 else ''}"
