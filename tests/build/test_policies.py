"""What the catalogue says of volumes that a policy is used on."""

from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.contract import Flag
from medcl.build.policies import accepted_of, facts_of
from medcl.config.unknown import AcceptConfig
from medcl.ingest.outcome import Accepted, Technical
from medcl.store.lesions import lesion_points
from medcl.store.store import Store
from medcl.volume import Volume


def accept(number, *, modality, unit, array, source):
    key = f"{number:032x}"
    return Accepted(
        key=key,
        patient_key=key,
        study_key=key,
        volume=Volume(array=array, affine=np.eye(4), modality=modality, unit=unit),
        technical=Technical(orientation_source=source),
        num_files=1,
        fingerprint="f",
    )


def ct(shift=0):
    """Air around soft tissue, in HU but for a shift."""
    array = np.full((1, 24, 24, 24), -1000, np.int16)
    array[0, 6:18, 6:18, 6:18] = 40
    return array + np.random.default_rng(0).integers(-5, 6, array.shape).astype(np.int16) + shift


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "s", key_fingerprint="0" * 16)
    grey = np.random.default_rng(1).uniform(0, 10, (1, 8, 8, 8)).astype(np.float32)
    for each in (
        accept(1, modality="CT", unit="HU", array=ct(), source="scanner"),
        accept(2, modality="CT", unit="HU", array=ct(-1024), source="scanner"),
        accept(3, modality="CT", unit="HU", array=ct(1), source="header"),
        accept(4, modality="CT", unit="HU", array=ct(2), source="assumed"),
        accept(5, modality="PT", unit="SUVbw", array=grey, source="scanner"),
        accept(6, modality="PT", unit="Bq/ml", array=grey + 1, source="scanner"),
        accept(7, modality="OT", unit="a.u.", array=grey + 2, source="assumed"),
    ):
        store.add(each)
    yield store
    store.close()


def rows(store, *numbers):
    return [store.row(f"{number:032x}") for number in numbers]


def test_who_does_not_say_where_left_is_is_counted(store):
    facts = facts_of(rows(store, 1, 3, 4))
    assert (facts.volumes, facts.unsaid_orientation, facts.unsaid_spacing) == (3, 1, 0)


def test_a_file_without_any_place_does_not_say_how_large_a_voxel_is(store):
    assert facts_of(rows(store, 7)).unsaid_spacing == 1


def test_shifted_hounsfield_units_are_doubted_whoever_wrote_them(store):
    assert facts_of(rows(store, 1)).unsure_hounsfield == 0
    assert facts_of(rows(store, 2)).unsure_hounsfield == 1


def test_values_nobody_can_judge_are_doubted_unless_a_scanner_wrote_them(store):
    (row,) = rows(store, 1)
    unclear = replace(row, quality=replace(row.quality, hu_scale="unknown"))
    written = replace(unclear, technical=Technical(orientation_source="header"))
    assert facts_of([unclear]).unsure_hounsfield == 0
    assert facts_of([written]).unsure_hounsfield == 1


def test_pet_that_is_no_suv_is_counted(store):
    assert facts_of(rows(store, 5, 6)).unsure_suv == 1


def test_lesions_come_from_the_maps_of_a_label_set(store):
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[7:9, 7, 7], labels[15, 15, 15] = 1, 2
    key = f"{1:032x}"
    store.add_label_map("lesions", key, labels, affine=np.eye(4))
    found = lesion_points(store, "lesions", rows(store, 1, 3))
    assert set(found) == {key}
    assert [lesion.tolist() for lesion in found[key]] == [[[7, 7, 7], [8, 7, 7]], [[15, 15, 15]]]
    assert facts_of(rows(store, 1, 3), with_lesions=found).with_lesions == 1


def test_acceptances_go_by_flag():
    why = "Compared with the reports of ten patients."
    assert accepted_of((AcceptConfig(flag="laterality", justification=why),)) == {
        Flag.LATERALITY: why
    }


@pytest.mark.parametrize("empty", [" " * 30, "\n" * 30, "x" * 30, "fine. " * 5, "0.5 " * 10])
def test_what_says_nothing_is_no_justification(empty):
    with pytest.raises(ValueError, match="different letters"):
        AcceptConfig(flag="laterality", justification=empty)


def test_a_justification_may_be_in_any_script():
    why = "十例与报告逐一核对 左右方向全部一致 由两位医师共同确认"
    assert AcceptConfig(flag="laterality", justification=why).justification == why


def test_nine_of_ten_ct_have_at_least_so_much_noise(store):
    (row,) = rows(store, 1)

    def noisy(sd, **changes):
        return replace(row, quality=replace(row.quality, noise_sd=sd), **changes)

    many = [noisy(float(sd)) for sd in range(1, 21)]
    least = facts_of(many).noise_sd
    assert sum(each.quality.noise_sd >= least for each in many) >= 18
    assert least == 2.0
    # What has no noise was never scanned, and what may be no HU has none in HU.
    others = [noisy(0.0), noisy(0.5, modality="PT"), replace(many[0], technical=Technical())]
    doubted = replace(others[2], quality=replace(row.quality, noise_sd=0.5, hu_scale="unknown"))
    assert facts_of([*others[:2], doubted, noisy(8.0)]).noise_sd == 8.0
    assert facts_of(rows(store, 5, 6)).noise_sd == 0.0
