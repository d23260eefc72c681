"""Planes of one DICOM series → jobs and refusals, every file accounted for once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from medcl.ingest.archive_index import IndexedPlane
from medcl.ingest.discovery import FoundFile
from medcl.ingest.grouping import Stack, stacks_of
from medcl.ingest.identity import Keyring, is_junk_id
from medcl.ingest.jobs import Job, Plane, fingerprint
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.io.dicom.checks import check_slice
from medcl.io.dicom.classes import ENHANCED_CLASSES
from medcl.io.dicom.geometry import stack_slices
from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.refusal import ReasonCode, RefusedSeries


def plan_series(
    planes: Sequence[IndexedPlane], keyring: Keyring, options: IngestOptions
) -> Iterator[Job | Refused]:
    """Yield what becomes of one series.

    Where one series UID mixes several things, such as a localizer, other image types or kernels,
    these are parted first; then time points, echoes and the like, see `stacks_of`. A file that
    ends too early stays with its series, which is then refused whole: the rest would be a shorter
    body.

    Args:
        planes: All planes of a series with their files.
        keyring: The site's keys.
        options: What the site decided.

    Yields:
        A job for each stack that may be read, a refusal for everything else.
    """
    ledger = _FileLedger()
    groups: dict[tuple[str, ...], list[Plane]] = {}
    cut: list[tuple[tuple[str, ...], Plane]] = []
    for found, header in planes:
        plane, words = Plane(found=found, header=header), _hard_words(found.folder, header)
        if header.is_whole and not header.is_too_deep:
            groups.setdefault(words, []).append(plane)
        else:
            cut.append((words, plane))
    for words, plane in cut:
        fitting = [known for known in groups if _may_be_of(words, known)]
        for known in fitting or [words]:
            groups.setdefault(known, []).append(plane)
    for words, members in groups.items():
        yield from _plan_group(words, members, keyring, options, ledger)


def _may_be_of(words: tuple[str, ...], known: tuple[str, ...]) -> bool:
    """Return whether a file that is cut may belong to a group: what it still says agrees."""
    return all(word in {"", other} for word, other in zip(words[:-1], known[:-1], strict=True))


class _FileLedger:
    """Counts each file for the first outcome that holds a plane of it."""

    def __init__(self) -> None:
        self._counted: set[str] = set()

    def count(self, planes: Sequence[Plane]) -> int:
        """Return how many files of these planes were not counted before."""
        fresh = {str(plane.found.path) for plane in planes} - self._counted
        self._counted |= fresh
        return len(fresh)


@dataclass(frozen=True, slots=True, repr=False)
class _Group:
    """Planes that agree in all hard words."""

    words: tuple[str, ...]
    planes: tuple[Plane, ...]
    overlooked: tuple[str, ...]


def _hard_words(folder: str, header: SliceHeader) -> tuple[str, ...]:
    refusal = check_slice(header)
    num_words = 4 if header.modality == "MR" else 3
    return (
        header.series_uid,
        "" if header.series_uid else folder,
        header.issuer,
        header.patient_id,
        header.study_uid,
        header.sop_class,
        header.frame_of_reference,
        header.kernel,
        "\\".join(header.image_type[:num_words]),
        "" if refusal is None else refusal.code,
    )


def _plan_group(
    words: tuple[str, ...],
    planes: Sequence[Plane],
    keyring: Keyring,
    options: IngestOptions,
    ledger: _FileLedger,
) -> Iterator[Job | Refused]:
    overlooked = tuple(sorted(options.accept & {words[-1]}))
    refusal = _refusal_of([plane.header for plane in planes], options.accept)
    if refusal is not None:
        yield Refused(
            key=keyring.series_key(*words),
            code=refusal.code,
            detail=refusal.detail,
            num_files=ledger.count(planes),
            fingerprint=fingerprint(_files(planes), keyring, *overlooked),
        )
        return
    kept, copies = _without_copies(planes, options)
    stacks = stacks_of(
        [plane.header for plane in kept],
        by_orientation=ReasonCode.MIXED_ORIENTATION in options.accept,
        by_size=ReasonCode.MIXED_SIZE in options.accept,
    )
    group = _Group(words, tuple(kept), overlooked)
    for stack in stacks:
        yield _stack_job(group, stack, copies, keyring, options, ledger)


def _refusal_of(
    headers: Sequence[SliceHeader], accept: frozenset[ReasonCode]
) -> RefusedSeries | None:
    refusals = [refusal for header in headers if (refusal := check_slice(header, accept=accept))]
    if not refusals:
        return None
    detail = refusals[0].detail
    if len(refusals) < len(headers):
        is_enhanced = headers[0].sop_class in ENHANCED_CLASSES
        unit = "frames" if is_enhanced else "files"
        detail = f"{len(refusals)} of {len(headers)} {unit}: {detail}"
    return RefusedSeries(refusals[0].code, detail)


def _without_copies(
    planes: Sequence[Plane], options: IngestOptions
) -> tuple[list[Plane], list[tuple[int, Plane]]]:
    """Return the planes without further files of an instance, and these with what they repeat."""
    if ReasonCode.DUPLICATE_SLICES not in options.accept:
        return list(planes), []
    kept: list[Plane] = []
    copies: list[tuple[int, Plane]] = []
    known: dict[tuple[str, int], int] = {}
    for plane in planes:
        address = (plane.header.instance_uid, plane.header.frame)
        original = known.get(address) if address[0] else None
        if original is not None and _placed(kept[original].header) == _placed(plane.header):
            copies.append((original, plane))
        else:
            known.setdefault(address, len(kept))
            kept.append(plane)
    return kept, copies


def _placed(header: SliceHeader) -> SliceHeader:
    return replace(header, pixels_at=0, pixel_bytes=0)


def _stack_job(
    group: _Group,
    stack: Stack,
    copies: Sequence[tuple[int, Plane]],
    keyring: Keyring,
    options: IngestOptions,
    ledger: _FileLedger,
) -> Job | Refused:
    planes = [group.planes[place] for place in stack.planes]
    number = {place: index for index, place in enumerate(stack.planes)}
    twins = tuple((number[place], twin) for place, twin in copies if place in number)
    everything = [*planes, *(twin for _, twin in twins)]
    key, num_files = keyring.series_key(*group.words, *stack.words), ledger.count(everything)
    deciding = [*group.overlooked, *options.deciding]
    header, folder = planes[0].header, planes[0].found.folder
    try:
        placed = stack_slices(
            [plane.header for plane in planes], may_tilt=options.series.tilt != "refuse"
        )
    except RefusedSeries as refusal:
        return Refused(
            key=key,
            code=refusal.code,
            detail=refusal.detail,
            num_files=num_files,
            fingerprint=fingerprint(_files(everything), keyring, *deciding),
        )
    if placed.tilt_degrees:
        deciding.append(options.series.tilt)
    if header.modality == "PT":
        deciding.append(options.series.pet_unit)
    return Job(
        kind="dicom",
        keys=(key,),
        patient_keys=(_patient_key(header, folder, keyring),),
        study_key=keyring.study_key(_study(header, folder)),
        series_key=keyring.series_key(header.series_uid or f"folder {folder}"),
        frame_key=keyring.frame_key(frame) if (frame := header.frame_of_reference) else None,
        fingerprint=fingerprint(_files(everything), keyring, *deciding),
        num_files=num_files,
        planes=tuple(planes),
        copies=twins,
        series=options.series,
        keep_demographics=options.keep_demographics,
        defacing=options.defacing,
    )


def _patient_key(header: SliceHeader, folder: str, keyring: Keyring) -> str:
    if is_junk_id(header.patient_id):
        return keyring.unnamed_patient_key(_study(header, folder))
    return keyring.patient_key(header.issuer, header.patient_id)


def _study(header: SliceHeader, folder: str) -> str:
    return header.study_uid or f"folder {folder}"


def _files(planes: Sequence[Plane]) -> list[FoundFile]:
    return list({plane.found.path: plane.found for plane in planes}.values())
