"""Painting plane by plane: what stays inside, what is counted, what covers what."""

import numpy as np
import pytest

from medcl.errors import InputError
from medcl.io.labels.grid import Grid, LabelGrid


def grid_of(shape=(4, 5, 6)) -> Grid:
    return Grid(shape=shape, affine=np.eye(4))


def plane_of(layer: int, shape=(2, 2)) -> np.ndarray:
    return np.full(shape, layer, np.uint16)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_is_painted_across_its_axis(axis):
    canvas = LabelGrid(grid_of(), [9])
    canvas.paint(plane_of(1), axis=axis, plane=3, corner=(1, 2))
    expected = np.zeros((4, 5, 6), int)
    np.moveaxis(expected, axis, 0)[3, 1:3, 2:4] = 9
    assert (canvas.finished() == expected).all()


def test_background_changes_nothing():
    canvas = LabelGrid(grid_of(), [9])
    canvas.paint(plane_of(1), axis=2, plane=0, corner=(0, 0))
    canvas.paint(plane_of(0, (4, 5)), axis=2, plane=0, corner=(0, 0))
    canvas.paint(plane_of(0), axis=2, plane=99, corner=(-7, 70))
    assert canvas.finished().sum() == 4 * 9


@pytest.mark.parametrize(
    ("plane", "corner", "outside"),
    [(6, (0, 0), 4), (-1, (0, 0), 4), (0, (3, 0), 2), (0, (-1, -1), 3), (0, (10**12, 0), 4)],
)
def test_what_falls_outside_is_counted(plane, corner, outside):
    canvas = LabelGrid(grid_of(), [1])
    canvas.paint(plane_of(1), axis=2, plane=plane, corner=corner)
    with pytest.raises(InputError, match=f"{outside} labelled voxels lie outside"):
        canvas.finished()


def test_one_class_may_be_painted_twice_and_two_may_not():
    canvas = LabelGrid(grid_of(), [5, 7])
    canvas.paint(plane_of(1), axis=2, plane=0, corner=(0, 0))
    canvas.paint(plane_of(1), axis=0, plane=0, corner=(0, 0))
    assert canvas.finished().max() == 5
    canvas.paint(plane_of(2), axis=2, plane=0, corner=(1, 1))
    with pytest.raises(InputError, match="1 voxels belong to several"):
        canvas.finished()


@pytest.mark.parametrize("first", [1, 2])
def test_the_later_class_covers_whatever_is_painted_first(first):
    canvas = LabelGrid(grid_of(), [7, 5], later_covers_earlier=True)
    for layer in (first, 3 - first):
        canvas.paint(plane_of(layer), axis=2, plane=0, corner=(layer, layer))
    assert canvas.finished()[2, 2, 0] == 5
    assert canvas.finished()[1, 1, 0] == 7


@pytest.mark.parametrize(("highest", "dtype"), [(255, np.uint8), (256, np.uint16)])
def test_the_type_holds_the_highest_class(highest, dtype):
    canvas = LabelGrid(grid_of(), [1, highest])
    canvas.paint(plane_of(canvas.layer_of(highest)), axis=2, plane=0, corner=(0, 0))
    assert canvas.finished().dtype == dtype
    assert canvas.finished().max() == highest


@pytest.mark.parametrize("classes", [[-1], [2**16]])
def test_classes_out_of_range_are_refused(classes):
    with pytest.raises(InputError, match="from 0 to 65535"):
        LabelGrid(grid_of(), classes)


@pytest.mark.parametrize("shape", [(0, 4, 4), (2**11, 2**11, 2**10)])
def test_grids_without_voxels_or_with_too_many_are_refused(shape):
    with pytest.raises(InputError, match="must hold 1 to"):
        LabelGrid(grid_of(shape), [1])
