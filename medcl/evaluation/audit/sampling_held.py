"""Whether sampling keeps its claim: views without any transform, against the volume."""

from collections.abc import Sequence
from dataclasses import replace

from medcl.augment.contract import Flag
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.safety.sampling import SPAN_HU, sampling_claim
from medcl.augment.safety.source_geometry import geometry_of
from medcl.evaluation.audit.alone import SAMPLED, ByFlag, Scene, departures_of
from medcl.evaluation.audit.declared import Declared, most_of
from medcl.evaluation.measures.anatomy import Case

_OPEN = FixedWindow(low=-4096.0, high=4096.0)
_ROUNDING_HU = 2e-3
_ROUNDING = 1e-4


def sampling_held(bare: Policy, scene: Scene, draws: int, corners: int) -> list[Declared]:
    """Return what sampling declares, beside what was measured.

    The window of the policy is opened: where it cuts into a tissue, its mean moves with its noise.

    Args:
        bare: A policy of nothing but a crop, or of no transform at all.
        scene: The volumes.
        draws: Random pairs of views per volume.
        corners: Pairs per volume at the corners of all ranges.

    Returns:
        One per tissue of CT that was measured, and one of texture where voxels are taken as they
        are; of global views and, where the policy has some, of local ones.
    """
    if bare.modality == "CT":
        bare = replace(bare, window=_OPEN)
    still = departures_of(bare, scene, draws, corners)
    found = _of(bare.grid, scene.cases, still.of(is_local=False), is_local=False)
    if bare.local is not None:
        found += _of(bare.local.grid, scene.cases, still.of(is_local=True), is_local=True)
    return found


def _of(
    grid: ViewGrid, cases: Sequence[Case], measured: ByFlag, *, is_local: bool
) -> list[Declared]:
    geometry = geometry_of((case.source.affine, case.source.shape) for case in cases)
    claim = sampling_claim(grid, geometry)
    bounds = {
        tissue: (Flag.HU_CALIBRATION, claim.bound_hu(tissue), f"HU of {tissue}", _ROUNDING_HU)
        for tissue in SPAN_HU
    }
    if claim.is_whole:
        bounds["noise"] = (Flag.HU_TEXTURE, 0.0, "of the noise", _ROUNDING)
    return [
        Declared(
            transform="sampling",
            flag=flag.value,
            bound=bound,
            unit=unit,
            measured=most_of(values),
            precision=precision,
            num_draws=len(values),
            is_local=is_local,
        )
        for name, (flag, bound, unit, precision) in bounds.items()
        if (values := measured.get(f"{SAMPLED}{name}"))
    ]
