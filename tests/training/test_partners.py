"""Pairs of two series: whose they may be, and that who reads them changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.drawing.elsewhere import shared
from medcl.augment.grid import LocalViews
from medcl.augment.partner import OtherSeries
from medcl.augment.transforms.cutout import Cutout
from medcl.runtime import seeds
from medcl.store.partners import partners_of
from medcl.store.store import Store
from medcl.training import checkpoint as checkpoints
from medcl.training.batches import BatchReader
from medcl.training.cohort import Cohort
from medcl.training.events import read_events
from medcl.training.loop import pretrain
from medcl.training.pair_count import SHARE, partners_told
from medcl.training.portions import Reading
from medcl.training.recipe import Machine
from medcl.training.sampler import PatientSampler
from tests.training.conftest import accept
from tests.training.small_run import RECIPE
from tests.training.test_loop import parameters, stop_after

CPU = torch.device("cpu")
FRAME, OTHER_FRAME = "a" * 32, "b" * 32
MACHINE = Machine(device="cpu", report_every_steps=1, workers=1)


def add(store, number, *, patient, frame, spacing=1.0, shape=(20, 18, 16), dtype=np.int16):
    """Store a volume about the origin whose every value is 10 times its number."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    noise = seeds.generator("volume", number).normal(size=(1, *shape))
    array = np.clip(noise, -3, 3).astype(dtype) + dtype(10 * number)
    made = accept(number, patient=patient, array=array, affine=affine)
    store.add(replace(made, frame_key=frame, series_key=f"{number:032x}"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Six patients: four with two or three series in one frame, two with nobody beside."""
    store = Store.create(tmp_path_factory.mktemp("partners") / "s", key_fingerprint="0" * 16)
    add(store, 1, patient=1, frame=FRAME)
    add(store, 2, patient=1, frame=FRAME, spacing=0.5, shape=(44, 40, 36))
    add(store, 3, patient=1, frame=OTHER_FRAME)
    add(store, 4, patient=2, frame=FRAME)  # the same words of a frame in another patient
    add(store, 5, patient=2, frame=FRAME, dtype=np.float32)
    for patient in (3, 4):
        for number in (1, 2, 3):
            add(store, 3 * patient + number, patient=patient, frame=f"{patient}" * 32)
    add(store, 20, patient=5, frame=None)
    add(store, 21, patient=5, frame=None)
    add(store, 22, patient=6, frame=FRAME)
    store.close()
    return store


@pytest.fixture
def paired(policy):
    small = LocalViews(count=2, size_voxels=(16, 16, 16), spacing_mm=(0.5, 0.5, 0.5))
    return replace(policy, partner=OtherSeries(probability=0.7), local=small)


def reader(store, policy, *, rows=slice(0, 6), workers=1, patients=6, **changes):
    return BatchReader(
        store=store,
        policy=policy,
        sampler=PatientSampler(store.rows(), batch_size=patients, seed=3),
        rows=rows,
        seed=3,
        workers=workers,
        prefetch_steps=1,
        **changes,
    )


def read(reader, start=0, stop=4):
    with reader.batches(start, stop) as batches:
        return [(batch, batch.render(CPU)) for batch in batches]


def assert_same(one, other):
    for (_, first), (_, second) in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def numbers(views):
    """Return which volume each view shows, from its values."""
    values = [view[view > -1].mean().item() for view in views]
    return [round((value * 1000.0) / 10.0) for value in values]


def test_partners_share_patient_frame_modality_unit_and_channels_and_no_voxels(store):
    rows = {int(row.key, 16): row for row in store.rows()}
    found = {
        int(key, 16): {int(row.key, 16) for row in others}
        for key, others in partners_of(list(rows.values())).items()
    }
    assert found[1] == {2}
    assert found[4] == {5}
    assert found[10] == {11, 12}
    assert set(found) == {1, 2, 4, 5, 10, 11, 12, 13, 14, 15}
    assert partners_of(list(rows.values())) == partners_of(list(rows.values())[::-1])
    for change in (
        {"modality": "PT"},
        {"unit": "a.u."},
        {"num_channels": 2},
        {"frame_key": None},
        {"frame_key": OTHER_FRAME},
        {"patient_key": rows[4].patient_key},
        {"content_sha256": rows[1].content_sha256},
    ):
        assert partners_of([rows[1], replace(rows[2], **change)]) == {}


def test_second_views_show_partners_of_the_same_frame_and_nobody_else(store, paired):
    rows = {int(row.key, 16): row for row in store.rows()}
    beside = {
        int(row.key, 16) for key in partners_of(list(rows.values())) for row in [store.row(key)]
    }
    pairs = []
    for batch, (first, second, ids, even, odd) in read(reader(store, paired), 0, 12):
        assert len(set(ids.tolist())) == 6
        shown, others = numbers(first), numbers(second)
        assert shown == [int(row.key, 16) for row in batch.rows]
        assert numbers(even) == shown
        assert numbers(odd) == others
        pairs += zip(shown, others, strict=True)
    assert all(
        one == other
        or (rows[one].patient_key, rows[one].frame_key)
        == (rows[other].patient_key, rows[other].frame_key)
        for one, other in pairs
    )
    able = [one != other for one, other in pairs if one in beside]
    assert 0.4 < np.mean(able) < 0.9
    assert all(one == other for one, other in pairs if one not in beside)


def test_both_views_of_a_pair_show_one_place_in_mm(store, paired):
    found = 0
    for batch, _ in read(reader(store, paired), 0, 8):
        first, second = batch.content.drawn[:2]
        for place in range(6):
            one, other = first.sources[place], second.sources[place]
            poses = first.poses[place], second.poses[place]
            if one is not other:
                assert shared(poses[0], one, poses[1], other, paired.grid) >= 0.5
                found += 1
    assert found > 5


def test_who_reads_and_where_volumes_are_kept_changes_no_pair(store, paired):
    one = read(reader(store, paired))
    assert_same(one, read(reader(store, paired, workers=3)))
    assert_same(one, read(reader(store, paired, workers=2, kind="processes")))
    assert_same(one, read(reader(store, paired, cache_gib=0.1)))
    assert_same(one, read(reader(store, paired, workers=2, kind="processes", cache_gib=0.1)))
    assert_same(one[2:], read(reader(store, paired), 2, 4))


def test_ranks_have_the_pairs_of_the_whole_batch(store, paired):
    ((_, whole),) = read(reader(store, paired), 1, 2)
    parts = [
        read(reader(store, paired, rows=rows), 1, 2)[0][1] for rows in (slice(0, 3), slice(3, 6))
    ]
    for views, *shares in zip(whole, *parts, strict=True):
        assert torch.equal(views, torch.cat(shares))


def test_processes_find_room_in_shared_memory_for_what_partners_take(store, paired):
    volumes = [row for row in store.rows() if row.dtype == "int16"]
    reading = Reading(store=store, policy=paired, seed=3, partners=partners_of(volumes))
    for step in range(6):
        some = volumes[step : step + 3]
        taken = sum(strip.voxels.nbytes for strip in reading.portion(some, step).strips)
        assert taken <= reading.num_bytes(some, step) < taken + 5 * 3 * 64


def test_without_partners_in_the_cohort_views_are_what_they_were_and_it_is_said(
    store, policy, caplog
):
    alone = [row for row in store.rows() if int(row.key, 16) in (1, 3, 4, 9 + 1, 13, 20, 22)]
    sampler = PatientSampler(alone, batch_size=6, seed=3)
    wanting = replace(policy, partner=OtherSeries(probability=1.0))
    readers = [replace(reader(store, each), sampler=sampler) for each in (policy, wanting)]
    one, other = (read(each) for each in readers)
    assert_same(one, other)
    assert "no two volumes of the cohort show one patient in one frame" in caplog.text


def test_a_volume_that_is_not_in_the_cohort_is_nobodys_partner(store, paired):
    held_out = {2, 5, 11, 14}
    rows = [row for row in store.rows() if int(row.key, 16) not in held_out]
    sampler = PatientSampler(rows, batch_size=6, seed=3)
    for _, (first, second, *_) in read(replace(reader(store, paired), sampler=sampler), 0, 8):
        assert not held_out & {*numbers(first), *numbers(second)}


def test_views_keep_off_the_lesions_of_the_volume_that_they_are_of(tmp_path, policy):
    store = Store.create(tmp_path / "s", key_fingerprint="0" * 16)
    for number in range(1, 9):
        add(store, number, patient=(number + 1) // 2, frame=FRAME)
    shape = (20, 18, 16)
    rows = {int(row.key, 16): row for row in store.rows()}
    for number, everywhere in ((1, 0), (2, 1), (3, 1), (4, 0), (5, 0)):  # 6, 7 and 8 unmarked
        marks = np.full(shape, everywhere, np.uint8)
        store.add_label_map("lesions", rows[number].key, marks, affine=rows[number].affine)
    cut = Cutout(fraction=(0.1, 0.1), edge_mm=2.0, probability=1.0)
    hiding = replace(
        policy,
        transforms=(*policy.transforms, cut),
        partner=OtherSeries(probability=1.0),
    )
    made = reader(store, hiding, rows=slice(0, 4), patients=4, lesion_set="lesions")
    seen = set()
    for _, (first, second, _) in read(made, 0, 6):
        for views in (first, second):
            for number, view in zip(numbers(views), views, strict=True):
                assert bool((view == -1).any()) == (number in (1, 4, 5))
                seen.add(number)
    assert seen == set(range(1, 9))


def test_a_run_tells_how_many_pairs_were_of_two_series(store, policy, paired, new_method, tmp_path):
    def run(views, rows, folder):
        cohort = Cohort(store=store, rows=rows)
        return pretrain(
            method=new_method(),
            policy=views,
            cohort=cohort,
            folder=tmp_path / folder,
            recipe=RECIPE,
            machine=MACHINE,
        )

    rows = store.rows()
    found = run(paired, rows, "paired")
    sampler = PatientSampler(rows, batch_size=RECIPE.batch_size, seed=RECIPE.seed)
    made = replace(reader(store, paired), sampler=sampler, seed=RECIPE.seed)
    of_two = [
        one != other
        for _, (first, second, *_) in read(replace(made, rows=slice(0, 4)), 0, RECIPE.steps)
        for one, other in zip(numbers(first), numbers(second), strict=True)
    ]
    assert 0 < sum(of_two) < len(of_two)
    assert found.metrics[SHARE] == pytest.approx(np.mean(of_two))
    steps = [each for each in read_events(tmp_path / "paired/events.jsonl") if "loss" in each]
    assert np.mean([each["metrics"][SHARE] for each in steps]) == pytest.approx(np.mean(of_two))
    alone = [row for row in rows if int(row.key, 16) in (1, 3, 4, 10, 13, 20, 22)]
    assert run(paired, alone, "alone").metrics[SHARE] == 0.0
    assert SHARE not in run(policy, rows, "unasked").metrics
    never = replace(paired, partner=OtherSeries(probability=0.0))
    assert SHARE not in run(never, rows, "never").metrics
    assert "asks for partners, but no pair had one" in partners_told(0.0)


def test_a_stopped_run_with_partners_goes_on_to_the_very_same_weights(
    store, paired, new_method, tmp_path
):
    def run(method, folder, **changes):
        cohort = Cohort(store=store, rows=store.rows())
        given = {"recipe": RECIPE, "machine": MACHINE, **changes}
        return pretrain(method=method, policy=paired, cohort=cohort, folder=folder, **given)

    straight, resumed = new_method(dropout=0.3), new_method(dropout=0.3)
    run(straight, tmp_path / "a")
    run(new_method(dropout=0.3), tmp_path / "b", report=stop_after(3))
    assert run(resumed, tmp_path / "b").resumed_from == 3
    assert torch.equal(parameters(straight), parameters(resumed))
    saved = checkpoints.load_latest(tmp_path / "a/checkpoints", device=CPU)
    assert saved.origin.policy_hash == paired.hash
