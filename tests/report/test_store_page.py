"""A store as a page: what it says, what it shows, what it must not hold."""

import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from medcl.ingest.outcome import Refused, Technical
from medcl.io.refusal import ReasonCode
from medcl.report.png import grey_png
from medcl.report.store_page import examples, store_page
from medcl.report.thumbnails import thumbnails
from medcl.store.census import breakdowns, quality_flags
from medcl.store.store import Store
from medcl.volume import Volume
from tests.store.conftest import accepted_volume, key_of
from tests.store.test_quality import scan

LPS = np.diag([-2.0, -2.0, 3.0, 1.0])
HEAD = Technical(body_part="head", manufacturer="siemens", orientation_source="scanner")


def pet() -> Volume:
    array = np.zeros((1, 20, 20, 20), np.float32)
    array[0, 4, 3, 10] = 20.0  # to the left and in front of the middle, in voxel axes L, P, S
    return Volume(array=array, affine=LPS, modality="PT", unit="SUVbw")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    made = Store.create(tmp_path_factory.mktemp("page") / "store", key_fingerprint="f" * 16)
    arrays = [scan(1), scan(1, seed=5), scan(2) - np.int16(1024)]
    for number, array in enumerate(arrays):
        made.add(accepted_volume(number, patient=0, array=array, affine=LPS, technical=HEAD))
    made.add(accepted_volume(3, volume=pet()))
    made.refuse(
        Refused(
            key=key_of("refused"),
            code=ReasonCode.LOCALIZER,
            detail="1 plane.",
            num_files=2,
            fingerprint="x",
        )
    )
    return made


@pytest.fixture(scope="module")
def html(store) -> str:
    return store_page(
        rows=store.rows(),
        counts=store.counts(),
        digest=store.digest,
        draw=lambda row: thumbnails(store, row),
        most_pictures=10,
        footer="medcl",
    )


def test_counts_are_by_modality_body_part_manufacturer_spacing_and_patient(store):
    found = {one.title: dict(one.counts) for one in breakdowns(store.rows())}
    assert found["Modality and unit"] == {"CT in HU": 3, "PT in SUVbw": 1}
    assert found["Body part"] == {"head": 3, "unknown": 1}
    assert found["Manufacturer"] == {"siemens": 3, "unknown": 1}
    assert found["Distance between slices, mm"] == {"3 to 5": 4}
    assert found["Volumes per patient"] == {"1": 1, "2": 0, "3 to 4": 1}
    assert found["Faces of heads"] == {"may be there": 3}


def test_volumes_that_miss_usual_bounds_are_counted_by_bound(store):
    flags = dict(quality_flags(store.rows()).counts)
    assert flags["hu_scale plausible or unknown"] == 1


def test_the_page_says_what_was_refused_and_what_looks_alike(html):
    assert "LOCALIZER" in html
    assert "A scout image" in html
    assert "2 volumes look alike, groups: 1." in html
    assert "values are no HU" in html


def test_the_page_stands_alone_and_runs_nothing(html):
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?!data:image/png)', html)
    assert "default-src 'none'" in html


def test_examples_take_every_kind_in_turn_and_one_of_near_duplicates(store):
    shown = examples(store.rows(), 10)
    assert [row.modality for row in shown] == ["CT", "PT", "CT"]


def decoded(png: bytes) -> np.ndarray:
    return np.rint(255 * imread(io.BytesIO(png), format="png")).astype(np.uint8)


def test_pictures_are_png_that_others_read():
    picture = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(grey_png(picture)), picture)


def test_ct_is_shown_in_soft_tissue_and_lung_windows(store):
    row = next(row for row in store.rows() if row.quality.hu_scale == "plausible")
    words = [picture.words for picture in thumbnails(store, row)]
    assert words[:2] == ["axial, soft tissue 40/400", "axial, lung -600/1500"]
    soft, lung = (decoded(picture.png) for picture in thumbnails(store, row)[:2])
    # Fat and organs are bright in the lung window and grey in the other; air is black in soft.
    assert np.median(lung) > np.median(soft) > 0
    assert (soft == 0).any()


def test_high_uptake_is_dark_and_lies_where_a_radiologist_looks_for_it(store):
    row = next(row for row in store.rows() if row.modality == "PT")
    axial, coronal = (decoded(picture.png) for picture in thumbnails(store, row))
    height, width = axial.shape
    dark_rows, dark_columns = np.nonzero(axial == 0)
    # Index 4 of 20 along L: to the patient's right, hence left on the picture; index 3 along P:
    # near the front, hence at the top.
    assert dark_columns.mean() < 0.5 * width
    assert dark_rows.mean() < 0.5 * height
    assert (coronal == 255).all()


def test_pictures_keep_the_proportions_of_the_body(store):
    row = next(row for row in store.rows() if row.modality == "PT")
    height, width = decoded(thumbnails(store, row)[1].png).shape
    assert height / width == pytest.approx(3 / 2, abs=0.02)
