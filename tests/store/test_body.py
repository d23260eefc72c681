"""The box of the patient's body is found when a volume is taken in, and crops keep to it."""

import numpy as np
import pytest

from medcl.augment import views
from medcl.augment.drawing.placing import Place, body_fraction
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.geometry.boxes import Box
from medcl.geometry.parts import eroded, large_parts
from medcl.store.store import Store
from medcl.store.viewing import source_of
from medcl.volume import Volume

SHAPE = (160, 144, 40)
AFFINE = np.diag([2.0, 2.0, 4.0, 1.0])
STEP = 4  # voxels from sample to sample along the first two axes
TABLE_Y = 128
AIR, TISSUE, SHELL = -1000, 40, -150


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    x, y = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1


def box_of(inside: np.ndarray, slices: tuple[int, int]) -> Box:
    x, y = (np.flatnonzero(inside.any(axis=1 - axis)).tolist() for axis in (0, 1))
    return Box((x[0], y[0], slices[0]), (x[-1] + 1, y[-1] + 1, slices[1]))


def on_a_table(*bodies: np.ndarray, slices: tuple[int, int] = (6, 31)) -> np.ndarray:
    """Return bodies above a table of two thin shells, and a rod in the air, in noisy HU."""
    array = np.full((1, *SHAPE), AIR, np.int16)
    for inside in bodies:
        array[0, inside, slices[0] : slices[1]] = TISSUE
    for start in (TABLE_Y, TABLE_Y + 10):
        array[:, 10:150, start : start + STEP] = SHELL
    array[:, 140:146, 20:26] = SHELL
    noise = np.random.default_rng(0).integers(-20, 20, array.shape, np.int16)
    return np.asarray(array + noise)


@pytest.fixture
def row_of(store, make_accepted):
    numbers = iter(range(100))

    def make(array: np.ndarray, **changes):
        changes = {"affine": AFFINE, **changes}
        accepted = make_accepted(next(numbers), array=array, **changes)
        assert store.add(accepted) == "added"
        return Store.open(store.folder).row(accepted.key)

    return make


def volume_of(array: np.ndarray, *, modality: str = "CT", **changes) -> Volume:
    unit = {"CT": "HU", "MR": "a.u.", "PT": "SUVbw"}[modality]
    return Volume(array=array, affine=AFFINE, modality=modality, unit=unit, **changes)


def require_snug(found: Box | None, wanted: Box, *, slack: int) -> None:
    assert found is not None
    assert found.intersect(wanted) == wanted, "a part of the body was left out"
    beyond = [*np.subtract(wanted.lower, found.lower), *np.subtract(found.upper, wanted.upper)]
    assert max(beyond) <= slack


def test_a_body_off_the_centre_is_found_without_the_table_below_it(row_of):
    inside = ellipse((60, 70), (45, 35))
    row = row_of(on_a_table(inside))
    require_snug(row.body, box_of(inside, (6, 31)), slack=3 * STEP)
    assert row.body.upper[1] < TABLE_Y
    assert row.body.upper[0] < 140


def test_a_body_that_lies_on_the_table_is_held_whole(row_of):
    inside = ellipse((60, 88), (45, 40))
    row = row_of(on_a_table(inside))
    wanted = box_of(inside, (6, 31))
    require_snug(row.body, wanted, slack=3 * STEP)
    assert row.body.shape[0] < 140


def test_two_legs_are_one_body(row_of):
    left, right = ellipse((45, 90), (22, 25)), ellipse((115, 92), (20, 24))
    row = row_of(on_a_table(left, right, slices=(0, 40)))
    require_snug(row.body, box_of(left | right, (0, 40)), slack=3 * STEP)


def test_a_body_without_a_table_is_found_to_the_spacing_of_the_samples(row_of):
    array = np.full((1, *SHAPE), AIR, np.int16)
    array[:, 31:92, 17:77, 5:29] = TISSUE
    require_snug(row_of(array).body, Box((31, 17, 5), (92, 77, 29)), slack=2 * STEP)


@pytest.mark.parametrize("shift_hu", [-1024, 1024])
def test_a_scan_whose_scale_is_shifted_has_its_body_all_the_same(row_of, shift_hu):
    inside = ellipse((60, 70), (45, 35))
    row = row_of(on_a_table(inside) + np.int16(shift_hu))
    assert row.quality.hu_scale == "shifted"
    require_snug(row.body, box_of(inside, (6, 31)), slack=3 * STEP)


