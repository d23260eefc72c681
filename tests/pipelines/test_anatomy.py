"""The label is a property of structure: not of volume, not of brightness."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medcl.geometry.affine import rotation
from medcl.runtime.seeds import generator
from pipelines.synthetic_hospital.acquisition import draw_pose, draw_scan, render
from pipelines.synthetic_hospital.anatomy import draw_anatomy
from pipelines.synthetic_hospital.kidneys import volume_ml


def scan_of(patient, *, joined, kernel="soft"):
    anatomy = draw_anatomy(seed=9, patient=patient, joined=joined)
    words = (9, patient, 0, 0)
    pose = draw_pose(generator(*words, "pose"))
    scan = draw_scan(
        anatomy, words=words, acquisition=words, pose=pose, plane="axial", kernel=kernel
    )
    return anatomy, scan


def kidney_tissue(patient, *, joined):
    anatomy = draw_anatomy(seed=9, patient=patient, joined=joined)
    axes = [np.arange(-70, 70, 2, dtype=np.float32)] * 3
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    return (anatomy.kidneys.solids(points)["cortex"] < 0).reshape(70, 70, 70)


@pytest.mark.parametrize("patient", range(6))
def test_joined_kidneys_are_one_piece_and_others_are_two(patient):
    assert ndimage.label(kidney_tissue(patient, joined=True))[1] == 1
    assert ndimage.label(kidney_tissue(patient, joined=False))[1] == 2


def test_both_classes_have_the_same_volume_of_kidney():
    for patient in range(6):
        joined, apart = (
            volume_ml(draw_anatomy(seed=9, patient=patient, joined=label).kidneys)
            for label in (True, False)
        )
        assert joined == pytest.approx(apart, rel=0.03)


def test_all_that_a_scan_adds_is_blind_to_the_label():
    _, joined = scan_of(3, joined=True)
    _, apart = scan_of(3, joined=False)
    assert joined.tissues_hu == apart.tissues_hu
    assert joined.shape == apart.shape
    np.testing.assert_array_equal(joined.affine, apart.affine)
    np.testing.assert_array_equal(joined.body_to_world, apart.body_to_world)


def test_an_anatomy_differs_between_the_classes_in_its_kidneys_only():
    joined, apart = (draw_anatomy(seed=9, patient=3, joined=label) for label in (True, False))
    assert joined.organs == apart.organs
    assert joined.bowel == apart.bowel
    assert joined.size == apart.size


def test_tissues_have_the_values_of_their_kind():
    anatomy, scan = scan_of(1, joined=False)
    array = render(anatomy, scan).array[0]
    outside = array[0, 0, :]
    assert -1024 <= outside.mean() < -950
    centre = np.asarray(anatomy.kidneys.right.centre) * anatomy.size
    centre[2] += scan.breath_mm * anatomy.size
    world = scan.body_to_world @ np.append(centre, 1.0)
    index = np.rint(np.linalg.inv(scan.affine) @ world)[:3].astype(int)
    near = array[tuple(slice(place - 1, place + 2) for place in index)]
    low, high = sorted((scan.tissues_hu["medulla"], scan.tissues_hu["sinus"]))
    assert low - 30 < near.mean() < high + 60


def test_a_turned_patient_is_seen_turned():
    anatomy, scan = scan_of(2, joined=True)
    angles = np.rad2deg(np.arcsin(scan.body_to_world[1, 0]))
    assert 0 < abs(angles) <= 10.5
    np.testing.assert_allclose(np.linalg.det(scan.body_to_world), 1.0)
    still = render(anatomy, scan).array
    turn = scan.body_to_world @ rotation(np.array([0.0, 0.0, 8.0]))
    object.__setattr__(scan, "body_to_world", turn)
    assert np.abs(render(anatomy, scan).array - still).mean() > 20


def test_the_histogram_does_not_reveal_the_label():
    labels = generator(9, "labels").permutation(np.arange(90) % 2)
    edges = np.r_[-1100, np.arange(-200, 400, 20), 3100]
    features = np.stack(
        [
            np.sqrt(np.histogram(render(*scan_of(patient, joined=bool(label))).array, edges)[0])
            for patient, label in enumerate(labels)
        ]
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))
    model.fit(features[:45], labels[:45])
    area = roc_auc_score(labels[45:], model.decision_function(features[45:]))
    assert 0.3 < area < 0.7
