"""The losses of this room, each beside a loop written from its paper."""

import math
from collections.abc import Callable

import pytest
import torch

from medcl.objectives.dcl import DCL, dcl
from medcl.objectives.nt_xent import NTXent, nt_xent


def loop_nt_xent(z_a, z_b, *, temperature, excluded=None) -> float:
    return _mean_over_rows(z_a, z_b, temperature, excluded, positive_in_denominator=True)


def loop_dcl(z_a, z_b, *, temperature, excluded=None) -> float:
    return _mean_over_rows(z_a, z_b, temperature, excluded, positive_in_denominator=False)


def _mean_over_rows(z_a, z_b, temperature, excluded, *, positive_in_denominator) -> float:
    rows = [*z_a.tolist(), *z_b.tolist()]
    pairs, total = len(z_a), 0.0
    for i in range(2 * pairs):
        other = (i + pairs) % (2 * pairs)
        negatives = [
            math.exp(_cosine(rows[i], rows[k]) / temperature)
            for k in range(2 * pairs)
            if k not in {i, other} and not (excluded is not None and excluded[i, k])
        ]
        if not negatives:
            continue
        positive = math.exp(_cosine(rows[i], rows[other]) / temperature)
        total -= math.log(positive / (sum(negatives) + positive_in_denominator * positive))
    return total / (2 * pairs)


def _cosine(u: list[float], v: list[float]) -> float:
    return sum(a * b for a, b in zip(u, v, strict=True)) / (math.hypot(*u) * math.hypot(*v))


@pytest.fixture(params=["nt_xent", "dcl"])
def loss(request: pytest.FixtureRequest) -> Callable:
    return {"nt_xent": nt_xent, "dcl": dcl}[request.param]


@pytest.fixture
def loop(loss: Callable) -> Callable:
    return {nt_xent: loop_nt_xent, dcl: loop_dcl}[loss]


@pytest.fixture
def objective(loss: Callable) -> Callable:
    return {nt_xent: NTXent, dcl: DCL}[loss]


@pytest.fixture
def pairs() -> Callable:
    def draw(num_pairs=5, num_dimensions=7, seed=0):
        generator = torch.Generator().manual_seed(seed)
        shape = (2, num_pairs, num_dimensions)
        return tuple(torch.randn(shape, generator=generator, dtype=torch.float64))

    return draw


@pytest.fixture
def simplex() -> Callable:
    """Rows of a regular simplex: every two have cosine -1 / (N - 1)."""

    def make(num_pairs):
        eye = torch.eye(num_pairs, dtype=torch.float64)
        return eye - 1 / num_pairs

    return make