@pytest.mark.parametrize("value", [AIR, TISSUE])
def test_an_empty_volume_has_no_body_and_a_full_one_is_all_body(row_of, value):
    row = row_of(np.full((1, *SHAPE), value, np.int16))
    assert row.body == (None if value == AIR else Box((0, 0, 0), SHAPE))
    assert source_of(row).body == row.body


def test_a_constant_volume_of_another_modality_has_no_body(row_of):
    array = np.full((1, *SHAPE), 7, np.int16)
    assert row_of(array, volume=volume_of(array, modality="MR")).body is None


def test_what_was_not_measured_is_no_body(row_of):
    array = np.full((1, *SHAPE), AIR, np.int16)
    array[:, 20:140, 20:120] = TISSUE
    validity = np.ones(SHAPE, bool)
    validity[80:] = False
    row = row_of(array, volume=volume_of(array, validity=validity))
    require_snug(row.body, Box((20, 20, 0), (80, 120, 40)), slack=2 * STEP)


def test_values_that_are_not_finite_are_no_body(row_of):
    array = np.zeros((1, *SHAPE), np.float32)
    array[:, 40:80, 50:90, 10:20] = 100
    array[:, 100:] = np.nan
    row = row_of(array, volume=volume_of(array, modality="PT"))
    require_snug(row.body, Box((40, 50, 10), (80, 90, 20)), slack=2 * STEP)


def test_elsewhere_the_body_is_the_foreground_without_specks(row_of):
    array = np.zeros((1, *SHAPE), np.float32)
    array[0, ellipse((60, 70), (45, 35)), 6:31] = 300
    array[0, ellipse((130, 30), (8, 8)), 6:31] = 300  # an arm
    wanted = box_of(array[0, :, :, 20] > 0, (6, 31))
    array[:, 1::STEP, 141] = 300 * (np.random.default_rng(0).random((40, 40)) > 0.97)
    row = row_of(array, volume=volume_of(array, modality="MR"))
    require_snug(row.body, wanted, slack=2 * STEP)


def test_thin_shapes_are_not_taken_for_tables(row_of):
    array = np.full((1, 40, 30, 20), AIR, np.int16)
    array[:, 10:12, 5:20, 3:15] = TISSUE
    require_snug(row_of(array).body, Box((10, 5, 3), (12, 20, 15)), slack=4)


def test_parts_that_hang_together_by_a_winding_way_are_one():
    mask = np.zeros((9, 9, 9), bool)
    mask[::2] = True
    for number, plane in enumerate(range(1, 9, 2)):
        corner = -(number % 2)
        mask[plane, corner, corner] = True
    assert (large_parts(mask, 1.0) == mask).all()
    mask[3, -1, -1] = False
    assert large_parts(mask, 0.7)[:3].sum() == 0
    assert large_parts(mask, 0.7)[4:].any()


def test_an_eroded_mask_loses_its_skin_and_keeps_what_touches_the_border():
    mask = np.zeros((7, 7, 3), bool)
    mask[2:6, 1:6] = True
    wanted = np.zeros_like(mask)
    wanted[3:5, 2:5] = True
    assert (eroded(mask) == wanted).all()


def policy(least: float) -> Policy:
    return Policy(
        name="crops",
        modality="CT",
        grid=ViewGrid(size_voxels=(24, 24, 12), spacing_mm=(2.0, 2.0, 4.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(min_overlap=0.0, min_body_fraction=least),),
    )


def test_crops_of_a_stored_volume_keep_to_its_body(row_of):
    row = row_of(on_a_table(ellipse((60, 70), (45, 35))))
    source = source_of(row)
    crop = policy(0.5).named["crop"]
    place = Place(source, policy(0.5).grid, crop)
    for step in range(20):
        for view in (0, 1):
            drawn = views.draw(policy(0.5), [source], seed=1, step=step, view=view)
            assert body_fraction(drawn.poses[0], place) >= 0.5
            (box,) = views.boxes(drawn)
            assert box.upper[1] <= TABLE_Y
