"""The policies medcl ships: legal for a task nobody has named yet."""

from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow, PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.translation import Translation


def ct_strict(*, grid: ViewGrid, window_hu: tuple[float, float] = (-1000.0, 1000.0)) -> Policy:
    """Return views of CT that keep every HU in its place: no flip, no HU change of any kind.

    Args:
        grid: Size and spacing of the views; 64 to 128 mm of edge at 1 to 2 mm are usual.
        window_hu: What the network sees, low and high end in HU.

    Returns:
        The policy ``ct_strict``.

    Example:
        >>> policy = ct_strict(grid=ViewGrid(size_voxels=(64, 64, 64), spacing_mm=(1.5, 1.5, 1.5)))
        >>> sorted(policy.named)
        ['blur', 'crop', 'gaussian_noise', 'rotation', 'scale']
    """
    low, high = window_hu
    return Policy(
        name="ct_strict",
        modality="CT",
        grid=grid,
        window=FixedWindow(low=low, high=high),
        transforms=(
            Crop(min_overlap=0.5),
            Rotation(max_degrees=10.0, probability=0.5),
            Scale(zoom=(0.986, 1.014), probability=0.5),
            Blur(sigma_mm=(0.0, 0.6), probability=0.3),
            GaussianNoise(sd_hu=(0.0, 20.0), probability=0.5),
        ),
    )


def mr_weighted(*, grid: ViewGrid, max_degrees: float = 10.0) -> Policy:
    """Return views of weighted MR: brightness and contrast differ as between two scanners.

    Args:
        grid: Size and spacing of the views.
        max_degrees: Largest rotation.

    Returns:
        The policy ``mr_weighted``.

    Example:
        >>> mr_weighted(grid=ViewGrid(size_voxels=(32,) * 3, spacing_mm=(1.0,) * 3)).modality
        'MR_WEIGHTED'
    """
    return Policy(
        name="mr_weighted",
        modality="MR_WEIGHTED",
        grid=grid,
        window=PercentileWindow(),
        transforms=(
            Crop(min_overlap=0.5),
            Rotation(max_degrees=max_degrees, probability=0.7),
            Scale(zoom=(0.986, 1.014), probability=0.5),
            BiasField(strength=(0.0, 0.15), probability=0.5),
            Blur(sigma_mm=(0.0, 0.6), probability=0.3),
            RicianNoise(sd_fraction=(0.0, 0.03), probability=0.5),
            Gain(factor=(0.8, 1.2), probability=0.8),
            Gamma(exponent=(0.8, 1.25), probability=0.5),
        ),
    )


def pt(*, grid: ViewGrid, highest_suv: float = 20.0) -> Policy:
    """Return views of PET in SUV: what is measured stays, the gain is one for the whole batch.

    Args:
        grid: Size and spacing of the views; 192 mm of edge are usual.
        highest_suv: What the network sees as the high end.

    Returns:
        The policy ``pt``.

    Example:
        >>> pt(grid=ViewGrid(size_voxels=(48,) * 3, spacing_mm=(4.0,) * 3)).named["gain"].sharing
        'batch'
    """
    return Policy(
        name="pt",
        modality="PT",
        grid=grid,
        window=FixedWindow(low=0.0, high=highest_suv),
        transforms=(
            Crop(min_overlap=0.5),
            Rotation(max_degrees=8.0, probability=0.3),
            Scale(zoom=(0.986, 1.014), probability=0.3),
            Blur(sigma_mm=(0.0, 2.0), probability=0.3),
            # Blur takes up to 1 % of the uptake; both together stay within the 5 % of a task.
            Gain(factor=(0.97, 1.03), sharing="batch"),
        ),
    )


def ot_shape(
    *, grid: ViewGrid, value_range: tuple[float, float] = (0.0, 1.0), max_degrees: float = 15.0
) -> Policy:
    """Return views of shapes cut from scans: only geometry, because there is no intensity.

    Args:
        grid: Size and spacing of the views.
        value_range: Values of outside and inside.
        max_degrees: Largest rotation.

    Returns:
        The policy ``ot_shape``.

    Example:
        >>> sorted(ot_shape(grid=ViewGrid(size_voxels=(64,) * 3, spacing_mm=(1.0,) * 3)).named)
        ['rotation', 'scale', 'translation']
    """
    low, high = value_range
    return Policy(
        name="ot_shape",
        modality="OT",
        grid=grid,
        window=FixedWindow(low=low, high=high),
        transforms=(
            Rotation(max_degrees=max_degrees),
            Scale(zoom=(0.986, 1.014)),
            Translation(max_mm=4.0),
        ),
    )
