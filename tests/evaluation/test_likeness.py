"""What only looks like harm is none: smooth views are no reflections, chance is no disorder."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from medcl.augment.defaults import mr_weighted
from medcl.evaluation.audit import harms
from medcl.evaluation.audit.scene import scene_of
from medcl.evaluation.measures.anatomy import anatomy_of
from medcl.evaluation.measures.likeness import ordering
from medcl.evaluation.measures.reflection import duplicated_tissue
from tests.evaluation.phantoms import GRID, phantom


@pytest.fixture(scope="module")
def scene():
    policy = mr_weighted(grid=GRID)
    case = phantom("a", 1, modality="MR_WEIGHTED", affine=np.diag([1.0, 1.0, 1.0, 1.0]))
    anatomy = anatomy_of(case, policy.modality, policy.grid.spacing_mm, policy.window)
    return scene_of(policy, case, anatomy, (16, 16, 16), at_edges=True)


def test_a_smoothed_view_repeats_nothing_and_a_reflected_one_does(scene):
    view = scene.view()
    for width in (1.0, 2.0, (0.0, 0.0, 3.0)):
        smooth = replace(view, grey=ndimage.gaussian_filter(view.grey, width))
        assert duplicated_tissue(smooth) < 0.5
    assert max(duplicated_tissue(each) for each in harms.padded(scene)) > 0.9


def test_a_view_too_thin_for_two_sides_says_nothing_of_reflection(scene):
    thin = scene_of(scene.policy, scene.case, scene.anatomy, (8, 8, 8))
    assert duplicated_tissue(thin.view()) is None


def test_steps_that_change_places_by_chance_are_in_order(scene):
    view = scene.view()
    ramp = np.linspace(200.0, 210.0, view.grey.size).reshape(view.grey.shape)
    noise = np.random.default_rng(0).normal(0, 12, ramp.shape)
    seen = replace(view, truth=ramp, level=np.ones_like(view.mask), mask=view.map.inside)
    assert ordering(replace(seen, grey=ramp + noise)) == pytest.approx(1.0)
    steep = (ramp - 205) * 20
    assert ordering(replace(seen, grey=noise - steep)) < -0.9
    assert ordering(replace(seen, grey=0 * ramp + 3.0)) == 0.0
    assert ordering(replace(seen, grey=noise)) == 0.0  # the volume has contrast, the view none
    flat = replace(seen, truth=ramp / 50)
    assert ordering(replace(flat, grey=noise)) is None
    single = replace(seen, truth=200.0 + noise)  # one tissue: its noise is no contrast to be kept
    assert ordering(replace(single, grey=np.roll(noise, 7, axis=0))) is None
