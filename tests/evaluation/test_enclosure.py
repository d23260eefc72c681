"""A contract's bounds enclose what its transform does, for every transform there is."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from medcl.augment.bias_field import BiasField
from medcl.augment.blur import Blur
from medcl.augment.catalogue import Transform
from medcl.augment.crop import Crop
from medcl.augment.defaults import ct_strict
from medcl.augment.gain import Gain, Gamma
from medcl.augment.grid import ViewGrid
from medcl.augment.noise import GaussianNoise, RicianNoise
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.refusable import Flip, HuOffset, ResizedCrop
from medcl.augment.rotation import Rotation
from medcl.augment.scale import Scale
from medcl.augment.translation import Translation
from medcl.evaluation.anatomy import anatomy_of
from medcl.evaluation.enclosure import enclosures
from tests.evaluation.phantoms import phantom

SPACING = 1.6
WINDOWS = {
    "CT": FixedWindow(low=-1000.0, high=1000.0),
    "MR_WEIGHTED": PercentileWindow(),
    "MR_QUANTITATIVE": FixedWindow(low=0.0, high=3000.0),
    "PT": FixedWindow(low=0.0, high=20.0),
    "OT": FixedWindow(low=0.0, high=1.0),
}
EXAMPLES = {
    "crop": (Crop(min_overlap=0.5), "CT"),
    "rotation": (Rotation(max_degrees=10.0), "CT"),
    "scale": (Scale(zoom=(0.97, 1.03)), "PT"),
    "translation": (Translation(max_mm=6.0), "CT"),
    "flip": (Flip(axis="x", probability=1.0), "CT"),
    "resized_crop": (ResizedCrop(fraction=(0.8, 1.0)), "CT"),
    "gaussian_noise": (GaussianNoise(sd_hu=(0.0, 20.0)), "CT"),
    "rician_noise": (RicianNoise(sd_fraction=(0.0, 0.05)), "MR_WEIGHTED"),
    "blur": (Blur(sigma_mm=(0.0, 2.0)), "PT"),
    "gain": (Gain(factor=(0.9, 1.1)), "PT"),
    "gamma": (Gamma(exponent=(0.8, 1.25)), "MR_WEIGHTED"),
    "bias_field": (BiasField(strength=(0.0, 0.2)), "MR_WEIGHTED"),
    "hu_offset": (HuOffset(offset_hu=(-20.0, 20.0)), "CT"),
}


def measured(transform, modality, *, draws=8, corners=8):
    """Noise of 10 HU and of the like, in the lattice of the view: nothing else is interpolated."""
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    noise = {"CT": 10.0}.get(modality)
    case = phantom("a", 1, modality=modality, affine=affine, noise=noise, lesion_at=(0, 0, 0))
    policy = replace(
        ct_strict(grid=ViewGrid(size_voxels=(26, 26, 26), spacing_mm=(SPACING,) * 3)),
        modality=modality,
        window=WINDOWS[modality],
        transforms=(transform,),
    )
    anatomy = anatomy_of(case, modality, policy.grid.spacing_mm, policy.window)
    return enclosures(policy, [case], [anatomy], draws=draws, corners=corners)


def test_every_transform_of_the_catalogue_is_measured():
    assert set(EXAMPLES) == {kind.kind for kind in get_args(Transform)}


@pytest.mark.parametrize("kind", [each.kind for each in get_args(Transform)])
def test_declared_bounds_enclose_what_a_transform_does(kind):
    found = measured(*EXAMPLES[kind])
    assert len(found) >= 4
    assert [each for each in found if not each.is_enclosed] == []
