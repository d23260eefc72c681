import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from medcl.adaptation.probe import FIXED_INVERSE_STRENGTH, fit_probe
from medcl.errors import RequestError


def blobs(number, *, classes=2, features=6, distance=2.0, seed=0):
    draw = np.random.default_rng(seed)
    targets = np.arange(number) % classes
    values = draw.normal(size=(number, features)) * 5 + 40
    values[:, 0] += distance * 5 * targets
    return values.astype(np.float32), targets


def patients(number):
    return [f"{index:032x}" for index in range(number)]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_folded_probe_is_scikit_learn_on_features_of_total_variance_one(classes):
    features, targets = blobs(90, classes=classes)
    probe = fit_probe(features, targets, patients(90), num_classes=classes)
    centre, spread = features.mean(axis=0), np.sqrt(features.var(axis=0).sum())
    reference = LogisticRegression(
        C=probe.inverse_strength, class_weight="balanced", max_iter=2000
    ).fit((features - centre) / spread, targets)
    fresh, _ = blobs(30, classes=classes, seed=1)
    expected = reference.predict_proba((fresh - centre) / spread)
    assert probe.scores(fresh) == pytest.approx(expected, abs=1e-3)
    assert probe.scores(fresh).sum(axis=1) == pytest.approx(1.0)


def test_the_probe_beats_chance_on_new_cases():
    features, targets = blobs(60)
    probe = fit_probe(features, targets, patients(60), num_classes=2)
    fresh, truth = blobs(200, seed=1)
    assert roc_auc_score(truth, probe.scores(fresh)[:, 1]) > 0.85


def test_features_of_pure_noise_are_given_little_weight():
    draw = np.random.default_rng(0)
    features, targets = draw.normal(size=(60, 500)), np.arange(60) % 2
    probe = fit_probe(features, targets, patients(60), num_classes=2)
    scores = probe.scores(draw.normal(size=(200, 500)))
    loss = -np.log(scores[np.arange(200), np.arange(200) % 2]).mean()
    assert loss == pytest.approx(np.log(2), abs=0.1)


def test_the_strength_is_fixed_where_patients_are_too_few_to_choose():
    features, targets = blobs(40)
    few = [f"{index % 8:032x}" for index in range(40)]
    assert fit_probe(features, targets, few, num_classes=2).inverse_strength == (
        FIXED_INVERSE_STRENGTH
    )


def test_volumes_of_a_patient_stay_on_one_side_when_choosing():
    """Copies of a patient's noise on both sides would make an unpenalised fit look good."""
    draw = np.random.default_rng(0)
    own, targets = draw.normal(size=(30, 400)), np.arange(30) % 2
    features, copied = np.repeat(own, 4, axis=0), np.repeat(targets, 4)
    grouped = np.repeat(patients(30), 4).tolist()
    with_groups = fit_probe(features, copied, grouped, num_classes=2)
    without = fit_probe(features, copied, patients(120), num_classes=2)
    assert with_groups.inverse_strength < without.inverse_strength


def test_balancing_lifts_the_rare_class():
    draw = np.random.default_rng(0)
    targets = (np.arange(100) % 10 == 0).astype(int)
    features = draw.normal(size=(100, 2)) + targets[:, None]
    even = fit_probe(features, targets, patients(100), num_classes=2, is_balanced=True)
    plain = fit_probe(features, targets, patients(100), num_classes=2, is_balanced=False)
    assert even.scores(features)[:, 1].mean() > plain.scores(features)[:, 1].mean() + 0.1


def test_a_class_without_cases_is_given_no_chance():
    features, targets = blobs(40)
    probe = fit_probe(features, targets * 2, patients(40), num_classes=3)
    assert probe.scores(features)[:, 1].max() < 1e-6


def test_one_class_alone_is_refused():
    features, targets = blobs(10)
    with pytest.raises(RequestError, match="at least two classes, but all 10"):
        fit_probe(features, targets * 0, patients(10), num_classes=2)


def test_a_common_factor_on_the_features_changes_nothing():
    features, targets = blobs(60)
    one, other = (
        fit_probe(values, targets, patients(60), num_classes=2).scores(values)
        for values in (features, features * 1000)
    )
    assert one == pytest.approx(other, abs=1e-3)


def test_features_that_hardly_vary_do_not_drown_those_that_do():
    features, targets = blobs(30, distance=3.0)
    rim = np.random.default_rng(0).normal(scale=1e-3, size=(230, 300)).astype(np.float32)
    probe = fit_probe(np.hstack([features, rim[:30]]), targets, patients(30), num_classes=2)
    fresh, truth = blobs(200, distance=3.0, seed=1)
    assert roc_auc_score(truth, probe.scores(np.hstack([fresh, rim[30:]]))[:, 1]) > 0.9


def test_features_that_are_all_the_same_say_nothing():
    targets = np.arange(20) % 2
    probe = fit_probe(np.ones((20, 3), np.float32), targets, patients(20), num_classes=2)
    assert probe.scores(np.ones((2, 3), np.float32)) == pytest.approx(0.5)
