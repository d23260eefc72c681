"""Crops: how much of body and lesions views hold, and that partners agree on it."""

import numpy as np
import pytest

from medcl.augment.drawing.drawing import Address, draw_global
from medcl.augment.drawing.placing import Place, body_fraction, lesions_shown
from medcl.augment.drawing.pose import overlap
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.translation import Translation
from medcl.geometry.boxes import Box

GRID = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0))
MOVES = (
    Rotation(max_degrees=10.0),
    Translation(max_mm=4.0),
    Displacement(spacing_mm=20.0, max_fraction=0.2),
)


def pair(crop, source, step, *, corners=False, transforms=MOVES[:2]):
    policy = Policy(
        name="t",
        modality="CT",
        grid=GRID,
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(crop, *transforms),
    )
    return [
        draw_global(policy, source, Address(7, step, source.word, view, corners))[1]
        for view in (0, 1)
    ]


def ball(centre, radius):
    """Voxels of a ball, in voxel coordinates."""
    steps = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return (offsets[np.linalg.norm(offsets, axis=1) <= radius] + centre).astype(float)


@pytest.mark.parametrize("corners", [False, True])
def test_displaced_and_moved_views_still_overlap_as_asked(bench, corners):
    source = bench.source_of((60, 60, 40), bench.orientations["oblique"])
    for step in range(12):
        first, second = pair(Crop(min_overlap=0.6), source, step, corners=corners, transforms=MOVES)
        assert overlap(first, second, GRID) >= 0.6


def test_views_hold_as_much_of_the_body_as_asked(bench):
    """The body is thin: without the rule, moves would take views over its side."""
    affine = bench.orientations["LPS"]
    source = bench.source_of((90, 90, 40), affine, body=Box((20, 30, 5), (75, 70, 8)))
    held = {}
    for least in (0.0, 0.2):
        crop = Crop(min_overlap=0.0, min_body_fraction=least)
        place = Place(source, GRID, crop)
        poses = [pose for step in range(15) for pose in pair(crop, source, step)]
        held[least] = min(body_fraction(pose, place) for pose in poses)
    assert held[0.0] < 0.2
    assert held[0.2] >= 0.2


def test_a_body_smaller_than_asked_is_taken_around_its_middle(bench):
    source = bench.source_of((60, 60, 60), np.eye(4), body=Box((28, 28, 28), (32, 32, 32)))
    crop = Crop(min_overlap=0.0, min_body_fraction=0.5)
    for step in range(5):
        first, _ = pair(crop, source, step, transforms=())
        assert np.abs(first.centre_mm - 29.5).max() < 2


LESIONS = (ball((20, 20, 20), 3), ball((45, 40, 30), 4)[::3], ball((15, 45, 12), 2))


@pytest.mark.parametrize("rule", ["both_or_neither", "both"])
def test_two_views_show_a_lesion_both_or_neither(bench, rule):
    source = bench.source_of((60, 60, 50), np.eye(4), lesions=LESIONS)
    crop = Crop(min_overlap=0.3, lesions=rule)
    shown_at_all, inconsistent_without = 0, 0
    for step in range(12):
        shown = [lesions_shown(pose, source, GRID) for pose in pair(crop, source, step)]
        for one, other in zip(*shown, strict=True):
            assert (min(one, other) >= 0.8) or (one == other == 0) or abs(one - other) <= 0.2
        kept = max(min(one, other) for one, other in zip(*shown, strict=True))
        shown_at_all += kept >= 0.8
        plain = [
            lesions_shown(pose, source, GRID) for pose in pair(Crop(min_overlap=0.3), source, step)
        ]
        inconsistent_without += any(
            (one >= 0.8) != (other >= 0.8) for one, other in zip(*plain, strict=True)
        )
    assert inconsistent_without > 0
    if rule == "both":
        assert shown_at_all == 12


def test_a_lesion_rule_does_not_move_views_of_volumes_without_lesions(bench):
    source = bench.source_of((60, 60, 50), np.eye(4))
    for step in range(3):
        plain = pair(Crop(), source, step)
        ruled = pair(Crop(lesions="both"), source, step)
        for one, other in zip(plain, ruled, strict=True):
            assert np.array_equal(one.centre_mm, other.centre_mm)


@pytest.mark.parametrize("changes", [{"min_overlap": 1.0}, {"min_body_fraction": 1.5}])
def test_impossible_crops_are_refused(changes):
    with pytest.raises(ValueError, match=f"{next(iter(changes))} must lie in"):
        Crop(**changes)
