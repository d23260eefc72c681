"""Where another series lies is told by the pictures, whatever its header, grid or contrast."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from medcl.augment.normalisation import FixedWindow
from medcl.evaluation.measures.agreement import Scan, agreement, shared_places
from medcl.evaluation.measures.alignment import alignment_of
from medcl.evaluation.measures.anatomy import anatomy_of
from tests.evaluation.two_series import CT, other, scan

WINDOW = FixedWindow(low=-1024.0, high=1000.0)


def aligned(first, second, reach_mm=40.0):
    one, two = (Scan(each, anatomy_of(each, "CT", (3.0,) * 3, WINDOW)) for each in (first, second))
    return alignment_of(shared_places(one, two), reach_mm=reach_mm)


def test_a_volume_agrees_with_itself_where_it_is():
    found = aligned(scan(), scan())
    assert (found.off_mm, found.turn_degrees, found.zoom) == (0.0, 0.0, 0.0)
    assert found.is_told
    assert found.agreement == pytest.approx(1.0)
    assert (found.looks_mirrored, found.looks_upside_down) == (False, False)


@pytest.mark.parametrize("values", [CT, None])
def test_another_grid_noise_and_contrast_of_the_same_place_are_in_place(values):
    found = aligned(scan(), other(**({} if values is None else {"values": values})))
    assert found.off_mm < 2.0
    assert found.turn_degrees < 2.0
    assert found.zoom < 0.03
    assert found.is_told
    assert (found.looks_mirrored, found.looks_upside_down) == (False, False)


@pytest.mark.parametrize(
    "shift", [(30.0, 0.0, 0.0), (0.0, -25.0, 0.0), (0.0, 0.0, 12.0), (14.0, 14.0, -10.0)]
)
def test_a_header_that_is_off_by_centimetres_is_found_to_the_mm(shift):
    found = aligned(scan(), other(truly=lambda world: world - np.array(shift)))
    assert found.is_told
    assert found.shift_mm == pytest.approx(shift, abs=2.5)
    assert not found.looks_mirrored


@pytest.mark.parametrize(
    ("signs", "mirrored", "upside_down"),
    [
        ((-1, 1, 1), True, None),
        ((1, 1, -1), True, None),
        ((-1, -1, 1), None, True),
        ((1, -1, -1), None, True),
    ],
)
def test_a_picture_that_its_header_does_not_fit_is_seen_to_be_turned_over(
    signs, mirrored, upside_down
):
    found = aligned(scan(), other(truly=lambda world: world * np.array(signs)))
    assert mirrored is None or found.looks_mirrored is mirrored
    assert upside_down is None or found.looks_upside_down is upside_down


def test_a_mirror_image_beside_its_place_is_looked_for_there():
    truly = np.array([-1, 1, 1]), np.array([10.0, 10.0, 0.0])
    found = aligned(scan(), other(truly=lambda world: world * truly[0] + truly[1]))
    assert found.looks_mirrored is True


def test_turns_and_sizes_are_told():
    turn = Rotation.from_rotvec([0, 0, 8], degrees=True)
    found = aligned(scan(), other(truly=turn.apply))
    assert found.turn_degrees == pytest.approx(8.0, abs=1.5)
    assert found.off_mm < 3.0
    found = aligned(scan(), other(truly=lambda world: world / np.array([1.0, 1.0, 1.1])))
    assert found.zoom == pytest.approx(0.1, abs=0.03)


def test_noise_alone_tells_no_place():
    empty = {"air": 0.0, "body": 0.0, "organs": (0.0,) * 5}
    found = aligned(scan(), other(values=empty))
    assert not found.is_told
    assert found.looks_mirrored is None


def test_volumes_that_lie_apart_or_touch_have_nothing_to_compare():
    far = scan(truly=lambda world: world)
    moved = other()
    moved.source.affine[:3, 3] += 500.0
    one, two = (Scan(each, anatomy_of(each, "CT", (3.0,) * 3, WINDOW)) for each in (far, moved))
    assert shared_places(one, two) is None


def test_agreement_of_a_table_is_that_of_a_loop():
    random = np.random.default_rng(0)
    first = random.integers(0, 16, 4000)
    second = np.where(random.random(4000) < 0.6, 15 - first, random.integers(0, 16, 4000))
    both, one, two = {}, {}, {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        both[a, b] = both.get((a, b), 0) + 1
        one[a], two[b] = one.get(a, 0) + 1, two.get(b, 0) + 1

    def entropy(counts):
        return -sum(count / 4000 * np.log(count / 4000) for count in counts.values())

    wanted = (entropy(one) + entropy(two) - entropy(both)) / entropy(both)
    assert agreement(first, second) == pytest.approx(wanted, rel=1e-9)
    assert 0.1 < wanted < 0.9
