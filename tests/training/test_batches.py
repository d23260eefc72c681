import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment import views
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.strip import Strip
from medcl.augment.rendering.strip_building import strip_within
from medcl.augment.transforms.cutout import Cutout
from medcl.errors import CorruptionError, InputError, PolicyError
from medcl.store.store import Store
from medcl.store.viewing import source_of
from medcl.training.batches import BatchReader
from medcl.training.portions import Reading
from medcl.training.readers import Readers
from medcl.training.regions import Regions
from medcl.training.resident import resident
from medcl.training.sampler import PatientSampler
from tests.training.conftest import accept

CPU = torch.device("cpu")


def reader(store, policy, *, rows=slice(0, 4), workers=1, prefetch_steps=1):
    return BatchReader(
        store=store,
        policy=policy,
        sampler=PatientSampler(store.rows(), batch_size=4, seed=3),
        rows=rows,
        seed=3,
        workers=workers,
        prefetch_steps=prefetch_steps,
    )


def rendered(reader, start=0, stop=3):
    with reader.batches(start, stop) as batches:
        return [batch.render(CPU) for batch in batches]


def test_views_do_not_depend_on_threads_or_on_reading_ahead(store, policy):
    one = rendered(reader(store, policy))
    many = rendered(reader(store, policy, workers=4, prefetch_steps=5))
    assert len(one) == len(many) == 3
    for first, second in zip(one, many, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_run_that_starts_later_gets_the_same_batches(store, policy):
    whole = rendered(reader(store, policy), 0, 3)
    rest = rendered(reader(store, policy), 2, 3)
    assert all(torch.equal(a, b) for a, b in zip(whole[2], rest[0], strict=True))


def test_shares_of_processes_make_up_the_batch(store, policy):
    ((a, b, ids),) = rendered(reader(store, policy), 0, 1)
    parts = [rendered(reader(store, policy, rows=r), 0, 1)[0] for r in (slice(0, 2), slice(2, 4))]
    assert torch.equal(a, torch.cat([part[0] for part in parts]))
    assert torch.equal(b, torch.cat([part[1] for part in parts]))
    assert torch.equal(ids, torch.cat([part[2] for part in parts]))


def test_views_are_those_of_the_policy_read_one_by_one(store, policy):
    with reader(store, policy).batches(5, 6) as batches:
        (batch,) = batches
    drawn = views.draw(policy, [source_of(batch.rows[2])], seed=3, step=5, view=1)
    voxels = store.read_box(batch.rows[2].key, views.boxes(drawn)[0])
    alone, _ = views.render(drawn, [voxels], [None], device=CPU)
    assert torch.allclose(batch.render(CPU)[1][2], alone[0], atol=1e-6)


def test_two_views_differ(store, policy):
    ((a, b, _),) = rendered(reader(store, policy), 0, 1)
    assert not torch.equal(a, b)


def test_batches_are_read_while_the_one_before_is_used(store, policy, monkeypatch):
    began, read_box = [], store.read_exact_box
    monkeypatch.setattr(
        store, "read_exact_box", lambda key, box: began.append(key) or read_box(key, box)
    )
    with reader(store, policy, prefetch_steps=2).batches(0, 3) as batches:
        next(batches)
        deadline = time.monotonic() + 10
        while len(began) < 3 * 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(began) >= 3 * 4


def test_no_more_is_read_ahead_than_asked(store, policy, monkeypatch):
    began, read_box = [], store.read_exact_box
    monkeypatch.setattr(
        store, "read_exact_box", lambda key, box: began.append(key) or read_box(key, box)
    )
    with reader(store, policy, prefetch_steps=1).batches(0, 9) as batches:
        next(batches)
        time.sleep(0.3)
        assert len(set(began)) <= 2 * 4


def test_threads_end_with_the_block(store, policy):
    with reader(store, policy, workers=3).batches(0, 100) as batches:
        next(batches)
    assert not [t for t in threading.enumerate() if t.name.startswith("medcl-read")]


def test_a_volume_that_cannot_be_read_stops_the_run(store, policy, monkeypatch):
    def gone(_key, _box):
        raise InputError("gone")

    monkeypatch.setattr(store, "read_exact_box", gone)
    with reader(store, policy).batches(0, 1) as batches, pytest.raises(InputError, match="gone"):
        next(batches)


def test_unmeasured_voxels_are_passed_on(store, policy, monkeypatch):
    monkeypatch.setattr(store, "read_validity", lambda _key, box: np.zeros(box.shape, bool))
    ((a, _, _),) = rendered(reader(store, policy), 0, 1)
    assert (a == -1).all()


def test_lesions_reach_the_views_that_keep_off_them(tmp_path, policy):
    store = Store.create(tmp_path / "s", key_fingerprint="0" * 16)
    array = np.zeros((1, 20, 18, 16), np.int16)
    for number in range(1, 5):
        noisy = array + np.random.default_rng(number).integers(0, 9, array.shape).astype(np.int16)
        store.add(accept(number, array=noisy))
    clear, marked = np.zeros(array.shape[1:], np.uint8), np.ones(array.shape[1:], np.uint8)
    rows = store.rows()
    store.add_label_map("lesions", rows[0].key, clear, affine=np.eye(4))
    store.add_label_map("lesions", rows[1].key, marked, affine=np.eye(4))
    cut = Cutout(fraction=(0.1, 0.1), edge_mm=2.0)
    hiding = replace(policy, transforms=(*policy.transforms, cut))
    with replace(reader(store, hiding), lesion_set="lesions").batches(0, 1) as batches:
        (batch,) = batches
    first, _, _ = batch.render(CPU)
    filled = {row.key: bool((first[n] == -1).any()) for n, row in enumerate(batch.rows)}
    assert filled == {row.key: row.key == rows[0].key for row in rows}
    with reader(store, hiding).batches(0, 1) as batches, pytest.raises(PolicyError):
        next(batches).render(CPU)


def test_views_do_not_depend_on_whether_threads_or_processes_read(store, policy):
    one = rendered(reader(store, policy), 0, 2)
    other = rendered(replace(reader(store, policy, workers=2), kind="processes"), 0, 2)
    for first, second in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_processes_pass_on_why_a_volume_cannot_be_read(store, policy):
    path = store.folder / "volumes"
    hidden = path.rename(path.with_name("hidden"))
    try:
        lost = replace(reader(store, policy), kind="processes")
        with lost.batches(0, 1) as batches, pytest.raises(CorruptionError, match="not what was"):
            next(batches)
    finally:
        hidden.rename(path)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_views_do_not_depend_on_whether_the_device_keeps_the_volumes(store, policy, kind):
    one = rendered(reader(store, policy), 0, 3)
    kept = rendered(replace(reader(store, policy), cache_gib=0.1, kind=kind), 0, 3)
    for first, second in zip(one, kept, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_volumes_that_the_device_keeps_are_read_once(store, policy, monkeypatch):
    read, read_box = [], store.read_exact_box
    monkeypatch.setattr(
        store, "read_exact_box", lambda key, box: read.append(key) or read_box(key, box)
    )
    rendered(replace(reader(store, policy), cache_gib=0.1), 0, 6)
    assert sorted(read) == sorted(row.key for row in store.rows())


def test_volumes_that_do_not_fit_on_the_device_are_read_as_ever(store, policy, caplog):
    one = rendered(reader(store, policy), 0, 1)
    tried = rendered(replace(reader(store, policy), cache_gib=1e-6), 0, 1)
    assert all(torch.equal(a, b) for a, b in zip(one[0], tried[0], strict=True))
    assert "more than the 1e-06 GiB that device_cache_gib grants" in caplog.text


def test_masks_and_coarse_views_come_out_of_kept_volumes_alike(tmp_path, policy):
    store = Store.create(tmp_path / "s", key_fingerprint="0" * 16)
    rng = np.random.default_rng(0)
    for number in range(1, 5):
        shape = (2, 24 + number, 18, 16)
        made = accept(number, array=rng.normal(size=shape).astype(np.float32))
        valid = rng.random(shape[1:]) > 0.01
        store.add(replace(made, volume=replace(made.volume, validity=valid)))
    coarse = replace(policy, grid=replace(policy.grid, spacing_mm=(2.0, 2.0, 2.0)))
    for each in (policy, coarse):
        one = rendered(reader(store, each), 0, 2)
        kept = rendered(replace(reader(store, each), cache_gib=0.1), 0, 2)
        assert one[0][0].std() > 0
        for first, second in zip(one, kept, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_voxels_left_in_shared_memory_are_found_there_and_what_does_not_fit_is_sent(store, policy):
    reading = Reading(store=store, policy=policy, seed=3)
    rows = store.rows()[:2]
    portion = reading.portion(rows, 0)
    regions = Regions(reading.num_bytes(rows, 0), 2)
    try:
        region = regions.part(1)
        left = portion.left_in(region)
        assert all(len(strip.voxels) == 0 for strip in left.strips)
        found = left.found_in(region)
        for one, other in zip(portion.strips, found.strips, strict=True):
            assert torch.equal(one.voxels, other.voxels)
        assert portion.left_in(region[:100]) is portion
        del found, region, one, other
    finally:
        regions.close()


def test_processes_send_no_voxels(store, policy):
    reading = Reading(store=store, policy=policy, seed=3)
    rows = store.rows()[:4]
    readers = Readers(reading, kind="processes", workers=2, volumes=rows, example=rows, batches=1)
    try:
        parts = readers.submit(rows, 0)
        assert all(len(part.result().spans) == 2 for part, _ in parts)
        assert readers.submit(rows, 1)[0][1] is None  # all regions are taken until `batch`
        readers.batch(parts, pin=False)
        assert readers.submit(rows, 2)[0][1] is not None
    finally:
        readers.close()
        readers.release()


def test_kept_volumes_need_no_copy_for_what_a_kernel_reads_beyond_them(store):
    rows = store.rows()
    kept = resident(store, rows, device=CPU, limit_gib=0.1, workers=1)
    places = [(kept.starts[row.key], row.shape) for row in rows]
    # Each view is a whole volume and more, so that the last voxel of the last one is sampled.
    lattices = [Lattice(np.eye(4), (99, 99, 99), row.shape) for row in rows]
    strips = [strip_within(lattices, places, channels=rows[0].num_channels)]
    strip = Strip.inside(strips, kept.voxels, kept.valid, pin=False)
    assert strip.roomy().voxels is kept.voxels
    assert int(strip.where[:, 0].max()) + int(np.prod(rows[-1].shape)) < len(kept.voxels)
