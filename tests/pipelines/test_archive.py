"""The archive is real DICOM, complete, flawed where it says so, and the same for the same seed."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from medcl.errors import InputError
from medcl.io.refusal import ReasonCode
from pipelines.synthetic_hospital import write_hospital
from pipelines.synthetic_hospital.anatomy import draw_anatomy
from pipelines.synthetic_hospital.archive import draw_labels, image, plan
from pipelines.synthetic_hospital.headers import draw_person, series_header, uid
from pipelines.synthetic_hospital.slices import cut, save, write_series

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def files_of(archive: Path) -> list[Path]:
    return sorted(path for path in archive.rglob("*") if path.is_symlink() or path.is_file())


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in files_of(folder):
        total.update(str(path.relative_to(folder)).encode())
        total.update(str(path.readlink()).encode() if path.is_symlink() else path.read_bytes())
    return total.hexdigest()


def one_series(plane):
    for patient, label in enumerate(draw_labels(patients=20, seed=5)):
        anatomy = draw_anatomy(seed=5, patient=patient, joined=bool(label))
        for each in plan(anatomy, seed=5, patient=patient):
            if each.plane == plane:
                return each
    raise AssertionError(plane)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_simpleitk_reads_the_voxels_and_places_that_were_rendered(plane, hospital):
    planned = one_series(plane)
    volume, _ = image(planned)
    wanted = uid(*planned.words, "series")
    candidates = hospital.archive.glob(f"*_{planned.visit.person.mrn}/*/**/*")
    paths = [path for path in candidates if path.is_file() and not path.is_symlink()]
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in paths]
    own = [
        (int(header.InstanceNumber), str(path))
        for header, path in zip(headers, paths, strict=True)
        if header.SeriesInstanceUID == wanted
    ]
    read = sitk.ReadImage([path for _, path in sorted(own)])
    assert read.GetSize() == volume.shape
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read).transpose(2, 1, 0), volume.array[0])
    corner = read.TransformIndexToPhysicalPoint((0, 0, 0))
    far = read.TransformIndexToPhysicalPoint((3, 5, 7))
    near = LPS @ volume.affine
    np.testing.assert_allclose(corner, near[:3, 3], atol=1e-3)
    np.testing.assert_allclose(far, (near @ [3, 5, 7, 1])[:3], atol=1e-3)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("implicit", [False, True])
def test_voxels_survive_writing_bit_for_bit(plane, number, implicit, tmp_path):
    planned = one_series(plane)
    volume, contrast = image(planned)
    header = series_header(planned.visit, number=number, kernel="soft", contrast=contrast)
    paths = [tmp_path / f"{index}.dcm" for index in range(volume.shape[2])]
    write_series(volume, header, paths, series_uid=uid("any"), implicit=implicit)
    read = sitk.GetArrayFromImage(sitk.ReadImage([str(path) for path in paths]))
    np.testing.assert_array_equal(read.transpose(2, 1, 0), volume.array[0])
    slow = [tmp_path / f"slow-{index}.dcm" for index in range(volume.shape[2])]
    save(cut(volume, header, series_uid=uid("any")), slow, implicit=implicit)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in slow]


def test_the_same_seed_gives_the_same_bytes(hospital, tmp_path):
    again = write_hospital(tmp_path, patients=20, seed=5)
    assert digest(again.archive) == digest(hospital.archive)
    assert again.labels_csv.read_bytes() == hospital.labels_csv.read_bytes()


def test_another_seed_gives_other_patients():
    assert draw_person(seed=1, patient=0) != draw_person(seed=2, patient=0)
    assert draw_anatomy(seed=1, patient=0, joined=True).size != (
        draw_anatomy(seed=2, patient=0, joined=True).size
    )


def test_every_file_is_counted(hospital):
    assert len(files_of(hospital.archive)) == hospital.num_files


def test_every_flaw_has_a_known_reason_code(hospital):
    assert set(hospital.refusals) <= set(ReasonCode)
    assert {
        "LOCALIZER", "MISSING_SLICES", "DUPLICATE_SLICES", "PIXEL_TRUNCATED", "NOT_IMAGE",
        "SECONDARY_CAPTURE", "COLOUR", "TOO_FEW_SLICES", "MIXED_ORIENTATION", "LINK_NOT_FOLLOWED",
    } <= set(hospital.refusals)  # fmt: skip


def test_every_patient_keeps_a_good_series(hospital):
    found = {path.name.rsplit("_", 1)[1] for path in hospital.archive.glob("*_SYN*")}
    assert len(found) == hospital.patients == 20
    assert hospital.num_series >= 20


def test_labels_name_every_patient_once_and_are_balanced(hospital):
    with hospital.labels_csv.open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["patient_id"] for row in rows}) == 20
    assert sum(int(row["label"]) for row in rows) == 9
    assert sum(draw_labels(patients=200, seed=3)) == 90


def test_record_numbers_never_repeat():
    numbers = {draw_person(seed=5, patient=patient).mrn for patient in range(3000)}
    assert len(numbers) == 3000


def test_file_names_do_not_give_the_order_of_slices(hospital):
    for folder in hospital.archive.glob("*/*/SER00000"):
        paths = sorted(folder.iterdir())
        numbers = [int(pydicom.dcmread(path).InstanceNumber) for path in paths]
        assert sorted(numbers) == list(range(1, len(paths) + 1))
        assert numbers != sorted(numbers)


def test_headers_carry_phi_in_nested_and_private_elements(hospital):
    study = next(hospital.archive.glob("*_SYN*/*"))
    one = pydicom.dcmread(next(path for path in study.rglob("*") if path.is_file()))
    assert one.PatientID.startswith("SYN")
    assert one.PatientID in one.RequestAttributesSequence[0].ScheduledProcedureStepDescription
    assert one.PatientID in one.private_block(0x0009, "NOWHERE PACS 1.0")[0x01].value


def test_a_hospital_is_never_written_over_another(hospital):
    with pytest.raises(InputError, match="holds an archive"):
        write_hospital(hospital.archive.parent, patients=20, seed=5)


def test_fewer_patients_than_flaws_are_refused(tmp_path):
    with pytest.raises(InputError, match="between 20 and 99999"):
        write_hospital(tmp_path, patients=8, seed=5)


def test_labels_name_patients_as_the_headers_do(hospital):
    with hospital.labels_csv.open() as file:
        labelled = {(row["issuer"], row["patient_id"]) for row in csv.DictReader(file)}
    found = set()
    for study in hospital.archive.glob("*_SYN*/*"):
        one = pydicom.dcmread(next(path for path in study.rglob("*") if path.is_file()))
        found.add((one.IssuerOfPatientID, one.PatientID))
    assert found == labelled
