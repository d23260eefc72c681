"""Pretraining with local views: what they are matched with, and that nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from medcl.augment.checking import require_safe
from medcl.augment.contract import Flag
from medcl.augment.grid import LocalViews
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.transforms.crop import Crop
from medcl.augment.views import draw_locals
from medcl.store.viewing import source_of
from medcl.training import checkpoint as checkpoints
from medcl.training.batches import BatchReader
from medcl.training.cohort import Cohort
from medcl.training.loop import pretrain
from medcl.training.recipe import Machine
from medcl.training.sampler import PatientSampler
from tests.training.small_run import RECIPE
from tests.training.test_loop import parameters, stop_after

CPU = torch.device("cpu")
MACHINE = Machine(device="cpu", report_every_steps=1, workers=1)


@pytest.fixture(scope="module")
def cropped(policy):
    """The small policy with three local views of half its size in mm."""
    local = LocalViews(count=3, size_voxels=(16, 16, 16), spacing_mm=(0.5, 0.5, 0.5))
    return replace(policy, local=local)


def rendered(store, policy, *, rows=slice(0, 4), start=0, stop=1, **changes):
    reader = BatchReader(
        store=store,
        policy=policy,
        sampler=PatientSampler(store.rows(), batch_size=4, seed=3),
        rows=rows,
        seed=3,
        workers=1,
        prefetch_steps=1,
        **changes,
    )
    with reader.batches(start, stop) as batches:
        return [(batch, batch.render(CPU)) for batch in batches]


def test_local_views_come_beside_global_views_that_stay_what_they_were(store, policy, cropped):
    ((_, (a, b, ids)),) = rendered(store, policy)
    ((batch, (c, d, same, *local)),) = rendered(store, cropped)
    assert torch.equal(a, c)
    assert torch.equal(b, d)
    assert torch.equal(ids, same)
    assert [tuple(views.shape) for views in local] == [(4, 1, 16, 16, 16)] * 3
    assert not torch.equal(local[0], local[2])
    sources = [source_of(row) for row in batch.rows]
    drawn = draw_locals(cropped, sources, seed=3, step=0, number=1)
    assert np.array_equal(drawn.poses[2].centre_mm, batch.content.drawn[3].poses[2].centre_mm)


def test_local_views_are_the_same_in_shares_and_in_a_run_that_starts_later(store, cropped):
    whole = rendered(store, cropped, stop=2)[1][1]
    shares = [
        rendered(store, cropped, rows=rows, start=1, stop=2)[0][1]
        for rows in (slice(0, 2), slice(2, 4))
    ]
    for views, *parts in zip(whole, *shares, strict=True):
        assert torch.allclose(views, torch.cat(parts), atol=1e-5)


def test_a_stopped_run_with_local_views_goes_on_to_the_very_same_weights(
    store, cropped, new_method, tmp_path
):
    def run(method, folder, **changes):
        cohort = Cohort(store=store, rows=store.rows())
        given = {"recipe": RECIPE, "machine": MACHINE, **changes}
        return pretrain(method=method, policy=cropped, cohort=cohort, folder=folder, **given)

    straight, resumed = new_method(dropout=0.3), new_method(dropout=0.3)
    whole = run(straight, tmp_path / "a")
    run(new_method(dropout=0.3), tmp_path / "b", report=stop_after(3))
    rest = run(resumed, tmp_path / "b")
    assert rest.resumed_from == 3
    assert torch.equal(parameters(straight), parameters(resumed))
    assert "local_alignment" in whole.metrics


def test_known_lesions_reach_the_crop(store, policy):
    keeping = replace(policy, transforms=(Crop(min_overlap=0.5, lesions="both"),))
    corner = np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 1.0]])
    lesions = {row.key: (corner,) for row in store.rows()}
    ((batch, _),) = rendered(store, keeping, lesions=lesions)
    for drawn in batch.content.drawn:
        for row, pose in zip(batch.rows, drawn.poses, strict=True):
            world = source_of(row, lesions).lesions[0]
            assert pose.shows(world, keeping.grid).all()


def test_what_was_accepted_is_in_the_checkpoint(store, policy, new_method, tmp_path):
    why = "All scans were made on one table, head first."
    verdict = require_safe(
        policy,
        facts=DataFacts(volumes=3, unsaid_orientation=1),
        accepted={Flag.LATERALITY: why, Flag.ORIENTATION: why},
    )
    cohort = Cohort(store=store, rows=store.rows(), verdict=verdict)
    pretrain(
        method=new_method(),
        policy=policy,
        cohort=cohort,
        folder=tmp_path,
        recipe=replace(RECIPE, steps=1, warmup_steps=0),
        machine=MACHINE,
    )
    saved = checkpoints.load_latest(tmp_path / "checkpoints", device=CPU)
    kept = saved.origin.settings["verdict"]["unknown"]
    assert [each["justification"] for each in kept] == [why, why]
