"""What added noise drowns depends on the noise of the scans it is added to."""

from dataclasses import replace

import pytest

from medcl.augment.checking import check_policy
from medcl.augment.defaults import ct_strict
from medcl.augment.grid import ViewGrid
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.native_noise import HEAD_SD_HU, drowned, native_noise, presumed_noise_of
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.monai_adapter import Monai
from medcl.augment.transforms.noise import GaussianNoise

GRID = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))


def policy(*transforms, region="body"):
    whole = (Crop(min_overlap=0.9), *transforms)
    return replace(ct_strict(grid=GRID), transforms=whole, region=region)


def faint(policy, noise_sd=0.0):
    facts = DataFacts(volumes=10, noise_sd=noise_sd)
    found = check_policy(policy, TaskProfile.FOCAL, facts=facts).violations
    return [each for each in found if each.code == "SC041"]


# A fifth of the contrast over noise may be lost: 1 / sqrt(1 + (3 / 4)²) is four fifths. In a head,
# where stroke and haemorrhage are faint, it is a tenth: 1 / sqrt(1 + 19 / 81) is nine tenths.
HEAD = (19 / 81) ** 0.5


@pytest.mark.parametrize(
    ("region", "noise_sd", "most_hu"),
    [
        ("body", 0.0, 7.5),
        ("head", 0.0, HEAD * HEAD_SD_HU),
        ("head", 5.0, HEAD * 5.0),
        ("body", 6.0, 4.5),
        ("body", 25.0, 7.5),
    ],
)
def test_so_much_noise_may_be_added_as_a_share_of_what_there_is(region, noise_sd, most_hu):
    for part, is_fine in ((0.99, True), (1.01, False)):
        added = policy(GaussianNoise(sd_hu=(0.0, part * most_hu)), region=region)
        assert (faint(added, noise_sd) == []) is is_fine


@pytest.mark.parametrize(
    ("region", "noise_sd", "sd_hu", "is_fine"),
    [
        ("head", 0.0, 5.1, True),
        ("head", 0.0, 5.3, False),
        ("head", 5.0, 8.5, True),
        ("body", 6.0, 10.3, True),
        ("body", 6.0, 10.5, False),
        ("body", 25.0, 30.0, True),
        ("body", 25.0, 30.5, False),
    ],
)
def test_scans_get_no_noisier_than_at_a_quarter_of_their_dose(region, noise_sd, sd_hu, is_fine):
    added = policy(GaussianNoise(sd_hu=(0.0, sd_hu)), region=region)
    found = check_policy(added, facts=DataFacts(volumes=10, noise_sd=noise_sd)).violations
    assert [each.code for each in found] == ([] if is_fine else ["SC013"])


def test_what_nobody_has_measured_is_told_of_heads_only():
    (one,) = check_policy(policy(GaussianNoise(sd_hu=(0.0, 30.0)), region="head")).violations
    assert "30 HU of added noise drown scans that have 3 HU" in one.sentence
    assert one.allowed == "5.19615 HU of added noise"
    assert check_policy(policy(GaussianNoise(sd_hu=(0.0, 30.0)))).is_safe


def test_the_sentence_says_beside_how_much_noise():
    (found,) = faint(policy(GaussianNoise(sd_hu=(0.0, 4.0))), 3.5)
    assert "beside 3.5 HU of noise" in found.sentence
    (found,) = faint(policy(GaussianNoise(sd_hu=(0.0, 20.0))))
    assert "beside 10 HU of noise" in found.sentence


def test_two_noises_add_up_beside_the_noise_of_the_scan():
    each = GaussianNoise(sd_hu=(0.0, 0.99 * 4.5 / 2**0.5))
    assert faint(policy(each, each), 6.0) == []
    assert faint(policy(each, each), 5.5) != []


def test_noise_of_a_library_is_held_against_the_same_scan():
    noise = Monai(transform="gaussian_noise", amount=(0.0, 4.0), unit="HU")
    assert faint(policy(noise)) == []
    assert faint(policy(noise), 4.0) != []


def test_only_what_adds_noise_loses_more_on_a_cleaner_scan():
    assert drowned(Blur(sigma_mm=(0.0, 1.0)), 0.1, 2.0) == 0.1
    assert presumed_noise_of(Blur(sigma_mm=(0.0, 1.0)), 2.0) == 0.0
    noise = GaussianNoise(sd_hu=(0.0, 10.0))
    lost = noise.contract("CT")["lowcontrast_cnr"].bound
    assert drowned(noise, lost, None) == pytest.approx(1 - 1 / 2**0.5)
    assert drowned(noise, lost, 5.0) == pytest.approx(1 - 1 / 5**0.5)
    assert drowned(noise, lost, 50.0) == pytest.approx(lost)


def test_noise_in_hu_says_nothing_of_other_modalities():
    facts = DataFacts(volumes=3, noise_sd=2.0)
    assert native_noise("PT", "body", facts) is None
    assert native_noise("MR_WEIGHTED", "head", facts) is None
    assert presumed_noise_of(CountNoise(liver_cov=(0.0, 0.1)), None) == pytest.approx(0.2)


def test_how_noisy_volumes_are_is_kept_with_the_other_facts():
    facts = DataFacts(volumes=3, noise_sd=4.25)
    assert DataFacts.from_json(facts.to_json()) == facts
    assert DataFacts.from_json({"volumes": 3}).noise_sd == 0.0
