"""Views must suit the encoder, and whoever writes settings hears so before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from medcl.augment.defaults import ct_strict
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.build.networks import encoder_of, require_sizes
from medcl.build.policies import policy_of
from medcl.config.encoder import ResidualConfig
from medcl.config.loading import load
from medcl.config.pretrain import PretrainConfig
from medcl.errors import RequestError

ENCODER = encoder_of(ResidualConfig(name="residual", width=8, stem_stride=2), in_channels=1, seed=0)
GRID = ViewGrid(size_voxels=(32, 24, 24), spacing_mm=(2.0, 2.0, 2.0))
CONFIGS = Path(__file__).parents[2] / "configs"


def with_local(*size):
    local = LocalViews(count=1, size_voxels=size, spacing_mm=(2.0, 2.0, 2.0))
    return replace(ct_strict(grid=GRID), local=local)


def test_a_local_view_too_small_for_the_encoder_is_refused():
    require_sizes(ENCODER, with_local(16, 16, 16))
    with pytest.raises(RequestError, match=r"policy.local.size_voxels .* got 16 x 16 x 12"):
        require_sizes(ENCODER, with_local(16, 16, 12))


def test_a_view_too_small_for_the_encoder_is_refused():
    small = ct_strict(grid=replace(GRID, size_voxels=(32, 24, 15)))
    with pytest.raises(RequestError, match=r"policy.grid.size_voxels .* got 32 x 24 x 15"):
        require_sizes(ENCODER, small)


def test_a_pyramid_wants_multiples_of_its_coarsest_step():
    odd = ct_strict(grid=replace(GRID, size_voxels=(32, 24, 20)))
    require_sizes(ENCODER, odd)
    with pytest.raises(RequestError, match="in multiples of"):
        require_sizes(ENCODER, odd, to_pyramid=True)


@pytest.mark.parametrize(
    ("cohort", "names"),
    [
        ("adrenal", ["adrenal_shape", "adrenal_gentle", "adrenal_hard"]),
        ("hippocampus", [f"mr_hippocampus{end}" for end in ("", "_gentle", "_hard", "_small")]),
        ("quickstart", ["ct_quickstart", "ct_quickstart_gentle", "ct_quickstart_hard"]),
    ],
)
def test_policies_that_are_compared_suit_the_encoder_they_train(cohort, names, monkeypatch):
    monkeypatch.chdir(CONFIGS.parent)
    for name in names:
        config = load(
            CONFIGS / cohort / "pretrain.yaml",
            PretrainConfig,
            overrides=[f"policy.file=configs/policies/{name}.yaml"],
        )
        encoder = encoder_of(config.encoder, in_channels=1, seed=0)
        require_sizes(encoder, policy_of(config.policy))
