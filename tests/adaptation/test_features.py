import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from medcl.adaptation.features import extract, plain_views
from medcl.adaptation.probe import fit_probe
from medcl.adaptation.voxel_baseline import voxel_features

CPU = torch.device("cpu")


def test_features_are_those_of_each_volume_alone(encoder, store, policy):
    rows = store.rows()[:5]
    together = extract(encoder, store=store, rows=rows, policy=policy, device=CPU, batch_size=4)
    assert together.shape == (5, encoder.num_features)
    assert together.dtype == np.float32
    for row, features in zip(rows, together, strict=True):
        alone = extract(encoder, store=store, rows=[row], policy=policy, device=CPU)[0]
        assert features == pytest.approx(alone, abs=1e-5)


def test_extracting_leaves_the_encoder_as_it_was(encoder, store, policy):
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    encoder.train()
    extract(encoder, store=store, rows=store.rows()[:2], policy=policy, device=CPU)
    assert encoder.training
    assert all(torch.equal(before[name], t) for name, t in encoder.state_dict().items())
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_progress_counts_volumes(encoder, store, policy):
    seen = []
    rows = store.rows()[:5]
    report = lambda done, total: seen.append((done, total))  # noqa: E731
    extract(encoder, store=store, rows=rows, policy=policy, device=CPU, batch_size=2, report=report)
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_no_volumes_have_no_features(encoder, store, policy):
    empty = extract(encoder, store=store, rows=[], policy=policy, device=CPU)
    assert empty.shape == (0, encoder.num_features)


def test_voxel_features_are_pooled_plain_views(store, policy):
    rows = store.rows()[:3]
    features = voxel_features(store=store, rows=rows, policy=policy, device=CPU, batch_size=2)
    views = plain_views(store, rows, policy=policy, device=CPU)
    assert features.shape == (3, 16**3)
    expected = F.adaptive_avg_pool3d(views, 16).flatten(1).numpy()
    assert features == pytest.approx(expected, abs=1e-6)


def test_a_probe_on_voxels_tells_the_classes_apart(classes, policy):
    tables = [
        voxel_features(
            store=classes.store, rows=[case.row for case in part], policy=policy, device=CPU
        )
        for part in (classes.train, classes.test)
    ]
    targets = np.array([case.target for case in classes.train])
    keys = [case.row.patient_key for case in classes.train]
    probe = fit_probe(tables[0], targets, keys, num_classes=2)
    truth = [case.target for case in classes.test]
    assert roc_auc_score(truth, probe.scores(tables[1])[:, 1]) > 0.8
