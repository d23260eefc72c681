"""Which of MONAI's transforms have a contract: names only, so that settings need not load torch."""

from typing import Literal, get_args

MonaiName = Literal[
    "gaussian_smooth",
    "gaussian_sharpen",
    "gaussian_noise",
    "rician_noise",
    "gibbs_noise",
    "adjust_contrast",
    "scale_intensity",
    "shift_intensity",
    "bias_field",
]
"""The transforms that have a contract."""

MonaiUnit = Literal["mm", "HU", "fraction", "exponent"]
"""What an amount is measured in."""


def require_contract(name: str) -> None:
    """Refuse a transform of MONAI that has no contract.

    Args:
        name: As a policy gives it; a name from the list, never a class or a path to one.

    Raises:
        ValueError: It is not on the list.

    Example:
        >>> require_contract("k_space_spike")
        Traceback (most recent call last):
        ...
        ValueError: k_space_spike of MONAI has no contract (SC100); those with one are
        adjust_contrast, bias_field, gaussian_noise, gaussian_sharpen, gaussian_smooth,
        gibbs_noise, rician_noise, scale_intensity, shift_intensity.
    """
    if name not in get_args(MonaiName):
        known = ", ".join(sorted(get_args(MonaiName)))
        raise ValueError(f"{name} of MONAI has no contract (SC100); those with one are {known}.")
