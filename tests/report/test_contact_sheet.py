"""The contact sheet shows the right side, the right size, and nobody's name."""

import matplotlib.image
import numpy as np
import pytest

from medcl.augment.crop import Crop
from medcl.augment.defaults import ct_strict, mr_weighted
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.refusable import HuOffset
from medcl.augment.views import Source
from medcl.report.contact_sheet import SheetRow, contact_sheet, write_contact_sheet
from medcl.report.grey_windows import SOFT_TISSUE
from medcl.report.sheet_rows import default_windows, sheet_rows

GRID = ViewGrid(size_voxels=(40, 30, 20), spacing_mm=(2.0, 2.0, 3.0))


def row_of(original, **kwargs):
    mask = np.ones(original.shape, dtype=bool)
    fields = {
        "case": 1,
        "original": original,
        "view_a": original,
        "view_b": original,
        "masks": (mask, mask, mask),
        "spacing_mm": (2.0, 2.0),
        "window": SOFT_TISSUE,
    }
    return SheetRow(**(fields | kwargs))


def shown(figure, row=0, column=0):
    return np.ma.asarray(figure.axes[4 * row + column].images[0].get_array())


def test_the_patients_right_is_on_the_left_and_the_front_at_the_top():
    plane = np.zeros((40, 30))
    plane[35:, 25:] = 200.0  # right and front: both axes grow towards them in RAS
    picture = shown(contact_sheet([row_of(plane)], title="t"))
    assert picture.shape == (30, 40)
    assert picture[:5, :5].min() == 200
    assert picture.sum() == 200 * 25
    texts = {
        text.get_text(): text for text in contact_sheet([row_of(plane)], title="t").axes[0].texts
    }
    assert texts["R"].get_position()[0] < 0.5 < texts["L"].get_position()[0]


def test_the_scale_bar_is_as_long_as_it_says():
    axes = contact_sheet([row_of(np.zeros((40, 30)))], title="t").axes[0]
    left, right = axes.lines[0].get_xdata()
    assert right - left == 20
    assert "20 mm" in [text.get_text() for text in axes.texts]
    assert axes.get_xlim() == (0, 80)
    assert axes.get_ylim() == (60, 0)


def test_all_pictures_of_a_row_share_one_fixed_window():
    figure = contact_sheet([row_of(np.full((40, 30), 5000.0))], title="t")
    for axis in figure.axes[:3]:
        assert axis.images[0].get_clim() == (-160, 240)
    low, high = figure.axes[3].images[0].get_clim()
    assert low == -high


def test_what_lies_outside_of_the_volume_is_not_drawn_as_tissue():
    plane = np.zeros((40, 30))
    mask = np.ones((40, 30), dtype=bool)
    mask[:10] = False
    figure = contact_sheet([row_of(plane, masks=(mask, mask, mask))], title="t")
    assert np.ma.getmaskarray(shown(figure))[:, -10:].all()
    assert not np.ma.getmaskarray(shown(figure))[:, :-10].any()


def test_a_sheet_needs_a_row():
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet([], title="t")


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    affine = np.diag([-1.5, -1.5, 2.0, 1.0])
    array = rng.normal(40, 10, (1, 60, 50, 30)).astype(np.float32)
    return Source(word="secret-key", shape=(60, 50, 30), affine=affine, low=0.0, high=80.0), array


def test_rows_are_in_hounsfield_units_and_show_what_was_changed(volume):
    policy = Policy(
        name="p",
        modality="CT",
        grid=GRID,
        window=ct_strict(grid=GRID).window,
        transforms=(Crop(), HuOffset(offset_hu=(30.0, 30.0))),
    )
    rows = sheet_rows(policy, *volume, case=1)
    assert [row.window.name for row in rows] == ["soft tissue 40/400", "lung -600/1500"]
    inside = rows[0].masks[0] & rows[0].masks[1]
    assert np.allclose((rows[0].view_a - rows[0].original)[inside], 30, atol=0.01)
    assert "hu offset 30 HU" in rows[0].note


def test_a_sheet_names_no_volume_and_is_written_whole(volume, tmp_path):
    policy = mr_weighted(grid=GRID)
    rows = sheet_rows(policy, *volume, case=1) + sheet_rows(policy, *volume, case=2, corners=True)
    path = tmp_path / "sheet.png"
    write_contact_sheet(path, rows, title="mr_weighted")
    first = path.read_bytes()
    assert matplotlib.image.imread(path).shape[2] == 4
    figure = contact_sheet(rows, title="mr_weighted")
    words = " ".join(text.get_text() for text in figure.texts)
    assert "case 2" in words
    assert "secret-key" not in words
    assert b"secret-key" not in first
    write_contact_sheet(path, rows, title="mr_weighted")
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_every_modality_has_a_window():
    assert len(default_windows(ct_strict(grid=GRID))) == 2
    assert len(default_windows(mr_weighted(grid=GRID))) == 1
