import pytest
import torch

from medcl.adaptation import shelf as shelves
from medcl.adaptation.shelf import Shelf
from medcl.geometry.boxes import Box

CPU = torch.device("cpu")


@pytest.fixture
def shelf(store):
    return Shelf(store, store.rows()[:4])


def rendered(shelf, policy, places, *, seed=0, step=0, **options):
    return shelf.render(shelf.draw(policy, places, seed=seed, step=step, **options), device=CPU)


def test_views_change_from_step_to_step_and_with_the_seed_only(shelf, policy):
    first, again = (rendered(shelf, policy, [0, 2]) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, rendered(shelf, policy, [0, 2], step=1))
    assert not torch.equal(first, rendered(shelf, policy, [0, 2], seed=1))


def test_a_place_that_comes_up_again_gets_another_view(shelf, policy):
    views = rendered(shelf, policy, [1, 3, 1])
    assert not torch.equal(views[0], views[2])
    assert torch.equal(views[:2], rendered(shelf, policy, [1, 3]))


def test_volumes_too_many_to_hold_are_read_from_the_store(store, shelf, policy, monkeypatch):
    monkeypatch.setattr(shelves, "MEMORY_VOXELS", 0)
    reading = Shelf(store, store.rows()[:4])
    assert torch.equal(rendered(shelf, policy, [0, 3]), rendered(reading, policy, [0, 3]))


def test_a_crop_keeps_to_the_body_it_is_given(shelf, policy):
    body = Box((0, 0, 0), (1, 1, 1))
    drawn = [shelf.draw(policy, [0], seed=0, step=0, bodies=[given]) for given in (body, None)]
    assert drawn[0].sources[0].body == body
    assert (drawn[0].poses[0].centre_mm != drawn[1].poses[0].centre_mm).any()
