"""Diagnostics at values known in closed form."""

import numpy as np
import pytest
from scipy.special import hyp0f1

from medcl.errors import InputError
from medcl.evaluation.diagnostics import (
    alignment,
    effective_rank,
    knn_accuracy,
    std_level,
    uniformity,
)


@pytest.fixture
def gaussian() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1024, 128))


@pytest.mark.parametrize(("ratio", "share"), [(1, 0.80), (2, 0.93), (4, 0.97), (10, 0.99)])
def test_effective_rank_of_noise_is_the_known_share_of_dimensions(ratio, share) -> None:
    rows = np.random.default_rng(1).normal(size=(64 * ratio, 64))
    assert effective_rank(rows) / 64 == pytest.approx(share, abs=0.02)


def test_effective_rank_counts_equal_directions() -> None:
    rows = np.concatenate([np.eye(6)[:3], -np.eye(6)[:3]])
    assert effective_rank(rows) == pytest.approx(3)
    assert effective_rank(np.ones((9, 4))) == pytest.approx(1)
    assert effective_rank(np.zeros((9, 4))) == 0


def test_centring_removes_a_common_offset() -> None:
    rows = np.concatenate([np.eye(6)[:3], -np.eye(6)[:3]]) + 100.0
    assert effective_rank(rows, centred=True) == pytest.approx(3)
    assert effective_rank(rows) < 1.2


def test_uniformity_has_its_known_values(gaussian: np.ndarray) -> None:
    assert uniformity(np.eye(8)) == pytest.approx(-4)
    assert uniformity(np.array([[1.0, 0.0], [-2.0, 0.0]])) == pytest.approx(-8)
    assert uniformity(np.ones((5, 3))) == pytest.approx(0, abs=1e-9)
    exact = -4 + np.log(hyp0f1(128 / 2, 2.0**2))
    assert exact == pytest.approx(-3.9375, abs=1e-3)
    assert uniformity(gaussian) == pytest.approx(exact, abs=5e-3)


def test_pairs_of_one_patient_do_not_count_for_uniformity() -> None:
    rows = np.repeat(np.eye(4), 2, axis=0)
    patients = np.repeat(np.arange(4), 2)
    assert uniformity(rows, groups=patients) == pytest.approx(-4)
    assert uniformity(rows) > -4
    with pytest.raises(InputError, match="no such pair"):
        uniformity(rows, groups=np.zeros(8, dtype=int))


def test_alignment_is_zero_for_equal_and_two_for_unrelated_views(gaussian: np.ndarray) -> None:
    assert alignment(gaussian, 7 * gaussian) == pytest.approx(0)
    assert alignment(gaussian, -gaussian) == pytest.approx(4)
    assert alignment(gaussian[:512], gaussian[512:]) == pytest.approx(2, abs=0.03)


def test_std_level_is_one_when_spread_and_zero_when_collapsed(gaussian: np.ndarray) -> None:
    assert std_level(gaussian) == pytest.approx(1, abs=0.01)
    assert std_level(np.ones((10, 4))) == pytest.approx(0, abs=1e-9)


def test_all_diagnostics_ignore_rotation_and_length(gaussian: np.ndarray) -> None:
    rows = gaussian[:200, :16]
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(16, 16)))
    assert uniformity(3 * rows @ rotation) == pytest.approx(uniformity(rows))
    assert effective_rank(3 * rows @ rotation) == pytest.approx(effective_rank(rows))


def test_neighbours_find_clusters_and_guess_on_noise(gaussian: np.ndarray) -> None:
    classes = np.arange(512) % 2
    apart = gaussian[:512, :8] + 6 * np.eye(8)[classes]
    split = {"queries": apart[256:], "query_classes": classes[256:]}
    assert knn_accuracy(apart[:256], classes[:256], **split) > 0.99
    noise = {"queries": gaussian[512:], "query_classes": classes}
    assert knn_accuracy(gaussian[:512], classes, **noise) == pytest.approx(0.5, abs=0.08)


def test_nearer_neighbours_weigh_more() -> None:
    rows = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    query = {"queries": np.array([[1.0, 0.0]]), "query_classes": np.array([0])}
    assert knn_accuracy(rows, np.array([0, 1, 1]), **query, temperature=0.07) == 1.0
    assert knn_accuracy(rows, np.array([0, 1, 1]), **query, temperature=10.0) == 0.0
