"""What sampling does to the views of a policy on some volumes, in figures: for reports.

They are those that `medcl.augment.checking` refuses by, and say as well what passes.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from medcl.augment.contract import Flag, claim_of
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.departures import bounds_of
from medcl.augment.safety.refusing import Transforms, probability_of
from medcl.augment.safety.sampling import SPAN_HU, sampling_claim, too_short
from medcl.augment.safety.sampling_noise import noise_left
from medcl.augment.safety.source_geometry import SourceGeometry, Triple
from medcl.augment.transforms.catalogue import SpatialTransform

NOBODY_KNOWS = "how far apart the voxels of the volumes lie is not known"
"""Why nothing can be said without volumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledViews:
    """What sampling does to the views of one spacing.

    Attributes:
        is_local: Whether these are the local views.
        spacing_mm: Distance between voxels of a view along each patient axis.
        is_whole: Whether views that are neither turned nor scaled consist of voxels of the volume
            as they are; ``None`` where nobody knows.
        blended_by: Transforms that turn, scale or bend views, so that those are blended all the
            same.
        is_filtered: Whether some views are so much coarser than their volume that a Gaussian comes
            before them; ``None`` where nobody knows.
        noise_left: Least and largest part of the noise that is independent from voxel to voxel
            which sampling leaves; ``None`` where nobody knows.
        moved_hu: By how many HU the mean of each tissue of CT may move within a view; ``None`` for
            other modalities and where nobody can say.
        unknown: Why nobody can say, in words; ``None`` where all is known.
    """

    is_local: bool
    spacing_mm: Triple
    is_whole: bool | None
    blended_by: tuple[str, ...]
    is_filtered: bool | None
    noise_left: tuple[float, float] | None
    moved_hu: Mapping[str, float] | None
    unknown: str | None

    @property
    def is_exact(self) -> bool:
        """Whether every value of every view is one of the volume."""
        return bool(self.is_whole) and not self.blended_by

    def to_json(self) -> dict[str, object]:
        """Return plain lists, text and numbers."""
        return asdict(self) | {"is_exact": self.is_exact}


def sampled_views(policy: Policy, facts: DataFacts | None) -> list[SampledViews]:
    """Return what sampling does to global views, then to local ones of another spacing.

    Args:
        policy: The policy.
        facts: Of the volumes it is used on.

    Returns:
        One or two.

    Example:
        >>> import numpy as np
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.safety.source_geometry import geometry_of
        >>> policy = ct_strict(grid=ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0)))
        >>> volumes = [(np.diag([1.0, 1.0, 1.0, 1.0]), (64, 64, 64))]
        >>> (found,) = sampled_views(policy, DataFacts(geometry=geometry_of(volumes)))
        >>> found.is_whole, found.blended_by, found.is_exact
        (True, ('rotation', 'scale'), False)
    """
    geometry = None if facts is None else facts.geometry
    found = [_sampled(policy, policy.grid, geometry, is_local=False)]
    if policy.local is not None and policy.local.spacing_mm != policy.grid.spacing_mm:
        found.append(_sampled(policy, policy.local.grid, geometry, is_local=True))
    return found


def _sampled(
    policy: Policy, grid: ViewGrid, geometry: SourceGeometry | None, *, is_local: bool
) -> SampledViews:
    live = {name: each for name, each in policy.named.items() if probability_of(each) > 0}
    blended_by = tuple(_blending(policy, live))
    if geometry is None:
        return SampledViews(
            is_local=is_local,
            spacing_mm=grid.spacing_mm,
            is_whole=None,
            blended_by=blended_by,
            is_filtered=None,
            noise_left=None,
            moved_hu=None,
            unknown=NOBODY_KNOWS,
        )
    moved = bounds_of(live)
    claim = sampling_claim(grid, geometry, moved)
    is_known = policy.modality == "CT" and not math.isinf(claim.smoothing)
    is_exact = claim.is_whole and not blended_by
    return SampledViews(
        is_local=is_local,
        spacing_mm=grid.spacing_mm,
        is_whole=claim.is_whole,
        blended_by=blended_by,
        is_filtered=claim.smoothing > 0,
        noise_left=(1.0, 1.0) if is_exact else noise_left(grid, geometry, moved),
        moved_hu={each: claim.bound_hu(each) for each in SPAN_HU} if is_known else None,
        unknown=too_short(grid, geometry, moved) if policy.modality == "CT" else None,
    )


def _blending(policy: Policy, live: Transforms) -> list[str]:
    """Return who moves voxels off the lattice of a volume; whole moves and mirrors do not."""
    return [
        name
        for name, each in live.items()
        if isinstance(each, SpatialTransform)
        and claim_of(each.contract(policy.modality), Flag.HU_TEXTURE).bound is None
    ]
