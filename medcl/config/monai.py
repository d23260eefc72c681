"""Settings of MONAI's transforms, which enter a policy by name and under a contract."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from medcl.augment.transforms.monai_names import require_contract
from medcl.config.drawn import Drawn, rising


def _contracted(name: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    if isinstance(name, str):
        require_contract(name)
    return name


class MonaiConfig(Drawn):
    """One of MONAI's transforms of values, from a closed list, under a contract."""

    kind: Literal["monai"]
    """Name of the transform"""
    transform: Annotated[
        Literal[
            "gaussian_smooth",
            "gaussian_sharpen",
            "gaussian_noise",
            "rician_noise",
            "gibbs_noise",
            "adjust_contrast",
            "scale_intensity",
            "shift_intensity",
            "bias_field",
        ],
        BeforeValidator(_contracted),
    ]
    """Which of MONAI's transforms; others have no contract and are refused (SC100)"""
    amount: Annotated[
        tuple[
            Annotated[float, Field(ge=-5000, le=5000)], Annotated[float, Field(ge=-5000, le=5000)]
        ],
        AfterValidator(rising),
    ]
    """Smallest and largest amount, in unit"""
    unit: Literal["mm", "HU", "fraction", "exponent"]
    """What the amount is measured in; must be that of the transform (SC070)"""


class MonaiAffineConfig(Drawn):
    """MONAI's affine transform: its matrix, without its interpolation and its padding."""

    kind: Literal["monai_affine"]
    """Name of the transform"""
    max_degrees: Annotated[float, Field(ge=0, le=60)]
    """Largest angle about each axis in degrees; the whole angle is up to three times that"""
    zoom: Annotated[
        tuple[Annotated[float, Field(ge=0.1, le=10)], Annotated[float, Field(ge=0.1, le=10)]],
        AfterValidator(rising),
    ] = (1.0, 1.0)
    """Smallest and largest linear magnification, the same for all axes"""
