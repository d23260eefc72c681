"""The archive: patients, studies, series and flaws as files, and the list of labels beside it."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from medcl.errors import InputError
from medcl.runtime.files import atomic_path
from medcl.runtime.seeds import generator
from medcl.volume import Volume
from pipelines.synthetic_hospital.acquisition import draw_pose, draw_scan, render
from pipelines.synthetic_hospital.anatomy import Anatomy, draw_anatomy
from pipelines.synthetic_hospital.flaws import SERIES_FLAWS, Flaw, truncate, write_strays
from pipelines.synthetic_hospital.headers import (
    ISSUER,
    Visit,
    draw_person,
    draw_visit,
    series_header,
    uid,
)
from pipelines.synthetic_hospital.slices import cut, save, write_series

PREVALENCE = 0.45
_PLANES = ("axial",) * 8 + ("coronal", "sagittal")


@dataclass(frozen=True)
class HospitalSummary:
    """What was written.

    Attributes:
        archive: The folder with the DICOM files and their flaws.
        labels_csv: ``issuer,patient_id,label``: a hospital's list, with its own numbers.
        patients: Patients with at least one good series.
        series: Good series by plane and kernel, such as ``axial soft``.
        num_files: Everything in the archive that is no folder.
        flaws: Everything that must be refused: what, reason code, files.
    """

    archive: Path
    labels_csv: Path
    patients: int
    series: Mapping[str, int]
    num_files: int
    flaws: tuple[Flaw, ...]

    @property
    def num_series(self) -> int:
        """Good series in all."""
        return sum(self.series.values())

    @property
    def refusals(self) -> Mapping[str, int]:
        """Refusals that must be reported, by reason code."""
        return Counter(flaw.code for flaw in self.flaws)


@dataclass(frozen=True)
class PlannedSeries:
    """One good series before it is taken.

    Attributes:
        visit: Its study.
        anatomy: Who is scanned.
        words: Its address: seed, patient, study, series.
        acquisition: Number of the series whose rays it was reconstructed from, maybe its own.
        plane: axial, coronal or sagittal.
        kernel: soft or sharp.
    """

    visit: Visit
    anatomy: Anatomy
    words: tuple[int, int, int, int]
    acquisition: int
    plane: str
    kernel: str


def draw_labels(*, patients: int, seed: int) -> list[int]:
    """Return 1 for joined kidneys, 0 for two, at a fixed share of 45 %.

    Args:
        patients: How many.
        seed: Of the hospital.

    Returns:
        One label per patient.

    Example:
        >>> sum(draw_labels(patients=100, seed=1))
        45
    """
    labels = np.arange(patients) < round(PREVALENCE * patients)
    return [int(label) for label in generator(seed, "labels").permutation(labels)]


def write_hospital(folder: Path, *, patients: int, seed: int) -> HospitalSummary:
    """Write a hospital: the same bytes for the same seed.

    About 2.3 series per patient in one or two studies, soft and sharp kernels, native and contrast,
    mostly axial; and one of each flaw, among the good series of some patients.

    Args:
        folder: Where ``archive/`` and ``labels.csv`` are made; neither may exist.
        patients: How many, from 20 (one per flaw) to 99,999.
        seed: Of all chance.

    Returns:
        What was written and what ingest must refuse.

    Raises:
        InputError: Too few or too many patients, or an archive is there already.
    """
    archive, labels_csv = folder / "archive", folder / "labels.csv"
    if not 20 <= patients < 100_000:
        raise InputError(f"patients must lie between 20 and 99999, got {patients}.")
    if archive.exists() or labels_csv.exists():
        raise InputError("The folder holds an archive or its labels already; choose an empty one.")
    archive.mkdir(parents=True)
    labels = draw_labels(patients=patients, seed=seed)
    kinds: Counter[str] = Counter()
    num_files, flaws = 0, []
    for patient, label in enumerate(labels):
        anatomy = draw_anatomy(seed=seed, patient=patient, joined=bool(label))
        for one in plan(anatomy, seed=seed, patient=patient):
            paths = _write_good(archive, one)
            kinds[f"{one.plane} {one.kernel}"] += 1
            num_files += len(paths)
        flaws += _write_flaws(archive, anatomy, seed=seed, patient=patient)
    flaws += write_strays(archive / "CD_EXPORT", target=next(_folders(archive)))
    _write_labels(labels_csv, labels, seed=seed)
    return HospitalSummary(
        archive=archive,
        labels_csv=labels_csv,
        patients=patients,
        series=dict(sorted(kinds.items())),
        num_files=num_files + sum(flaw.num_files for flaw in flaws),
        flaws=tuple(flaws),
    )


def _folders(archive: Path) -> Iterator[Path]:
    return iter(sorted(path for path in archive.iterdir() if path.is_dir()))


def plan(anatomy: Anatomy, *, seed: int, patient: int) -> Iterator[PlannedSeries]:
    """Give the good series of a patient, in the order they are taken.

    Args:
        anatomy: The patient.
        seed: Of the hospital.
        patient: Number of the patient.

    Yields:
        One to six series in one or two studies.
    """
    rng = generator(seed, "plan", patient)
    person = draw_person(seed=seed, patient=patient)
    for study in range(1 if rng.random() < 0.8 else 2):
        visit = draw_visit(person, seed=seed, patient=patient, study=study)
        for series in range(int(rng.choice([1, 2, 3], p=[0.2, 0.6, 0.2]))):
            yield PlannedSeries(
                visit=visit,
                anatomy=anatomy,
                words=(seed, patient, study, series),
                acquisition=int(rng.integers(0, series + 1)),
                plane=str(rng.choice(_PLANES)),
                kernel=("soft", "sharp")[series % 2],
            )


def image(one: PlannedSeries) -> tuple[Volume, bool]:
    """Return the voxels of a planned series, and whether contrast agent was given."""
    seed, patient, study, _ = one.words
    scan = draw_scan(
        one.anatomy,
        words=one.words,
        acquisition=(seed, patient, study, one.acquisition),
        pose=draw_pose(generator(seed, patient, study, "pose")),
        plane=one.plane,
        kernel=one.kernel,
    )
    return render(one.anatomy, scan), scan.contrast


def _header(one: PlannedSeries, *, contrast: bool) -> Dataset:
    return series_header(one.visit, number=one.words[3] + 1, kernel=one.kernel, contrast=contrast)


def _study_folder(archive: Path, visit: Visit) -> Path:
    person = f"{visit.person.name.replace('^', '_')}_{visit.person.mrn}"
    return archive / person / f"{visit.day:%Y%m%d}_{visit.accession}"


def _paths(archive: Path, one: PlannedSeries, count: int) -> list[Path]:
    """Return file names that say nothing about the order of slices, in one of three styles."""
    rng = generator(*one.words, "names")
    study = _study_folder(archive, one.visit)
    order = rng.permutation(count)
    style = int(rng.integers(3))
    if style == 0:
        return [study / f"SER{one.words[3]:05d}" / f"IM{place:05d}.dcm" for place in order]
    if style == 1:
        return [study / f"I{one.words[3]:03d}{place:04d}" for place in order]
    return [study / "DICOM" / f"{rng.bytes(8).hex().upper()}" for _ in order]


def _write_good(archive: Path, one: PlannedSeries) -> list[Path]:
    volume, contrast = image(one)
    paths = _paths(archive, one, volume.shape[2])
    write_series(
        volume,
        _header(one, contrast=contrast),
        paths,
        series_uid=uid(*one.words, "series"),
        implicit=one.words[3] == 2,
    )
    return paths


def _write_flaws(archive: Path, anatomy: Anatomy, *, seed: int, patient: int) -> list[Flaw]:
    if patient > len(SERIES_FLAWS):
        return []
    person = draw_person(seed=seed, patient=patient)
    one = PlannedSeries(
        visit=draw_visit(person, seed=seed, patient=patient, study=0),
        anatomy=anatomy,
        words=(seed, patient, 0, 9),
        acquisition=9,
        plane="axial",
        kernel="soft",
    )
    volume, contrast = image(one)
    slices = cut(volume, _header(one, contrast=contrast), series_uid=uid(*one.words, "series"))
    folder = _study_folder(archive, one.visit) / "SER00009"
    if patient == len(SERIES_FLAWS):
        paths = [folder / f"IM{place:05d}.dcm" for place in range(len(slices))]
        save(slices, paths)
        return [truncate(paths)]
    broken, code = SERIES_FLAWS[patient]
    bad = broken(slices)
    save(bad, [folder / f"IM{place:05d}.dcm" for place in range(len(bad))])
    return [Flaw(broken.__name__.replace("_", " "), code, len(bad))]


def _write_labels(target: Path, labels: list[int], *, seed: int) -> None:
    with atomic_path(target) as path, path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["issuer", "patient_id", "label"])
        for patient, label in enumerate(labels):
            rows.writerow([ISSUER, draw_person(seed=seed, patient=patient).mrn, label])
