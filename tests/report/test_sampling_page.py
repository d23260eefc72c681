"""What sampling does stands on the page of an audit, and it is what the check refuses by."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.contract import Flag
from medcl.augment.defaults import ct_strict, mr_weighted, pt
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.source_geometry import geometry_of
from medcl.augment.sampled_views import sampled_views
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.rotation import Rotation
from medcl.geometry.affine import rotation
from medcl.report.audit.page import audit_page
from medcl.report.policy_words import quantities_of
from medcl.report.sampling_words import claimed
from tests.report.audit_content import content
from tests.report.test_audit_page import GIVEN, words

CROP = Crop(min_overlap=0.5)
SHAPE = (256, 256, 64)


def views(*spacing, transforms=(CROP,), maker=ct_strict, **parts):
    grid = ViewGrid(size_voxels=(32, 32, 8), spacing_mm=spacing)
    return replace(maker(grid=grid), transforms=transforms, **parts)


def volume(*spacing, shape=SHAPE, tilt=0.0):
    turned = rotation(np.array([tilt, 0.0, 0.0]))
    return turned @ np.diag([-spacing[0], -spacing[1], spacing[2], 1.0]), shape


def facts_of(*volumes):
    return DataFacts(volumes=len(volumes), geometry=geometry_of(volumes))


def told(policy, *volumes, **values):
    facts = facts_of(*volumes).to_json() if volumes else {}
    html = audit_page(content(policy=policy, facts=facts, **values), GIVEN)
    return words(html).split("what in the world does the same ")[1].split(" What was measured ")[0]


def claims(policy, facts):
    return [
        {flag: claimed(each, flag, policy.modality) for flag in quantities_of(policy.modality)}
        for each in sampled_views(policy, facts)
    ]


def test_blended_views_keep_density_and_lose_noise_and_the_page_says_by_which_spacings():
    text = told(views(0.7, 0.7, 1.0), volume(0.7, 0.7, 1.0), volume(0.9, 0.9, 2.0))
    row = "sampling views with voxels of 0.7 x 0.7 x 1 mm every view"
    assert (
        f"{row} slices reformatted on another grid (MPR) noise and texture: 35 to 100 % left"
        in (text)
    )
    assert "quantity sampling crop density (calibrated values) kept kept" in text
    assert "noise and texture 35 to 100 % left kept left and right kept kept" in text
    assert "voxels of the scans (mm), all 2 of the cohort" in text
    finer = "neighbours are blended; views finer than a scan show no more detail than it has"
    assert f"right to left 0.7 to 0.9 0.7 {finer}" in text
    assert f"feet to head 1 to 2 1 {finer}" in text
    assert "blended views keep 35 to 100 % of noise that is independent" in text
    assert "so level tissue keeps its value, and the mean of a tissue is that of the voxels" in text
    assert "contrast of faint lesions no bound" in text
    said = "Sampling by itself excludes: density, texture, acquisition. It would take as spacing"
    assert (
        f"{said} of the views: one that all volumes have, and theirs go from 0.7 x 0.7 x 1" in text
    )


def test_coarser_views_move_a_tissue_by_up_to_what_the_contract_says():
    policy, scans = views(0.7, 0.7, 2.0), [volume(0.7, 0.7, 1.0)]
    (sampled,) = sampled_views(policy, facts_of(*scans))
    assert sampled.is_filtered
    assert 5 < sampled.moved_hu["bone"] < 15
    text = told(policy, *scans)
    most = f"{sampled.moved_hu['bone']:.3g} HU (bone)"
    assert f"density (calibrated values) ≤ {most} kept" in text
    for tissue, hu in sampled.moved_hu.items():
        assert f"{tissue} {hu:.2g} HU" in text.split("that moves its mean, within a view by")[1]
    assert "feet to head 1 2 smoothed: up to 2 voxels of a scan are drawn together" in text
    assert "right to left 0.7 0.7 neighbours are blended along" not in text
    least, most = (f"{100 * share:.0f}" for share in sampled.noise_left)
    assert f"smoothed and blended views keep {least} to {most} % of noise" in text
    assert int(most) < 65


def test_views_on_the_grid_of_the_scans_keep_everything_and_the_page_says_why():
    text = told(views(0.7, 0.7, 2.0), volume(0.7, 0.7, 2.0))
    row = "sampling views with voxels of 0.7 x 0.7 x 2 mm every view"
    assert f"{row} none: the voxels of the scan as they are nothing measurable" in text
    assert "feet to head 2 2 voxels are taken as they are back" not in text
    assert text.count("voxels are taken as they are") == 3
    assert "noise and texture kept Every value is one of the scan, its noise included." in text
    assert "Sampling by itself excludes no task." in text
    assert "% left" not in text
    assert "no bound" not in text.split("ask; unknown")[1]


def test_a_turn_moves_views_off_the_grid_and_is_named():
    turned = views(0.7, 0.7, 2.0, transforms=(CROP, Rotation(max_degrees=10.0, probability=0.5)))
    text = told(turned, volume(0.7, 0.7, 2.0))
    assert "as they are, but for views moved off their grid by: rotation" in text
    assert "noise and texture kept kept changed" in text
    # Slices seen from the side are coarser than pixels, so that bone moves in turned views.
    (claim,) = claims(turned, facts_of(volume(0.7, 0.7, 2.0)))
    assert claim[Flag.HU_CALIBRATION].startswith("off by up to ")
    assert claim[Flag.LOWCONTRAST_CNR] == "no bound"
    never = replace(turned, transforms=(CROP, Rotation(max_degrees=10.0, probability=0.0)))
    assert "moved off their grid" not in told(never, volume(0.7, 0.7, 2.0))


def test_scans_that_lie_turned_are_said_to():
    text = told(views(0.7, 0.7, 2.0), volume(0.7, 0.7, 2.0, tilt=2.0))
    assert "Voxels of the scans lie turned by up to 2° against the patient" in text
    assert "none, because voxels lie turned by up to 2 degrees" in text


def test_a_scan_too_short_for_a_bound_leaves_density_unknown_and_the_tasks_that_need_it():
    text = told(views(0.7, 0.7, 2.0), volume(0.7, 0.7, 1.0, shape=(512, 512, 3)))
    assert "UNKNOWN: nobody can say by how much sampling moves density" in text
    assert "from feet to head voxels 1 mm apart are drawn together to 2 mm, and" in text
    assert "the shortest volume has 3 mm" in text
    assert "density (calibrated values) unknown kept" in text
    assert "leaves unknown: density, a task not named yet." in text


def test_without_volumes_sampling_is_unknown_and_said_to_be_unchecked():
    text = told(views(0.7, 0.7, 2.0))
    assert "UNKNOWN: how far apart the voxels of the volumes lie is not known." in text
    assert "was not checked" in text
    assert "density (calibrated values) unknown kept noise and texture unknown kept" in text
    assert "left and right kept kept" in text
    assert "Sampling by itself excludes" not in text


def test_local_views_of_another_spacing_have_a_column_of_their_own():
    local = LocalViews(count=2, size_voxels=(8, 8, 4), spacing_mm=(1.4, 1.4, 2.0))
    wide = views(0.7, 0.7, 2.0, local=local)
    text = told(wide, volume(0.7, 0.7, 2.0))
    assert "quantity sampling sampling, local views crop" in text
    whole, own = claims(wide, facts_of(volume(0.7, 0.7, 2.0)))
    assert whole[Flag.HU_TEXTURE] == "kept"
    assert own[Flag.HU_TEXTURE].endswith("% left")
    assert text.index("Large views along") < text.index("Local views along")
    same = replace(local, spacing_mm=(0.7, 0.7, 2.0))
    assert "Large views" not in told(replace(wide, local=same), volume(0.7, 0.7, 2.0))


@pytest.mark.parametrize(
    ("policy", "flag", "finer", "coarser"),
    [
        (views(1.0, 1.0, 2.0, modality="MR_QUANTITATIVE"), Flag.HU_CALIBRATION, "no bound", "kept"),
        (views(1.0, 1.0, 2.0, maker=pt), Flag.UPTAKE_ABS, "no bound", "no bound"),
        (views(1.0, 1.0, 2.0, maker=mr_weighted), Flag.LOWCONTRAST_CNR, "no bound", "no bound"),
    ],
    ids=["map", "pet", "mr"],
)
def test_other_modalities_have_no_bound_in_hu_and_are_not_said_to_keep_what_nobody_bounds(
    policy, flag, finer, coarser
):
    for scan, expected in ((volume(1.0, 1.0, 1.0), finer), (volume(1.0, 1.0, 3.0), coarser)):
        (claim,) = claims(policy, facts_of(scan))
        assert claim[flag] == expected
    (exact,) = claims(policy, facts_of(volume(1.0, 1.0, 2.0)))
    assert set(exact.values()) == {"kept"}
    assert (
        "HU" not in told(policy, volume(1.0, 1.0, 1.0)).split("Sampling: how views are read out")[1]
    )


def test_the_json_holds_what_the_page_says():
    policy, facts = views(0.7, 0.7, 2.0), facts_of(volume(0.7, 0.7, 1.0))
    (stored,) = json.loads(json.dumps([each.to_json() for each in sampled_views(policy, facts)]))
    text = told(policy, volume(0.7, 0.7, 1.0))
    assert (stored["is_whole"], stored["is_exact"], stored["is_filtered"]) == (False, False, True)
    assert f"≤ {stored['moved_hu']['bone']:.3g} HU (bone)" in text
    assert f"{100 * stored['noise_left'][0]:.0f} to {100 * stored['noise_left'][1]:.0f} %" in text
    assert stored["spacing_mm"] == [0.7, 0.7, 2.0]
    assert stored["unknown"] is None


def test_the_reason_of_an_excluded_task_names_the_noise_that_is_left():
    html = audit_page(
        content(policy=views(0.7, 0.7, 1.0), facts=facts_of(volume(0.9, 0.9, 2.0)).to_json()),
        GIVEN,
    )
    excluded = words(html).split("Excluded: not valid for")[1]
    assert "blended from those around, which leaves 35 to 100 % of the noise" in excluded


def test_values_of_a_window_of_mr_have_no_unit_and_of_pet_have_suv():
    assert "1st to 99th percentile" in told(views(1.0, 1.0, 2.0, maker=mr_weighted))
    window = FixedWindow(low=0.0, high=20.0)
    assert "Values from 0 to 20 SUV are seen" in told(views(1.0, 1.0, 2.0, maker=pt, window=window))
