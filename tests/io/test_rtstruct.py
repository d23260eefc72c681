"""Contours enclose the voxels that another rasterisation finds, or are refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from matplotlib.path import Path as Outline

from medcl.errors import InputError
from medcl.geometry.affine import transform_points
from medcl.io.labels import polygons, rt_contours
from medcl.io.labels.drawing import describe, draw
from medcl.io.labels.grid import Grid
from medcl.io.labels.polygons import fill
from medcl.io.refusal import RefusedSeries
from tests.io.conftest import oriented_affine
from tests.io.label_files import changed, item, write_structure_set

SHAPE = (40, 36, 12)


def drawn(path: Path, grid: Grid, classes=None, **options) -> np.ndarray:
    classes = classes or {1: 1}
    return draw([(path, classes)], grid, list(classes.values()), **options)


@pytest.fixture(params=["axial", "sagittal", "coronal", "oblique"])
def any_grid(request):
    return Grid(shape=SHAPE, affine=oriented_affine(request.param))


@pytest.fixture
def grid():
    return Grid(shape=SHAPE, affine=oriented_affine("oblique"))


def on_slice(grid: Grid, corners: np.ndarray, plane: float) -> np.ndarray:
    """Return corners in voxels of the slice as points in the patient."""
    heights = np.full((len(corners), 1), float(plane))
    return transform_points(grid.affine, np.hstack([np.asarray(corners, float), heights]))


def star(seed: int, *, centre=(19.3, 17.2), corners: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(4, 15, corners)
    return np.array(centre) + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def circle(radius: float, corners: int = 200, centre=(19.3, 17.2)) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.array(centre) + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def square(low: float, high: float) -> np.ndarray:
    return np.array([[low, low], [high, low], [high, high], [low, high]])


def inside(corners: np.ndarray, shape=SHAPE[:2]) -> np.ndarray:
    """Return voxel centres inside a polygon as matplotlib sees it."""
    centres = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    closed = np.vstack([corners, corners[:1]])
    return Outline(closed, closed=True).contains_points(centres.reshape(-1, 2)).reshape(shape)


def test_random_stars_hold_the_voxels_that_matplotlib_finds(any_grid, tmp_path):
    stars = {plane: star(plane) for plane in range(2, 9)}
    contours = [on_slice(any_grid, corners, plane) for plane, corners in stars.items()]
    labels = drawn(write_structure_set(tmp_path / "rs", {"star": contours}), any_grid)
    expected = np.zeros(SHAPE, bool)
    for plane, corners in stars.items():
        expected[:, :, plane] = inside(corners)
    assert (labels == expected).all()
    assert expected.any(axis=(0, 1)).sum() == 7


@pytest.mark.parametrize("seed", range(20))
def test_polygons_that_cross_themselves_follow_the_even_odd_rule(seed):
    corners = np.random.default_rng(seed).uniform(-5, 45, (9, 2))
    centres = np.stack(np.meshgrid(*map(np.arange, SHAPE[:2]), indexing="ij"), axis=-1)
    crossings = np.zeros(SHAPE[:2], int)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        is_between = (start[1] > centres[..., 1]) != (end[1] > centres[..., 1])
        share = (centres[..., 1] - start[1]) / (end[1] - start[1])
        is_left = centres[..., 0] < start[0] + share * (end[0] - start[0])
        crossings += is_between & is_left
    assert (fill([corners], SHAPE[:2]) == (crossings % 2 == 1)).all()


def test_a_cylinder_has_the_volume_of_a_cylinder(tmp_path):
    grid = Grid(shape=(128, 128, 12), affine=oriented_affine("oblique", (0.5, 0.5, 2.0)))
    ring = circle(50.0, corners=720, centre=(63.4, 63.7))
    contours = [on_slice(grid, ring, plane) for plane in range(1, 11)]
    labels = drawn(write_structure_set(tmp_path / "rs", {"cylinder": contours}), grid)
    found_mm3 = labels.sum() * 0.5 * 0.5 * 2.0
    assert found_mm3 == pytest.approx(np.pi * 25.0**2 * 20.0, rel=2e-3)


def test_a_sphere_has_the_volume_of_a_sphere(tmp_path):
    grid = Grid(shape=(96, 96, 96), affine=oriented_affine("oblique", (1.0, 1.0, 1.0)))
    contours = [
        on_slice(grid, circle(np.sqrt(40.0**2 - (plane - 47.5) ** 2), 360, (47.3, 47.9)), plane)
        for plane in range(8, 88)
    ]
    labels = drawn(write_structure_set(tmp_path / "rs", {"sphere": contours}), grid)
    assert labels.sum() == pytest.approx(4 / 3 * np.pi * 40.0**3, rel=2e-3)
    middle = np.argwhere(labels).mean(axis=0)
    assert middle == pytest.approx([47.3, 47.9, 47.5], abs=0.02)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_contour_inside_another_is_a_hole(grid, tmp_path, kind):
    outer, inner = star(1), circle(2.5)
    contours = [on_slice(grid, one, 4) for one in (outer, inner)]
    labels = drawn(write_structure_set(tmp_path / "rs", {"ring": contours}, kind=kind), grid)
    assert (labels[:, :, 4] == (inside(outer) ^ inside(inner))).all()


def test_a_keyhole_is_a_hole(grid, tmp_path):
    outer, inner = square(5.5, 25.5), square(10.5, 20.5)
    keyhole = np.vstack([outer, outer[:1], inner[:1], inner[::-1], outer[:1]])
    path = write_structure_set(tmp_path / "rs", {"ring": [on_slice(grid, keyhole, 4)]})
    labels = drawn(path, grid)
    assert labels.sum() == 20 * 20 - 10 * 10
    assert not labels[11:21, 11:21].any()


def test_neighbours_that_share_an_edge_leave_no_gap_and_do_not_overlap(grid, tmp_path):
    left = np.array([[5.0, 5.0], [15.0, 5.0], [15.0, 25.0], [5.0, 25.0]])
    right = left + np.array([10.0, 0.0])
    structures = {"left": [on_slice(grid, left, 4)], "right": [on_slice(grid, right, 4)]}
    labels = drawn(write_structure_set(tmp_path / "rs", structures), grid, {1: 1, 2: 2})
    assert [(labels == label).sum() for label in (1, 2)] == [200, 200]


def test_contours_may_stand_across_another_axis_than_slices(grid, tmp_path):
    corners = np.array([[x, 20.0, z] for x, z in square(2.5, 7.5)])
    path = write_structure_set(
        tmp_path / "rs", {"coronal": [transform_points(grid.affine, corners)]}
    )
    labels = drawn(path, grid)
    assert labels[3:8, 20, 3:8].all()
    assert labels.sum() == 25


def test_points_and_open_contours_are_counted_and_left_out(grid, tmp_path):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, square(2.5, 7.5), 3)]})
    dataset = pydicom.dcmread(path)
    sequence = dataset.ROIContourSequence[0].ContourSequence
    sequence.append(
        item(ContourGeometricType="POINT", NumberOfContourPoints=1, ContourData=["1", "2", "3"])
    )
    dataset.save_as(path)
    found = describe(path)
    assert found is not None
    assert [(one.number, one.name, one.num_ignored) for one in found.segments] == [(1, "a", 1)]
    assert found.segments[0].frame_of_reference == "1.2.3.4.0"
    assert (found.kind, found.series_uids) == ("structure_set", ("1.2.3.4",))
    assert drawn(path, grid).sum() == 25


def test_a_structure_without_a_closed_contour_is_empty(grid, tmp_path):
    structures = {"a": [on_slice(grid, square(2.5, 7.5), 3)], "b": []}
    found = describe(write_structure_set(tmp_path / "rs", structures))
    assert [one.is_empty for one in found.segments] == [False, True]


def test_overlapping_structures_are_refused_unless_their_order_is_given(grid, tmp_path):
    tumour, organ = [on_slice(grid, square(6.5, 9.5), 3)], [on_slice(grid, square(2.5, 20.5), 3)]
    path = write_structure_set(tmp_path / "rs", {"tumour": tumour, "organ": organ})
    with pytest.raises(InputError, match="9 voxels belong to several"):
        drawn(path, grid, {2: 1, 1: 2})
    labels = drawn(path, grid, {2: 1, 1: 2}, later_covers_earlier=True)
    assert [(labels == label).sum() for label in (1, 2)] == [324 - 9, 9]


def refused(path: Path, grid: Grid, sentence: str, classes=None) -> None:
    with pytest.raises((InputError, RefusedSeries), match=sentence):
        drawn(path, grid, classes)


@pytest.mark.parametrize("height", [3.3, 3.5, -0.2])
def test_contours_between_slices_are_refused(grid, tmp_path, height):
    contours = [on_slice(grid, star(1), 5), on_slice(grid, star(2), height)]
    path = write_structure_set(tmp_path / "rs", {"a": contours})
    refused(path, grid, r"must lie on slices of the image; 1 of 2 of one structure do not")


def test_contours_that_rise_are_refused(grid, tmp_path):
    corners = square(2.5, 20.5)
    points = transform_points(grid.affine, np.column_stack([corners, [3.0, 3.0, 3.6, 3.6]]))
    refused(write_structure_set(tmp_path / "rs", {"a": [points]}), grid, "lie on slices")


@pytest.mark.parametrize(("shift", "plane"), [((60, 0), 3), ((0, -50), 3), ((0, 0), 30)])
def test_contours_outside_of_the_image_are_refused(grid, tmp_path, shift, plane):
    contours = [on_slice(grid, square(2.5, 20.5) + shift, plane)]
    path = write_structure_set(tmp_path / "rs", {"a": contours})
    refused(path, grid, "must lie inside the image; 1 of 1")


def test_a_contour_that_leaves_the_image_is_drawn_as_far_as_it_goes(grid, tmp_path):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, square(-9.5, 4.5), 3)]})
    assert drawn(path, grid).sum() == 25


def test_a_structure_drawn_on_every_second_slice_only_is_refused(grid, tmp_path):
    contours = [on_slice(grid, star(plane), plane) for plane in (1, 3, 5, 7)]
    path = write_structure_set(tmp_path / "rs", {"a": contours})
    refused(path, grid, r"drawn on every 2\. slice only, on 4 slices")


def test_a_contour_that_stands_twice_is_refused(grid, tmp_path):
    contours = [on_slice(grid, star(1), 4)] * 2
    refused(write_structure_set(tmp_path / "rs", {"a": contours}), grid, "1 are repeated")


def contour_of(path: Path, **elements: object) -> Path:
    dataset = pydicom.dcmread(path)
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    for keyword, value in elements.items():
        setattr(contour, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize(
    "elements",
    [
        {"NumberOfContourPoints": 5},
        {"ContourData": ["1", "2", "3", "4"]},
        {"ContourData": ["1e9"] * 12},
        {"ContourGeometricType": "SPLINE"},
        {"ContourData": ["0"] * 9, "NumberOfContourPoints": 4},
    ],
)
def test_damaged_contours_are_refused(grid, tmp_path, elements):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, square(2.5, 7.5), 3)]})
    refused(contour_of(path, **elements), grid, "DECODE_FAILED: The structure set: ValueError")


@pytest.mark.parametrize("number", [b"nan     ", b"DOE^JOHN", b"1e999   ", b"--------"])
def test_what_is_no_number_is_refused_and_not_repeated(grid, tmp_path, number):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, square(2.5, 7.5), 3)]})
    contour_of(path, ContourData=["12345678"] * 12)
    path.write_bytes(path.read_bytes().replace(b"12345678", number, 1))
    with pytest.raises(RefusedSeries, match="DECODE_FAILED") as error:
        drawn(path, grid)
    assert "DOE" not in str(error.value)


def test_a_structure_set_without_contours_is_refused(grid, tmp_path):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, star(1), 3)]})
    refused(changed(path, ROIContourSequence=None), grid, "without contours")


def test_a_file_cut_anywhere_is_refused(grid, tmp_path):
    contours = [on_slice(grid, star(plane), plane) for plane in range(3, 6)]
    path = write_structure_set(tmp_path / "rs", {"a": contours})
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 2, 25).astype(int):
        path.write_bytes(content[:length])
        refused(path, grid, "DECODE_FAILED|TRUNCATED|UNREADABLE|NOT_IMAGE|something else")


def test_more_points_or_crossings_than_are_drawn_are_refused(grid, tmp_path, monkeypatch):
    path = write_structure_set(tmp_path / "rs", {"a": [on_slice(grid, star(1), 3)] * 1})
    monkeypatch.setattr(rt_contours, "MAX_POINTS", 30)
    refused(path, grid, "LIMIT_EXCEEDED: More than 30 points")
    monkeypatch.undo()
    monkeypatch.setattr(polygons, "MAX_CROSSINGS", 30)
    refused(path, grid, "LIMIT_EXCEEDED: Contours of a slice cross")
