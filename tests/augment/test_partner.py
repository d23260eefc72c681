"""Partners from another series: what they break, where they may be, and when there are none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.checking import check_policy, require_safe
from medcl.augment.contract import Claim, Flag
from medcl.augment.defaults import ct_strict, mr_weighted, pt
from medcl.augment.drawing.elsewhere import shared
from medcl.augment.drawing.pose import overlap
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.partner import WHY_BROKEN, OtherSeries
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import draw, draw_locals
from medcl.errors import ConfigError, PolicyError
from medcl.geometry.affine import transform_points

GRID = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0))
ALWAYS = OtherSeries(probability=1.0)
CROP = Crop(min_overlap=0.6)
MOVES = (Rotation(max_degrees=10.0), Displacement(spacing_mm=20.0, max_fraction=0.2))


def ct(*transforms, partner=ALWAYS, crop=CROP, **changes):
    return Policy(
        name="t",
        modality="CT",
        grid=GRID,
        window=FixedWindow(low=-1024.0, high=3071.0),
        transforms=(crop, *transforms),
        partner=partner,
        **changes,
    )


@pytest.fixture
def series(bench):
    """A volume and a thinner, turned one of the same place in the world."""
    affine = bench.orientations["LPS"]
    first = bench.source_of((70, 60, 30), affine, "first", low=-100.0, high=100.0)
    centre = transform_points(affine, np.array([[34.5, 29.5, 14.5]]))[0]
    thin = bench.orientations["oblique"].copy()
    half = (np.array([70, 60, 50]) - 1) / 2
    thin[:3, 3] = centre - thin[:3, :3] @ half
    return first, bench.source_of((70, 60, 50), thin, "other", low=-5.0, high=5.0)


def second(policy, source, *others, step=0, **words):
    return draw(policy, [source], seed=3, step=step, view=1, others=[others], **words)


def codes(policy, task):
    return {each.code for each in check_policy(policy, TaskProfile(task)).violations}


def test_every_broken_flag_says_why_and_a_lesion_is_unknown():
    contract = ALWAYS.contract()
    assert set(contract) == set(Flag)
    assert {flag for flag in Flag if contract[flag].bound is None} == set(WHY_BROKEN)
    unsure = {flag for flag in Flag if not contract[flag].has_evidence}
    assert unsure == {Flag.LESION_MASS}
    kept = {flag for flag in Flag if contract[flag] == Claim(0.0)}
    assert kept >= {Flag.LATERALITY, Flag.ORIENTATION, Flag.PHYSICAL_SCALE, Flag.FOV_TRUTH}


@pytest.mark.parametrize(
    ("policy", "task", "broken"),
    [
        (ct(), "lateral", set()),
        (ct(), "shape", set()),
        (ct(), "generic", {"SC010", "SC015"}),
        (ct(), "density", {"SC010", "SC011", "SC041"}),
        (ct(), "texture", {"SC011"}),
        (ct(), "acquisition", {"SC011"}),
        (ct(), "contrast_class", {"SC015"}),
        (replace(mr_weighted(grid=GRID), partner=ALWAYS), "contrast_class", {"SC015"}),
        (replace(pt(grid=GRID), partner=ALWAYS), "suv_absolute", {"SC050"}),
        (replace(pt(grid=GRID), partner=ALWAYS), "suv_ratio", {"SC051"}),
        (replace(pt(grid=GRID), partner=ALWAYS), "suv_total", {"SC052"}),
    ],
)
def test_a_task_that_needs_what_two_series_do_not_share_refuses_partners(policy, task, broken):
    without = codes(replace(policy, partner=None), task)
    assert codes(policy, task) == without | broken
    assert codes(replace(policy, partner=OtherSeries(probability=0.0)), task) == without
    verdict = check_policy(policy, TaskProfile(task))
    named = [each for each in verdict.violations if each.transform == "partner"]
    assert all(
        each.sentence.startswith("partner.probability is 1, allowed is 0:") for each in named
    )
    assert {each.code for each in named} == broken


def test_whether_both_show_a_lesion_is_unknown_until_somebody_writes_down_why():
    policy = replace(ct(), transforms=(Crop(min_overlap=0.9),))
    verdict = check_policy(policy, TaskProfile.SIZE)
    assert verdict.outcome == "UNKNOWN"
    with pytest.raises(PolicyError, match="the partner of a view is another series"):
        require_safe(policy, TaskProfile.SIZE)
    why = {Flag.LESION_MASS: "All series are reconstructions of one scan."}
    assert require_safe(policy, TaskProfile.SIZE, accepted=why).is_safe
    facts = DataFacts(volumes=4, unsaid_spacing=1)
    both = check_policy(policy, TaskProfile.SIZE, facts=facts).unknowns
    assert [each.flag for each in both] == sorted(
        (each.flag for each in both), key=list(Flag).index
    )
    assert len(both) == 3


def test_a_policy_with_partners_survives_json_and_has_a_hash_of_its_own():
    policy = ct(partner=OtherSeries(probability=0.3))
    again = Policy.from_json(json.loads(json.dumps(policy.to_json())))
    assert (again, again.hash) == (policy, policy.hash)
    others = [None, OtherSeries(probability=0.4)]
    assert len({policy.hash, *(replace(policy, partner=each).hash for each in others)}) == 3


def test_a_policy_without_partners_has_the_hash_it_had_before_there_were_any(monkeypatch):
    monkeypatch.setattr("medcl.augment.policy.CONTRACT_VERSION", 3)
    policy = ct(partner=None)
    content = policy.to_json()
    del content["partner"]
    assert Policy.from_json(content) == policy
    assert ct_strict(grid=GRID).hash == (
        "1da967da79bb9e6232ab4219d640cb0cb38bd0dc1a9bc44dd2fb78668f49119a"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"kind": "other_patient", "probability": 0.5}, "of the kind other_series"),
        ({"kind": "other_series", "chance": 0.5}, "no key chance"),
        ({"kind": "other_series", "probability": 1.5}, "from 0 to 1, got 1.5"),
        ({"probability": 0.5}, "must have the key kind"),
    ],
)
def test_a_partner_that_there_is_not_is_refused(content, said):
    with pytest.raises(ConfigError, match=said):
        Policy.from_json(ct().to_json() | {"partner": content})


def test_a_partner_needs_a_place_and_lesions_are_not_guessed():
    with pytest.raises(ValueError, match="crop with min_overlap above 0"):
        replace(ct(), transforms=())
    with pytest.raises(ValueError, match="crop with min_overlap above 0"):
        ct(crop=Crop(min_overlap=0.0))
    with pytest.raises(ValueError, match="hether another series shows the same lesion"):
        ct(crop=Crop(min_overlap=0.6, lesions="both_or_neither"))


@pytest.mark.parametrize("corners", [False, True])
def test_both_views_show_one_place_of_the_world_each_in_its_own_volume(series, corners):
    first, other = series
    policy = ct(*MOVES)
    for step in range(12):
        before = draw(policy, [first], seed=3, step=step, view=0, corners=corners)
        after = second(policy, first, other, step=step, corners=corners)
        assert before.sources == (first,)
        assert after.sources == (other,)
        assert overlap(before.poses[0], after.poses[0], GRID) >= 0.6
        assert shared(before.poses[0], first, after.poses[0], other, GRID) >= 0.6
        seen = after.lattices[0]
        assert seen.source_shape == other.shape
        world = transform_points(other.affine, transform_points(seen.matrix, np.full((1, 3), 7.5)))
        assert np.allclose(world, after.poses[0].centre_mm, atol=1e-6)


def test_pose_and_values_are_drawn_as_usual_and_the_range_is_that_of_the_partner(series):
    first, other = series
    policy = ct(Rotation(max_degrees=10.0), GaussianNoise(sd_hu=(5.0, 20.0)))
    alone, paired = second(policy, first), second(policy, first, other)
    assert alone.parameters == paired.parameters
    assert alone.seeds == paired.seeds
    assert np.array_equal(alone.poses[0].linear, paired.poses[0].linear)
    assert (paired.sources[0].low, paired.sources[0].high) == (-5.0, 5.0)


def test_where_no_partner_shows_the_place_the_view_is_that_of_the_same_volume(bench, series):
    first, other = series
    policy = ct(*MOVES)
    away = other.affine.copy()
    away[:3, 3] += 500.0
    elsewhere = bench.source_of(other.shape, away, "elsewhere")
    for step in range(6):
        alone = second(policy, first, step=step)
        missed = second(policy, first, elsewhere, step=step)
        assert missed.sources == (first,)
        assert np.array_equal(missed.poses[0].centre_mm, alone.poses[0].centre_mm)
        assert second(policy, first, elsewhere, other, step=step).sources == (other,)


def test_a_partner_that_ends_inside_of_the_place_does_not_stand_in(bench, series):
    first, _ = series
    policy = ct()
    for slices in range(1, 30, 4):
        cut = bench.source_of((70, 60, slices), first.affine, "cut")
        for step in range(8):
            before = draw(policy, [first], seed=3, step=step, view=0)
            after = second(policy, first, cut, step=step)
            if after.sources == (cut,):
                pair = before.poses[0], first, after.poses[0], cut
                assert shared(*pair, GRID) >= 0.6
    assert second(policy, first, bench.source_of((70, 60, 1), first.affine, "one")).sources == (
        first,
    )


def test_views_longer_than_their_volumes_do_not_drift_apart_either(bench, series):
    """What two thin volumes show in common is no measure along the axis that they are thin on."""
    first, _ = series
    thin = [bench.source_of((70, 60, 6), first.affine, word) for word in ("one", "other")]
    for step in range(24):
        before = draw(ct(), thin[:1], seed=3, step=step, view=0)
        after = second(ct(), *thin, step=step)
        assert after.sources == (thin[1],)
        assert overlap(before.poses[0], after.poses[0], GRID) >= 0.6


def test_partners_are_as_frequent_as_said_and_depend_on_the_address_alone(bench, series):
    first, other = series
    policy = ct(partner=OtherSeries(probability=0.3))
    strange = bench.source_of((40, 40, 20), bench.orientations["RAS"], "strange")
    taken = []
    for step in range(200):
        drawn = second(policy, first, other, step=step)
        beside = draw(policy, [strange, first], seed=3, step=step, view=1, others=[[], [other]])
        assert beside.sources[1] is drawn.sources[0]
        assert np.array_equal(beside.poses[1].centre_mm, drawn.poses[0].centre_mm)
        taken.append(drawn.sources[0] is other)
    assert 40 <= sum(taken) <= 80
    assert not any(
        second(replace(policy, partner=None), first, other, step=step).sources[0] is other
        for step in range(20)
    )


def test_each_of_several_partners_comes_up(series):
    first, other = series
    third = replace(other, word="third")
    taken = [second(ct(), first, other, third, step=step).sources[0].word for step in range(40)]
    assert {"other", "third"} == set(taken)
    assert 8 <= taken.count("third") <= 32


def test_local_views_lie_in_the_view_and_in_the_volume_that_they_belong_to(series):
    first, other = series
    small = LocalViews(count=4, size_voxels=(8, 8, 8), spacing_mm=(2.0, 2.0, 2.0))
    policy = ct(Rotation(max_degrees=10.0), local=small)
    corners = np.array([[x, y, z] for x in (0, 7) for y in (0, 7) for z in (0, 7)], dtype=float)
    for step in range(6):
        wholes = [
            draw(policy, [first], seed=3, step=step, view=view, others=[[other]]) for view in (0, 1)
        ]
        for number in range(4):
            part = draw_locals(policy, [first], seed=3, step=step, number=number, others=[[other]])
            whole = wholes[number % 2]
            assert part.sources == whole.sources == ((first, other)[number % 2],)
            places = part.poses[0].world_of(corners, small.grid)
            assert whole.poses[0].shows(places, GRID).all()
