"""What one call of `medcl ingest` settled, and what of it people should be told."""

from collections.abc import Iterator
from dataclasses import dataclass

from medcl.ingest.jobs import Job
from medcl.ingest.outcome import Refused
from medcl.io.refusal import ReasonCode
from medcl.store.rows import Counts


@dataclass(slots=True)
class Tally:
    """What was settled so far.

    Attributes:
        accounted: Files that have an outcome.
        refused: Series and files refused.
        before: Series and files settled by an earlier call.
        named: Files whose patient the site's pattern names.
        unnamed: Files whose patient nobody names.
        modality_unknown: Files refused because nobody says what they are.
    """

    accounted: int = 0
    refused: int = 0
    before: int = 0
    named: int = 0
    unnamed: int = 0
    modality_unknown: int = 0

    def count_job(self, job: Job) -> None:
        """Count what is going to be read, or was before."""
        self.accounted += job.num_files
        self.named += job.num_files * (job.patient_from == "pattern")
        self.unnamed += job.num_files * (job.patient_from == "nobody")

    def count_refused(self, refused: Refused) -> None:
        """Count what was turned away without reading its pixels."""
        self.accounted += refused.num_files
        self.refused += 1
        self.modality_unknown += refused.code == ReasonCode.MODALITY_UNKNOWN


def notes(tally: Tally, counts: Counts, *, has_pattern: bool) -> Iterator[str]:
    """Yield what should not be overlooked, in sentences.

    Args:
        tally: Of the call.
        counts: Of the store.
        has_pattern: Whether the site gave a pattern that names patients.

    Yields:
        Sentences.
    """
    if counts.discovered.files != tally.accounted:
        yield (
            f"Files that this call found: {tally.accounted}, each accepted or refused; the table "
            f"counts the {counts.discovered.files} that all calls on this store found."
        )
    if tally.before:
        yield f"{tally.before} series and files were settled before and left alone."
    if tally.modality_unknown:
        yield (
            f"{tally.modality_unknown} files were refused because it is not clear whether they are "
            f"CT, MR or PET: give --modality, or correct their JSON files."
        )
    if tally.unnamed:
        yield _unnamed(tally, has_pattern=has_pattern)


def _unnamed(tally: Tally, *, has_pattern: bool) -> str:
    danger = (
        "each counts as a patient of its own, so that scans of one patient may be trained on and "
        "tested on"
    )
    if not has_pattern:
        return (
            f"{tally.unnamed} files do not say whose they are; {danger}. Unless each is another "
            f"patient, name the patients by --patient-pattern in a new store."
        )
    every = tally.named + tally.unnamed
    return (
        f"--patient-pattern names the patient of {tally.named} of {every} files without a header; "
        f"of the other {tally.unnamed}, {danger}. Correct the pattern and ingest into a new store."
    )
