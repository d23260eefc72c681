"""View policies and task profiles from their settings."""

from medcl.augment.policy import Policy
from medcl.config.policy import PolicyConfig
from medcl.config.writing import plain
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
