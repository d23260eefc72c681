import torch

from medcl.augment.random_field import seed_words
from medcl.augment.rendering.numbers import Numbers, columns_of, parameters_of, tabled
from medcl.augment.transforms.gain import Gain, Gamma

TRANSFORMS = {"gain": Gain(factor=(0.9, 1.1)), "gamma": Gamma(exponent=(0.8, 1.25))}
STILL = {name: transform.identity() for name, transform in TRANSFORMS.items()}


def test_a_table_holds_what_was_drawn_and_says_which_transforms_act():
    drawn = [{**STILL, "gamma": {"exponent": (1.2,)}}, STILL]
    numbers = tabled([(0.0, 5.0), (1.0, 6.0)], TRANSFORMS, drawn, [3, 4])
    _, gamma = columns_of(list(TRANSFORMS.values()))
    exponents = parameters_of(numbers.table, gamma)["exponent"]
    assert torch.equal(exponents, torch.tensor([[1.2], [1.0]]))
    assert torch.equal(numbers.table[:, :2], torch.tensor([[0.0, 5.0], [1.0, 6.0]]))
    assert [numbers.is_active(stream) for stream in (0, 1)] == [False, True]
    assert not numbers.row(1).is_active(1)


def test_tables_joined_are_the_table_of_all():
    numbers = tabled([(0.0, 5.0), (1.0, 6.0)], TRANSFORMS, [STILL, STILL], [3, 4])
    both = Numbers.joined([numbers.row(0), numbers.row(1)])
    assert torch.equal(both.table, numbers.table)
    assert torch.equal(both.words, seed_words([3, 4]))
    assert (both.active == numbers.active).all()
