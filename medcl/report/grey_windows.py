"""Fixed clinical windows: the grey values a radiologist reads a modality in."""

from dataclasses import dataclass

from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy

_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class GreyWindow:
    """A range of grey values.

    Attributes:
        name: Such as ``soft tissue 40/400``.
        low: Value shown black.
        high: Value shown white.
        unit: Unit of both, such as HU.
    """

    name: str
    low: float
    high: float
    unit: str = ""

    @property
    def reach(self) -> float:
        """Up to which change colours reach: a quarter of the width."""
        return (self.high - self.low) / 4


SOFT_TISSUE = GreyWindow(name="soft tissue 40/400", low=-160.0, high=240.0, unit="HU")
LUNG = GreyWindow(name="lung -600/1500", low=-1350.0, high=150.0, unit="HU")
BONE = GreyWindow(name="bone 400/1800", low=-500.0, high=1300.0, unit="HU")
BRAIN = GreyWindow(name="brain 40/80", low=0.0, high=80.0, unit="HU")
UPTAKE = GreyWindow(name="uptake 0 to 10", low=0.0, high=10.0, unit="SUV")
PERCENTILES = GreyWindow(name="1st to 99th percentile", low=-1.0, high=1.0)


def default_windows(policy: Policy) -> tuple[GreyWindow, ...]:
    """Return the clinical windows in which views of a policy are shown.

    CT has soft tissue, lung and bone in the body, brain and bone in the head, as far as the
    policy's own window reaches over at least half of them: what it clips cannot be seen. PET has
    SUV 0 to 10, weighted MR the range of each volume, everything else the policy's window.

    Args:
        policy: Its modality, region and window count.

    Returns:
        At least one window.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> [window.name for window in default_windows(ct_strict(grid=grid))]
        ['soft tissue 40/400', 'lung -600/1500', 'bone 400/1800']
    """
    own = policy.window
    if not isinstance(own, FixedWindow):
        return (PERCENTILES,)
    clinical: tuple[GreyWindow, ...] = ()
    if policy.modality == "CT":
        clinical = (BRAIN, BONE) if policy.region == "head" else (SOFT_TISSUE, LUNG, BONE)
    elif policy.modality == "PT":
        clinical = (UPTAKE,)
    seen = tuple(window for window in clinical if _share(window, own) >= _LEAST_SHARE)
    unit = {"CT": "HU", "PT": "SUV"}.get(policy.modality, "")
    whole = GreyWindow(name="window of the policy", low=own.low, high=own.high, unit=unit)
    return seen or (whole,)


def _share(window: GreyWindow, own: FixedWindow) -> float:
    common = min(window.high, own.high) - max(window.low, own.low)
    return common / (window.high - window.low)
