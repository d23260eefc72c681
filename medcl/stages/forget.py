"""`medcl store forget`: take patients out of a store for good, and keep them out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.encoders.delivery import LEDGER
from medcl.errors import InputError, RequestError
from medcl.ingest.identity import Keyring
from medcl.stages.name_tables import finder, lines_named, patient_key, read_lines, subject_of
from medcl.stages.summary import StageSummary, Table
from medcl.store.forgetting import Held
from medcl.store.ledger import Ledger
from medcl.store.rows import require_key
from medcl.store.store import Store


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Who is meant, and how.

    Attributes:
        patient_keys: Keys of patients, see `medcl store list`.
        table: CSV file in which the site names patients as it knows them; ``None`` for none.
        key_file: The site's secret, which turns the names of the table into keys.
        is_undone: Whether they come in again instead.
    """

    patient_keys: Sequence[str] = ()
    table: Path | None = None
    key_file: Path | None = None
    is_undone: bool = False


def run(
    folder: Path, withdrawal: Withdrawal, *, is_meant: bool, runs: Path | None = None
) -> StageSummary:
    """Say what a store holds of patients, and remove it if that is meant.

    Args:
        folder: Of a store.
        withdrawal: Who is meant.
        is_meant: Whether it shall be done; else it is only said what would be.
        runs: Folder of runs whose encoders are asked whether they have seen the patients.

    Returns:
        What was removed, or would be.

    Raises:
        RequestError: Nobody is named.
        InputError: A key is none, or a line of the table is about nothing in the store.
        PrivacyError: The secret is missing or not the one of the store.
    """
    keyring = None if withdrawal.table is None else _keyring(withdrawal.key_file)
    fingerprint = None if keyring is None else keyring.fingerprint
    with Store.open(folder, key_fingerprint=fingerprint) as store:
        if is_meant:
            # What an interrupted call left is removed before anything is asked.
            store.tidy()
        people = {require_key(key, "A patient key") for key in withdrawal.patient_keys}
        if withdrawal.table is not None and keyring is not None:
            people |= set(_named(withdrawal.table, store, keyring))
        if not people:
            raise RequestError("Name at least one patient, by key or in a table (--patients).")
        if withdrawal.is_undone:
            return _readmitted(store, people, is_meant=is_meant)
        seen = [] if runs is None else list(_encoders(runs, people, store.key_fingerprint))
        held = store.forget(people) if is_meant else store.held_of(people)
    return _summary(held, people, seen, folder, is_meant=is_meant, is_searched=runs is not None)


def _keyring(key_file: Path | None) -> Keyring:
    if key_file is None:
        raise RequestError("A table of patients needs the site's secret (--key-file).")
    return Keyring.from_file(key_file)


def _named(table: Path, store: Store, keyring: Keyring) -> Iterator[str]:
    """Yield the keys of the patients that a table names.

    Raises:
        InputError: It cannot be read, or a line names a volume, study or file that is not there.
    """
    if not table.is_file():
        raise InputError("The table of patients is not there.")
    lines = read_lines(table)
    if not lines:
        raise InputError("A table of patients needs a heading and at least one line.")
    subject = subject_of(lines[0])
    volumes_of = finder(subject, store, keyring, keyring.file_key)
    unknown: list[int] = []
    for number, line in enumerate(lines, start=2):
        if not (line.get(subject) or "").strip():
            raise InputError(f"Line {number} names nobody.")
        if subject == "patient_id":
            yield patient_key(line, keyring)
            continue
        found = {row.patient_key for row in volumes_of(line)}
        yield from found
        if not found:
            unknown.append(number)
    if unknown:
        raise InputError(
            f"Every line must be about a volume of the store; {len(unknown)} of {len(lines)} lines "
            f"are not (column {subject}, {lines_named(unknown)}): removed before, never taken in, "
            f"or misspelt. Nobody was removed."
        )


def _readmitted(store: Store, people: Collection[str], *, is_meant: bool) -> StageSummary:
    known = store.readmit(people) if is_meant else store.held_of(people).num_forgotten
    done = "come in again with the next ingest" if is_meant else "would come in again (--yes)"
    return StageSummary(
        stage="store forget",
        figures={"patients": len(people), "patients_readmitted": known if is_meant else 0},
        notes=[f"{known} of {len(people)} patients were kept out; they {done}."],
    )


def _encoders(
    runs: Path, people: Collection[str], key_fingerprint: str
) -> Iterator[tuple[Path, int]]:
    """Yield the folder of each encoder that has seen some of the patients, and how many.

    Raises:
        InputError: There is no such folder, or a ledger in it cannot be read.
    """
    if not runs.is_dir():
        raise InputError("The folder of runs (--runs) is not there.")
    for path in sorted(runs.rglob(LEDGER)):
        try:
            ledger = Ledger.from_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, InputError):
            raise InputError(f"A ledger below --runs cannot be read: {path.parent}.") from None
        seen = ledger.overlap(people) if ledger.key_fingerprint == key_fingerprint else 0
        if seen:
            yield path.parent, seen


def _summary(
    held: Held,
    people: Collection[str],
    seen: Sequence[tuple[Path, int]],
    folder: Path,
    *,
    is_meant: bool,
    is_searched: bool,
) -> StageSummary:
    rows = [
        ("patients named", len(people)),
        ("… who have volumes here", held.num_patients),
        ("… kept out before", held.num_forgotten),
        ("volumes", len(held.volumes)),
        ("classes of them", held.num_labels),
        ("label maps of them", held.num_label_maps),
        ("refused copies of them", len(held.refusals)),
    ]
    tables = [Table(("removed" if is_meant else "would be removed", "number"), rows)]
    if seen:
        title = "Encoders that have seen them; weights can remember"
        cells = [(str(path), number) for path, number in seen]
        tables.append(Table(("encoder", "patients"), cells, title=title))
    return StageSummary(
        stage="store forget",
        figures={
            "is_done": is_meant,
            "patients": len(people),
            "patients_with_volumes": held.num_patients,
            "patients_kept_out_before": held.num_forgotten,
            "volumes": len(held.volumes),
            "labels": held.num_labels,
            "label_maps": held.num_label_maps,
            "refused_copies": len(held.refusals),
            "encoders_that_saw_them": len(seen) if is_searched else None,
        },
        tables=tables,
        notes=list(_notes(held, is_meant=is_meant, is_searched=is_searched)),
        next_command=f"medcl store verify {folder}" if is_meant else None,
    )


def _notes(held: Held, *, is_meant: bool, is_searched: bool) -> Iterator[str]:
    if held.num_unknown:
        yield (
            f"{held.num_unknown} of the patients have no volume here: if that surprises, see "
            "whether the ID is written as in the headers and its issuer given. They "
            f"{'are' if is_meant else 'would be'} kept out all the same."
        )
    if held.twin_patients:
        yield (
            "The same voxels are stored under other patients too: "
            f"{', '.join(held.twin_patients)}. If it is the same person, forget those as well."
        )
    if not is_meant:
        yield "Nothing was removed: this is what would be. Give the command again with --yes."
        return
    yield "The next ingest refuses their scans (FORGOTTEN) and reads none of them."
    yield (
        "Runs, audit pages, exports and tables of features made before are not touched, and files "
        "are unlinked, not overwritten: think of backups, too."
        + ("" if is_searched else " --runs FOLDER names the encoders that have seen them.")
    )
