"""Each flaw is what it says and nothing else: the reader finds exactly its reason."""

from pathlib import Path

import pydicom
import pytest

from medcl.io.dicom.series import read_series
from medcl.io.refusal import RefusedSeries
from pipelines.synthetic_hospital.anatomy import draw_anatomy
from pipelines.synthetic_hospital.archive import image, plan
from pipelines.synthetic_hospital.flaws import SERIES_FLAWS, truncate
from pipelines.synthetic_hospital.headers import series_header, uid
from pipelines.synthetic_hospital.slices import cut, save


@pytest.fixture(scope="module")
def good():
    anatomy = draw_anatomy(seed=5, patient=0, joined=True)
    planned = next(each for each in plan(anatomy, seed=5, patient=0) if each.plane == "axial")
    volume, contrast = image(planned)
    header = series_header(planned.visit, number=1, kernel="soft", contrast=contrast)
    return cut(volume, header, series_uid=uid("flaws"))


def written(slices, folder: Path) -> list[Path]:
    paths = [folder / f"{index}.dcm" for index in range(len(slices))]
    save(slices, paths)
    return paths


@pytest.mark.parametrize(("broken", "code"), SERIES_FLAWS)
def test_the_reader_refuses_each_flaw_for_its_reason(broken, code, good, tmp_path):
    with pytest.raises(RefusedSeries) as refusal:
        read_series(written(broken(good), tmp_path))
    assert refusal.value.code == code


def test_breaking_a_series_leaves_the_good_one_whole(good, tmp_path):
    before = [path.read_bytes() for path in written(good, tmp_path / "before")]
    for broken, _ in SERIES_FLAWS:
        broken(good)
    assert [path.read_bytes() for path in written(good, tmp_path / "after")] == before
    assert read_series(sorted((tmp_path / "after").iterdir())).volume.unit == "HU"


def test_a_truncated_file_breaks_its_series(good, tmp_path):
    paths = written(good, tmp_path)
    flaw = truncate(paths)
    assert flaw.num_files == len(paths)
    with pytest.raises(RefusedSeries) as refusal:
        read_series(paths)
    assert refusal.value.code == flaw.code


def test_stray_files_are_text_empty_a_directory_and_a_link(hospital):
    strays = hospital.archive / "CD_EXPORT"
    assert (strays / "latest").is_symlink()
    assert (strays / "latest").exists()
    assert (strays / "IM00100.dcm").stat().st_size == 0
    assert (strays / "IM00099.dcm").read_bytes()[:4] == b"Dear"
    media = "Media Storage Directory Storage"
    assert pydicom.dcmread(strays / "DICOMDIR").SOPClassUID.name == media
