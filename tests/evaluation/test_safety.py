"""An audit finds what a policy does to real pictures, and is void if its controls pass."""

import json
from dataclasses import replace

import numpy as np
import pytest

from medcl.augment.crop import Crop
from medcl.augment.defaults import ct_strict, mr_weighted
from medcl.augment.grid import ViewGrid
from medcl.augment.refusable import Flip, HuOffset
from medcl.augment.rotation import Rotation
from medcl.augment.scale import Scale
from medcl.augment.views import Source, draw
from medcl.evaluation import safety
from medcl.evaluation.safety import Case, audit_views
from medcl.evaluation.safety_measures import fitted_affine, turn_and_zoom
from medcl.geometry.affine import rotation

GRID = ViewGrid(size_voxels=(20, 20, 20), spacing_mm=(2.0, 2.0, 2.0))


def phantom(patient, seed):
    """Soft tissue with fat, bone and lung inside, noise of 6 HU, oblique LPS axes."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, 44),) * 3, indexing="ij")
    hounsfield = np.full((44, 44, 44), 55.0)
    for value, centre in ((-95, (0.5, 0, 0)), (700, (-0.5, 0.4, 0)), (-800, (0, -0.5, 0.3))):
        distance = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
        hounsfield[distance < 0.16] = value
    affine = rotation(np.array([4.0, 3.0, 5.0])) @ np.diag([-1.6, -1.6, 2.0, 1.0])
    array = (hounsfield + rng.normal(0, 4, hounsfield.shape)).astype(np.float32)[None]
    source = Source(word=f"key-{seed}", shape=(44, 44, 44), affine=affine, low=-800.0, high=700.0)
    return Case(source=source, patient=patient, array=array)


@pytest.fixture(scope="module")
def cases():
    return [phantom("a", 1), phantom("b", 2)]


def audit(policy, cases, **kwargs):
    report = audit_views(policy, cases, **{"draws": 3, "corners": 2} | kwargs)
    return report, {finding.name: finding for finding in report.findings}


def with_transform(policy, transform):
    return replace(policy, transforms=(*policy.transforms, transform))


def test_the_default_ct_policy_passes_and_every_control_fails(cases):
    report, found = audit(ct_strict(grid=GRID), cases)
    assert report.is_safe
    assert not report.is_void
    assert set(report.controls) == {
        "mirrored left to right",
        "magnified 1.1 times",
        "50 HU added",
    }
    assert found["hu_drift_muscle"].worst < 5
    assert found["orientation"].worst == pytest.approx(10, abs=0.1)
    assert found["overlap"].worst >= 0.47
    assert found["orientation"].num_draws == 2 * 2 * (3 + 2)
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("transform", "name", "worst"),
    [
        (Flip(axis="z", probability=1.0), "mirrored", 1.0),
        (HuOffset(offset_hu=(30.0, 30.0)), "hu_drift_muscle", 30.0),
        (Scale(zoom=(1.08, 1.08)), "scale", 0.08),
        (Rotation(max_degrees=40.0), "orientation", 40.0),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_what_a_policy_breaks_is_measured_in_its_unit(transform, name, worst, cases):
    policy = replace(ct_strict(grid=GRID), transforms=(Crop(min_overlap=0.0),))
    report, found = audit(with_transform(policy, transform), cases, corners=1)
    assert not report.is_safe
    assert found[name].status == "fail"
    assert found[name].worst == pytest.approx(worst, rel=0.03)


def test_a_difference_between_two_views_is_measured_as_such(cases):
    policy = replace(ct_strict(grid=GRID), transforms=(Scale(zoom=(0.975, 1.025)),))
    _, found = audit(policy, cases, draws=1, corners=6)
    assert found["scale"].status == "pass"
    assert found["scale_between_views"].status == "fail"


def test_an_audit_whose_controls_pass_is_void(cases, monkeypatch):
    monkeypatch.setattr(safety, "_fails", lambda *_args: False)
    report, _ = audit(ct_strict(grid=GRID), cases, draws=1, corners=0)
    assert report.is_void
    assert not report.is_safe


def test_the_renderer_is_asked_where_a_view_lies_not_the_drawn_parameters(cases):
    source = cases[0].source
    policy = replace(ct_strict(grid=GRID), transforms=(Scale(zoom=(1.1, 1.1)),))
    (lattice,) = draw(policy, [source], seed=0, step=0, view=0).lattices
    affine = fitted_affine(lattice, source.affine)
    angle, zooms = turn_and_zoom(affine[:3, :3] / 2.0)
    assert angle == pytest.approx(0, abs=0.05)
    assert zooms == pytest.approx((1.1, 1.1), abs=0.002)


def test_a_thin_slab_of_fine_slices_is_not_called_scaled():
    """Its blur to the resolution of the view reaches the edge of the volume everywhere."""
    affine = np.diag([0.7, 0.7, 1.25, 1.0])
    slab = Source(word="slab", shape=(60, 60, 12), affine=affine)
    grid = ViewGrid(size_voxels=(40, 40, 6), spacing_mm=(0.7, 0.7, 2.5))
    policy = replace(ct_strict(grid=grid), transforms=(Crop(min_overlap=0.5),))
    (lattice,) = draw(policy, [slab], seed=0, step=0, view=0).lattices
    assert lattice.prefilter[2] > 0.5
    _, zooms = turn_and_zoom(fitted_affine(lattice, affine)[:3, :3] / np.array(grid.spacing_mm))
    assert zooms == pytest.approx((1.0, 1.0), abs=1e-4)


def test_figures_are_averaged_within_a_patient_first():
    pairs = [("a", 0.0)] * 9 + [("b", 10.0)]
    finding = safety._finding("scale", pairs, safety._LIMITS["scale"])
    assert finding.mean == 5.0
    assert finding.interval == (0.0, 10.0)
    assert finding.worst == 10.0


def test_an_audit_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one volume"):
        audit_views(ct_strict(grid=GRID), [])


def test_weighted_mr_is_audited_without_hounsfield_units(cases):
    report, found = audit(mr_weighted(grid=GRID), cases, draws=2, corners=1)
    assert not any(name.startswith("hu_") for name in found)
    assert not report.is_void
