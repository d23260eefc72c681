"""View policies, and what is known of the data they are used on, from settings and catalogue."""

from collections.abc import Collection, Sequence

import numpy as np

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.data_facts import DataFacts
from medcl.augment.safety.source_geometry import geometry_of
from medcl.config.policy import PolicyConfig
from medcl.config.unknown import AcceptUnknown
from medcl.config.writing import plain
from medcl.store.rows import VolumeRow
from medcl.volume import Modality

_STORED: dict[str, Modality] = {
    "CT": "CT",
    "MR_WEIGHTED": "MR",
    "MR_QUANTITATIVE": "MR",
    "PT": "PT",
    "OT": "OT",
}


def policy_of(settings: PolicyConfig) -> Policy:
    """Return the policy that settings spell out.

    Args:
        settings: Grid, window, transforms.

    Returns:
        The policy; whether it is safe for a task is not looked at here.
    """
    return Policy.from_json(plain(settings))


def stored_modality(policy: Policy) -> Modality:
    """Return the modality of the volumes that a policy is for.

    Weighted and quantitative MR are one modality in the store, because a header does not tell them
    apart reliably; the policy says which of them the user has.

    Args:
        policy: Any policy.

    Returns:
        CT, MR, PT or OT.
    """
    return _STORED[policy.modality]


def accepted_of(settings: AcceptUnknown) -> dict[Flag, str]:
    """Return why flags that are unknown are accepted."""
    return {Flag(each.flag): each.justification for each in settings}


def facts_of(rows: Sequence[VolumeRow], *, with_lesions: Collection[str] = ()) -> DataFacts:
    """Return what the catalogue knows of volumes: counts, how noisy they are, how voxels lie.

    Args:
        rows: The volumes.
        with_lesions: Keys of those whose lesions are known.

    Returns:
        The facts. Files without any place in the patient, which have no unit either, do not say
        how large a voxel is.
    """
    unsaid = [row for row in rows if row.technical.orientation_source in {None, "assumed"}]
    return DataFacts(
        volumes=len(rows),
        unsaid_orientation=len(unsaid),
        unsaid_spacing=sum(row.modality == "OT" for row in unsaid),
        unsure_hounsfield=sum(_is_unsure(row) for row in rows),
        unsure_suv=sum(row.modality == "PT" and row.unit != "SUVbw" for row in rows),
        with_lesions=sum(row.key in with_lesions for row in rows),
        noise_sd=_least_noise(rows),
        geometry=geometry_of((row.affine, row.shape) for row in rows) if rows else None,
    )


def _least_noise(rows: Sequence[VolumeRow]) -> float:
    """Return the noise in HU that nine of ten CT have at least; 0 where none is known.

    A volume without any noise was never scanned, or says less than half a step of its values.
    """
    noises = [
        row.quality.noise_sd
        for row in rows
        if row.modality == "CT" and not _is_unsure(row) and row.quality.noise_sd > 0
    ]
    return float(np.percentile(noises, 10, method="lower")) if noises else 0.0


def _is_unsure(row: VolumeRow) -> bool:
    """Return whether the values of a CT may be no HU; a scanner's word stands where none denies."""
    if row.modality != "CT" or row.quality.hu_scale == "plausible":
        return False
    return row.quality.hu_scale == "shifted" or row.technical.orientation_source != "scanner"
