import numpy as np
import pytest

from medcl.adaptation.foreground import foreground_body, foreground_voxels
from medcl.augment.grid import ViewGrid
from medcl.runtime import seeds

GRID = ViewGrid(size_voxels=(8, 8, 64), spacing_mm=(1.0, 1.0, 1.0))


def labels_of(row):
    labels = np.zeros(row.shape, np.uint8)
    labels[:2, :2, :2] = 1
    labels[-1, -1, -1] = 2
    return labels


def test_a_box_is_as_large_as_a_view_inside_the_volume_and_shows_a_label(store):
    row = next(row for row in store.rows() if np.array_equal(row.affine, np.eye(4)))
    labels = labels_of(row)
    voxels = foreground_voxels(labels, seed=0)
    shown, places = [], set()
    for step in range(40):
        box = foreground_body(row, GRID, voxels, draw=seeds.generator("draw", step))
        assert box.shape == (8, 8, row.shape[2])
        assert min(box.lower) >= 0
        assert all(u <= n for u, n in zip(box.upper, row.shape, strict=True))
        shown.append(int(labels[box.slices].max()))
        places.add(box.lower)
        assert shown[-1] > 0
    assert shown.count(2) == pytest.approx(20, abs=10)
    assert len(places) > 2


def test_a_volume_without_foreground_has_no_box(store):
    row = store.rows()[0]
    voxels = foreground_voxels(np.zeros(row.shape, np.uint8), seed=0)
    assert foreground_body(row, GRID, voxels, draw=seeds.generator("draw")) is None
