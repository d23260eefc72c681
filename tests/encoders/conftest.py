"""The families at their smallest."""

import pytest

from medcl.encoders.families import build_encoder

SMALL = {
    "residual": {"width": 8},
    "resnet18": {"width": 8},
    "resnet50": {"width": 8},
    "densenet121": {},
    "segresnet": {"width": 8},
    "swin_unetr": {"width": 12},
}


@pytest.fixture(params=SMALL)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def encoder(family):
    return build_encoder(family, **SMALL[family])
