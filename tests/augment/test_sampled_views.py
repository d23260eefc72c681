"""What a report says of sampling is what the check refuses by."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.checking import check_policy
from medcl.augment.contract import Flag
from medcl.augment.defaults import ct_strict
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.source_geometry import geometry_of
from medcl.augment.safety.tasks import TISSUE_TOLERANCES_HU, TaskProfile
from medcl.augment.sampled_views import NOBODY_KNOWS, sampled_views
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.translation import Translation

CROP = Crop(min_overlap=0.5)
VIEWS = [(0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (0.5, 0.5, 2.0), (4.0, 4.0, 4.0)]
SCANS = [
    [((0.5, 0.5, 0.5), (256, 256, 256))],
    [((0.5, 0.5, 0.5), (256, 256, 20))],
    [((0.5, 0.5, 2.0), (256, 256, 3))],
    [((0.5, 0.5, 0.5), (256, 256, 99)), ((1.0, 1.0, 1.0), (256, 256, 99))],
]


def policy(spacing, *transforms, **parts):
    grid = ViewGrid(size_voxels=(32, 32, 8), spacing_mm=spacing)
    return replace(ct_strict(grid=grid), transforms=(CROP, *transforms), **parts)


def facts(scans):
    volumes = [(np.diag([*spacing, 1.0]), shape) for spacing, shape in scans]
    return DataFacts(volumes=len(volumes), geometry=geometry_of(volumes))


@pytest.mark.parametrize("spacing", VIEWS, ids=str)
@pytest.mark.parametrize("scans", SCANS, ids=["long", "short", "three slices", "two spacings"])
def test_figures_agree_with_the_verdict(spacing, scans):
    known = facts(scans)
    (found,) = sampled_views(policy(spacing), known)
    texture = check_policy(policy(spacing), TaskProfile.TEXTURE, facts=known)
    assert found.is_whole == texture.is_safe
    assert found.is_exact == found.is_whole
    density = check_policy(policy(spacing), facts=known)
    is_open = Flag.HU_CALIBRATION in {each.flag for each in density.open}
    assert (found.moved_hu is None) == (found.unknown is not None) == is_open
    if found.moved_hu is not None:
        most = {name: limit for name, (_, limit) in TISSUE_TOLERANCES_HU.items()}
        is_beyond = any(found.moved_hu[name] > limit for name, limit in most.items())
        assert is_beyond == bool(density.violations)
        assert found.is_filtered == (found.moved_hu["bone"] > 0)
    assert 0 < found.noise_left[0] <= found.noise_left[1] <= 1
    assert (found.noise_left == (1.0, 1.0)) == found.is_exact


def test_what_turns_views_is_named_and_what_moves_them_by_whole_voxels_is_not():
    known = facts(SCANS[0])
    turn, move = Rotation(max_degrees=5.0, probability=0.1), Translation(max_mm=5.0)
    (found,) = sampled_views(policy((0.5, 0.5, 0.5), turn, move), known)
    assert found.is_whole
    assert not found.is_exact
    assert found.blended_by == ("rotation",)
    assert found.noise_left[0] == pytest.approx(0.35, abs=0.01)
    (still,) = sampled_views(policy((0.5, 0.5, 0.5), replace(turn, probability=0.0), move), known)
    assert still.is_exact


def test_without_geometry_nothing_is_claimed():
    for known in (None, DataFacts(volumes=3)):
        (found,) = sampled_views(policy((1.0, 1.0, 1.0)), known)
        assert found.unknown == NOBODY_KNOWS
        assert found.is_whole is found.noise_left is found.moved_hu is found.is_filtered is None
        assert not found.is_exact


def test_local_views_count_where_their_spacing_is_another():
    local = LocalViews(count=2, size_voxels=(8, 8, 4), spacing_mm=(0.5, 0.5, 1.0))
    known = facts(SCANS[0])
    views = sampled_views(policy((0.5, 0.5, 0.5), local=local), known)
    assert [(each.is_local, each.is_whole) for each in views] == [(False, True), (True, False)]
    same = replace(local, spacing_mm=(0.5, 0.5, 0.5))
    assert len(sampled_views(policy((0.5, 0.5, 0.5), local=same), known)) == 1
