"""Whether contracts are true: declared bounds against what each transform does on its own.

A bound that a transform exceeds in more than one draw of a thousand is a wrong contract, and every
verdict that was built on it is wrong too.
"""

from collections.abc import Sequence
from dataclasses import replace

from medcl.augment.contract import Flag, PolicyModality, claim_of
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.native_noise import drowned, native_noise, presumed_noise_of
from medcl.augment.transforms.catalogue import Transform
from medcl.evaluation.audit.alone import GAP, LOST_BY_CROP, ByFlag, departures_of, scene_of
from medcl.evaluation.audit.declared import Declared, most_of
from medcl.evaluation.audit.sampling_held import sampling_held
from medcl.evaluation.measures.anatomy import Anatomy, Case

_LEAST = {
    Flag.ORIENTATION: 0.05,
    Flag.PHYSICAL_SCALE: 5e-4,
    Flag.HU_CALIBRATION: 1e-3,
    Flag.UPTAKE_ABS: 1e-3,
}
"""What the fit of an affine to a rendered map is known to, HU in single precision, and the gain of
tissue that is not perfectly level."""
_ROUNDING = 1e-4


def enclosures(
    policy: Policy,
    cases: Sequence[Case],
    anatomies: Sequence[Anatomy],
    *,
    draws: int,
    corners: int,
    seed: int = 0,
    facts: DataFacts | None = None,
) -> list[Declared]:
    """Measure every transform of a policy alone, at the places that the policy's crop gives.

    Sampling has rows of its own. Of local views, what they share with global ones and what they
    show of lesions is no departure.

    Args:
        policy: The policy.
        cases: Volumes of its modality.
        anatomies: What is where in them.
        draws: Random pairs of views per volume.
        corners: Pairs per volume at the corners of all ranges.
        seed: Seed of the draws.
        facts: Of the volumes, for how noisy they are; the region of the policy says so else.

    Returns:
        Those of sampling, then one per transform and declared flag that can be measured on global
        views, and one more that can be on local ones.
    """
    native = native_noise(policy.modality, policy.region, facts)
    places = tuple(each for each in policy.transforms if each.kind == "crop")
    scene = scene_of(policy, cases, anatomies, seed)
    bare = replace(policy, transforms=places, partner=None)
    still = departures_of(bare, scene, draws, corners)
    found = sampling_held(bare, scene, draws, corners)
    for name, transform in policy.named.items():
        is_crop = transform.kind == "crop"
        transforms = (transform,) if is_crop else (*places, transform)
        alone = replace(policy, transforms=transforms, partner=None)
        presumed = presumed_noise_of(transform, native)
        measured = still
        if not is_crop:
            measured = departures_of(alone, scene, draws, corners, presumed)
        for is_local in (False, True):
            plain = {} if is_crop else still.of(is_local=is_local)
            found += _held(
                name,
                policy.modality,
                transform,
                native,
                measured.of(is_local=is_local),
                plain,
                is_local,
            )
    return found


def _held(
    name: str,
    modality: PolicyModality,
    transform: Transform,
    native: float | None,
    measured: ByFlag,
    plain: ByFlag,
    is_local: bool,
) -> list[Declared]:
    """Return what one transform declares, beside what was measured."""
    found = []
    contract = transform.contract(modality)
    is_shared = getattr(transform, "sharing", "independent") == "batch"
    for flag in Flag:
        claim = claim_of(contract, flag)
        source = flag.value
        if transform.kind == "crop" and flag is Flag.LESION_MASS:
            source = LOST_BY_CROP
        elif is_shared and claim.bound == 0 and flag in _OF_VALUES:
            source = f"{flag.value}{GAP}"
        if claim.bound is None or not measured.get(source):
            continue
        is_contrast = flag is Flag.LOWCONTRAST_CNR
        bound = drowned(transform, claim.bound, native) if is_contrast else claim.bound
        found.append(
            Declared(
                transform=name,
                flag=flag.value,
                bound=bound,
                unit=claim.unit,
                measured=most_of(measured[source]),
                precision=most_of(plain.get(flag.value, [])) + _LEAST.get(flag, _ROUNDING),
                num_draws=len(measured[source]),
                is_local=is_local,
            )
        )
    return found


_OF_VALUES = frozenset(
    {
        Flag.HU_CALIBRATION,
        Flag.HU_TEXTURE,
        Flag.UPTAKE_ABS,
        Flag.UPTAKE_RATIO,
        Flag.UPTAKE_TOTAL,
    }
)
"""What a whole batch may share without harm: no comparison can see it, so it is compared."""
