"""Whether a policy is safe for a task: the check that stops a run before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.composition import find_violations
from medcl.augment.safety.data_facts import DataFacts, find_unknowns
from medcl.augment.safety.local_views import find_local_violations
from medcl.augment.safety.native_noise import native_noise
from medcl.augment.safety.partners import find_partner_unknowns, find_partner_violations
from medcl.augment.safety.places import find_place_violations
from medcl.augment.safety.sampling_check import (
    Sampled,
    find_sampling_unknown,
    find_sampling_violations,
)
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.verdict import Unknown, Verdict
from medcl.errors import PolicyError

Accepted = Mapping[Flag, str]
"""Per flag, why somebody accepts that it is unknown."""

NOTHING_ACCEPTED: Accepted = MappingProxyType({})


def check_policy(
    policy: Policy,
    task: TaskProfile = TaskProfile.GENERIC,
    *,
    facts: DataFacts | None = None,
    accepted: Accepted = NOTHING_ACCEPTED,
) -> Verdict:
    """Return what a policy breaks that a task needs, in the worst case over all its draws.

    Both a single view and the difference between two views are checked, because a contrastive loss
    teaches the encoder to ignore whatever differs; of local views, the difference from the global
    ones that they are matched with; of partners, the difference between two series of a patient.
    Where volumes are known, so is what it does to sample them.

    Args:
        policy: The policy.
        task: What the encoder is for; ``generic`` where that is not known.
        facts: Of the volumes it is used on; without them only the policy is judged.
        accepted: Per flag, why its being unknown is accepted.

    Returns:
        The verdict: PASS, FAIL with violations, or UNKNOWN with what is open.

    Example:
        >>> from medcl.augment.grid import ViewGrid
        >>> from medcl.augment.normalisation import FixedWindow
        >>> from medcl.augment.transforms.refusable import Flip
        >>> policy = Policy(
        ...     name="mirrored",
        ...     modality="CT",
        ...     grid=ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0)),
        ...     window=FixedWindow(low=-1000.0, high=1000.0),
        ...     transforms=(Flip(axis="x"),),
        ... )
        >>> [violation.code for violation in check_policy(policy).violations]
        ['SC001', 'SC022']
    """
    violations = find_violations(
        modality=policy.modality,
        region=policy.region,
        window=policy.window,
        transforms=policy.named,
        task=task,
        native=native_noise(policy.modality, policy.region, facts),
    )
    violations += find_place_violations(
        policy.grid,
        policy.named,
        modality=policy.modality,
        region=policy.region,
        task=task,
    )
    if policy.local is not None:
        violations += find_local_violations(
            modality=policy.modality,
            region=policy.region,
            grid=policy.grid,
            local=policy.local,
            transforms=policy.named,
            task=task,
        )
    unknowns = find_unknowns(
        facts or DataFacts(), modality=policy.modality, transforms=policy.named, task=task
    )
    if policy.partner is not None:
        partner, modality = policy.partner, policy.modality
        violations += find_partner_violations(partner, modality=modality, task=task)
        unknowns = _merged(unknowns, find_partner_unknowns(partner, modality=modality, task=task))
    for sampled in _sampled(policy, facts):
        violations += find_sampling_violations(sampled, task)
        unknowns = _merged(unknowns, find_sampling_unknown(sampled, task))
    return Verdict(
        task,
        tuple(violations),
        tuple(replace(each, justification=accepted.get(each.flag)) for each in unknowns),
    )


def _sampled(policy: Policy, facts: DataFacts | None) -> list[Sampled]:
    """Return the views of each spacing, where it is known what they are of."""
    if facts is None or facts.geometry is None:
        return []
    grids = [policy.grid]
    if policy.local is not None and policy.local.spacing_mm != policy.grid.spacing_mm:
        grids.append(policy.local.grid)
    return [Sampled(grid, facts.geometry, policy.modality, policy.named) for grid in grids]


def _merged(first: Sequence[Unknown], second: Sequence[Unknown]) -> list[Unknown]:
    """Return one unknown per flag, with every reason for it once, in the order of `Flag`."""
    every = [*first, *second]
    return [
        Unknown(flag, ", and ".join(reasons))
        for flag in Flag
        if (reasons := dict.fromkeys(each.reason for each in every if each.flag is flag))
    ]


def require_safe(
    policy: Policy,
    task: TaskProfile = TaskProfile.GENERIC,
    *,
    facts: DataFacts | None = None,
    accepted: Accepted = NOTHING_ACCEPTED,
) -> Verdict:
    """Refuse a policy that breaks what a task needs, or of which nobody can say that it does not.

    Args:
        policy: The policy.
        task: What the encoder is for.
        facts: Of the volumes it is used on.
        accepted: Per flag, why its being unknown is accepted.

    Returns:
        The verdict, with what was accepted.

    Raises:
        PolicyError: With one sentence per violation: transform, parameter, found, allowed, code;
            or per flag that is unknown.
    """
    verdict = check_policy(policy, task, facts=facts, accepted=accepted)
    if verdict.violations:
        sentences = " ".join(violation.sentence for violation in verdict.violations)
        raise PolicyError(f"The views of this policy are not safe for {task.value}: {sentences}")
    if verdict.open:
        sentences = " ".join(unknown.sentence for unknown in verdict.open)
        raise PolicyError(
            f"Whether the views of this policy are safe for {task.value} is UNKNOWN. {sentences} "
            f"Whoever knows better writes it down: accept_unknown, with flag and justification."
        )
    return verdict
