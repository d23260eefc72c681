"""The contact sheet shows the right side, the right size, and nobody's name."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from matplotlib.text import Text

from medcl.augment.defaults import ct_strict, mr_weighted, pt
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.gain import Gain
from medcl.augment.transforms.refusable import HuOffset
from medcl.augment.views import Source
from medcl.report.contact_sheet import Panel, SheetRow, contact_sheet, sheet_png, stacked_png
from medcl.report.drawn_words import drawn_words
from medcl.report.grey_windows import SOFT_TISSUE, default_windows
from medcl.report.sheet_rows import Shown, sheet_rows

GRID = ViewGrid(size_voxels=(40, 30, 20), spacing_mm=(2.0, 2.0, 3.0))


def panel(plane, mask=None, **kwargs):
    known = np.ones(plane.shape, dtype=bool) if mask is None else mask
    return Panel(plane=plane, mask=known, **kwargs)


def row_of(plane, views=None, **kwargs):
    fields = {
        "case": 1,
        "original": panel(plane),
        "views": (("typical draw", panel(plane)),) if views is None else views,
        "spacing_mm": (2.0, 2.0),
        "window": SOFT_TISSUE,
    }
    return SheetRow(**(fields | kwargs))


def pictures(figure):
    return [axis for axis in figure.axes if axis.images and axis.texts]


def shown(figure, place=0):
    return np.ma.asarray(pictures(figure)[place].images[0].get_array())


def test_the_patients_right_is_on_the_left_and_the_front_at_the_top():
    plane = np.zeros((40, 30))
    plane[35:, 25:] = 200.0  # right and front: both axes grow towards them in RAS
    figure = contact_sheet([row_of(plane)], title="t")
    picture = shown(figure)
    assert picture.shape == (30, 40)
    assert picture[:5, :5].min() == 200
    assert picture.sum() == 200 * 25
    texts = {text.get_text(): text for text in pictures(figure)[0].texts}
    assert texts["R"].get_position()[0] < 0.5 < texts["L"].get_position()[0]


def test_every_picture_has_a_scale_bar_as_long_as_it_says():
    for axes in pictures(contact_sheet([row_of(np.zeros((40, 30)))], title="t")):
        left, right = axes.lines[0].get_xdata()
        assert right - left == 20
        assert "20 mm" in [text.get_text() for text in axes.texts]
        assert axes.get_xlim() == (0, 80)
        assert axes.get_ylim() == (60, 0)


def test_all_views_share_one_fixed_window_and_changes_are_about_zero():
    plane = np.full((40, 30), 5000.0)
    views = tuple((name, panel(plane + 30)) for name in ("typical", "extreme", "corner"))
    axes = pictures(contact_sheet([row_of(plane, views)], title="t"))
    limits = [axis.images[0].get_clim() for axis in axes]
    assert limits.count((-160, 240)) == 4
    assert limits.count((-100, 100)) == 3
    changes = [axis for axis in axes if axis.images[0].get_clim() == (-100, 100)]
    assert all(np.all(np.asarray(axis.images[0].get_array()) == 30) for axis in changes)


def test_one_change_has_one_colour_in_all_windows_of_a_volume():
    rows = sheet_rows(policy_of(HuOffset(offset_hu=(30.0, 30.0))), volume(), case=1, draws=1)
    assert len({row.window for row in rows}) == 3
    assert {row.reach for row in rows} == {100.0}
    limits = [
        axis.images[0].get_clim()
        for row in rows
        for axis in pictures(contact_sheet([row], title="t"))
    ]
    assert limits.count((-100, 100)) == 9


def test_words_are_large_enough_to_be_read_on_paper():
    """180 mm of 320 mm: ten points become five and a half."""
    figure = contact_sheet([row_of(np.zeros((40, 30)), note="local views")], title="t")
    figure.draw_without_rendering()
    written = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert len(written) > 10
    assert min(text.get_fontsize() for text in written) >= 9
    texts = {text.get_text(): text.get_window_extent() for text in written}
    # The name of a scale stands clear of the number at its upper end.
    assert not texts["grey\nHU"].overlaps(texts["240"])


def test_what_lies_outside_of_the_volume_is_not_drawn_as_tissue():
    plane = np.zeros((40, 30))
    mask = np.ones((40, 30), dtype=bool)
    mask[:10] = False
    figure = contact_sheet([row_of(plane, original=panel(plane, mask))], title="t")
    assert np.ma.getmaskarray(shown(figure))[:, -10:].all()
    assert not np.ma.getmaskarray(shown(figure))[:, :-10].any()


def test_a_labelled_structure_is_outlined_where_it_lies():
    plane = np.zeros((40, 30))
    inside = np.zeros((40, 30), dtype=bool)
    inside[30:35, 5:10] = True  # right, back
    figure = contact_sheet([row_of(plane, original=panel(plane, outline=inside))], title="t")
    paths = pictures(figure)[0].collections[0].get_paths()
    x, y = np.concatenate([path.vertices for path in paths]).mean(axis=0)
    # A closed line counts its first vertex twice, hence half a pixel.
    assert x == pytest.approx(80 - 2 * 32.5, abs=1.0)
    assert y == pytest.approx(60 - 2 * 7.5, abs=1.0)


def test_a_sheet_needs_a_row_and_rows_of_one_kind():
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet([], title="t")
    plane = np.zeros((4, 4))
    with pytest.raises(ValueError, match="same number of views"):
        contact_sheet([row_of(plane), row_of(plane, ())], title="t")


def volume(labels=None):
    rng = np.random.default_rng(0)
    affine = np.diag([-1.5, -1.5, 2.0, 1.0])
    array = rng.normal(40, 10, (1, 60, 50, 30)).astype(np.float32)
    source = Source(word="secret-key", shape=(60, 50, 30), affine=affine, low=0.0, high=80.0)
    return Shown(source=source, array=array, labels=labels)


def policy_of(*transforms, window=(-1000.0, 1000.0)):
    low, high = window
    return Policy(
        name="p",
        modality="CT",
        grid=GRID,
        window=FixedWindow(low=low, high=high),
        transforms=transforms,
    )


def test_rows_are_in_hounsfield_units_and_show_what_was_changed():
    rows = sheet_rows(policy_of(HuOffset(offset_hu=(30.0, 30.0))), volume(), case=1, draws=2)
    assert [row.window.name for row in rows] == [
        "soft tissue 40/400",
        "lung -600/1500",
        "bone 400/1800",
    ]
    original = rows[0].original
    assert original.note == ""
    for _name, view in rows[0].views:
        inside = original.mask & view.mask
        assert np.allclose((view.plane - original.plane)[inside], 30, atol=0.01)
        assert view.note == "HU offset 30 HU"


def test_the_extreme_draw_changes_more_than_the_typical_one_and_the_corner_is_an_end():
    rows = sheet_rows(policy_of(HuOffset(offset_hu=(0.0, 60.0))), volume(), case=1, draws=9)
    amounts = {name: float(view.note.split()[2]) for name, view in rows[0].views}
    assert amounts["typical draw"] < amounts["most extreme draw"] < 60
    assert amounts["corner of all ranges"] == 60


def test_pictures_go_through_the_labelled_structure():
    labels = np.zeros((60, 50, 30), dtype=np.uint8)
    labels[8:14, 30:36, 22:26] = 1
    rows = sheet_rows(ct_strict(grid=GRID), volume(labels), case=1, draws=3)
    outlined = rows[0].original.outline
    assert outlined.any()
    places = np.argwhere(outlined).mean(axis=0)
    assert np.abs(places - np.array([19.5, 14.5])).max() < 2


def test_local_views_have_a_row_of_their_own_in_their_own_grid():
    local = LocalViews(count=2, size_voxels=(16, 12, 8), spacing_mm=(2.0, 2.0, 3.0))
    policy = replace(policy_of(HuOffset(offset_hu=(30.0, 30.0))), local=local)
    *whole, part = sheet_rows(policy, volume(), case=1, draws=2)
    assert [row.note for row in whole] == ["", "", ""]
    assert (part.note, part.window.name) == ("local views", "soft tissue 40/400")
    assert part.original.plane.shape == (16, 12)
    for _name, view in part.views:
        assert view.plane.shape == (16, 12)
        inside = part.original.mask & view.mask
        assert inside.any()
        assert np.allclose((view.plane - part.original.plane)[inside], 30, atol=0.01)
    words = [text.get_text() for text in contact_sheet([*whole, part], title="t").texts]
    assert words.count("local views") == 1


def test_a_cutout_that_covers_nothing_is_not_among_what_was_drawn():
    assert drawn_words({"cutout": {"fraction": (0.0,)}, "crop": {"fraction": (1.0,)}}) == ""
    assert drawn_words({"cutout": {"fraction": (0.05,)}}) == "cutout 0.050"


def test_a_sheet_names_no_volume_and_equal_rows_give_equal_bytes():
    policy = policy_of(HuOffset(offset_hu=(0.0, 60.0)), window=(-200.0, 400.0))
    rows = sheet_rows(policy, volume(), case=2, draws=2)
    first = sheet_png(rows, title="t")
    assert sheet_png(sheet_rows(policy, volume(), case=2, draws=2), title="t") == first
    words = " ".join(text.get_text() for text in contact_sheet(rows, title="t").texts)
    assert "case 2" in words
    assert "secret-key" not in words
    assert b"secret-key" not in first
    both = matplotlib.image.imread(io.BytesIO(stacked_png([first, first])))
    one = matplotlib.image.imread(io.BytesIO(first))
    assert both.shape[0] == 2 * one.shape[0]
    assert np.array_equal(both[: len(one)], one)


def test_every_modality_is_shown_in_its_clinical_windows():
    named = {
        "ct": ct_strict(grid=GRID),
        "narrow": policy_of(window=(-200.0, 400.0)),
        "head": Policy(
            name="h",
            modality="CT",
            region="head",
            grid=GRID,
            window=FixedWindow(low=-1000.0, high=2000.0),
            transforms=(),
        ),
        "mr": mr_weighted(grid=GRID),
        "pt": pt(grid=GRID),
        "clipped": Policy(
            name="c",
            modality="PT",
            grid=GRID,
            window=FixedWindow(low=0.0, high=3.0),
            transforms=(Gain(factor=(0.95, 1.05)),),
        ),
    }
    names = {key: [w.name for w in default_windows(value)] for key, value in named.items()}
    # A window that the policy clips for the most part would show what the network never sees.
    assert names["narrow"] == ["soft tissue 40/400"]
    assert names["head"] == ["brain 40/80", "bone 400/1800"]
    assert names["mr"] == ["1st to 99th percentile"]
    assert names["pt"] == ["uptake 0 to 10"]
    assert names["clipped"] == ["window of the policy"]
