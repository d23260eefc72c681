"""Transforms of a policy, named, and the sentences that refuse them."""

from collections.abc import Mapping
from dataclasses import fields

from medcl.augment.contract import Flag
from medcl.augment.safety.tasks import Tolerance
from medcl.augment.safety.verdict import CODES, Violation
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.monai_adapter import Monai

Transforms = Mapping[str, Transform]
"""By name, in the order of application."""

SLACK = 1e-9
"""Of every comparison with a limit: 0.1 + 0.2 is not above 0.3."""


def probability_of(transform: Transform) -> float:
    """Return how often a transform is applied; a crop always is."""
    return float(getattr(transform, "probability", 1.0))


def is_independent(transform: Transform) -> bool:
    """Return whether two views of one volume may differ in a transform."""
    return getattr(transform, "sharing", "independent") == "independent"


def effect_of(transform: Transform) -> str:
    """Return the kind of what a transform does: MONAI's blur is a blur.

    Example:
        >>> from medcl.augment.transforms.monai_adapter import Monai
        >>> effect_of(Monai(transform="adjust_contrast", amount=(0.8, 1.2), unit="exponent"))
        'gamma'
    """
    return transform.effect if isinstance(transform, Monai) else transform.kind


def _parameter(transform: Transform) -> tuple[str, str]:
    """Return name and value of the parameter that carries the range."""
    name = fields(transform)[0].name
    value = getattr(transform, name)
    if isinstance(value, tuple):
        return name, " to ".join(f"{end:g}" for end in value)
    return name, f"{value:g}" if isinstance(value, float) else str(value)


def violation(
    code: str, named: Transforms, *, allowed: str, reason: str, found: str | None = None
) -> Violation:
    """Return the violation by some transforms; the first one's parameter is named.

    Args:
        code: Stable code.
        named: The guilty, at least one.
        allowed: What there may be.
        reason: What would be broken.
        found: What there is; by default the range of each transform.
    """
    parameters = [_parameter(transform) for transform in named.values()]
    return Violation(
        code=code,
        transform="+".join(named),
        parameter=parameters[0][0],
        found=found or ", ".join(value for _, value in parameters),
        allowed=allowed,
        reason=reason,
    )


def measured(
    flag: Flag,
    guilty: Transforms,
    view: float,
    between: float,
    tolerance: Tolerance,
    what: str = "",
) -> list[Violation]:
    """Return a violation where a departure exceeds what is tolerated, in a view or between two.

    Args:
        flag: What departs.
        guilty: Transforms that take part in it.
        view: Largest departure within a view.
        between: Largest difference between two views.
        tolerance: Of both.
        what: Which part of the flag, if not all of it.
    """
    if view > tolerance.view + SLACK:
        where, found, allowed = "within a view", view, tolerance.view
    elif between > tolerance.between + SLACK:
        where, found, allowed = "between two views", between, tolerance.between
    else:
        return []
    subject = f"{flag.value}{what}"
    reason = f"{subject} departs by up to {found:.3g} {tolerance.unit} {where}"
    return [
        violation(
            CODES[flag], guilty, allowed=f"{allowed:g} {tolerance.unit} {where}", reason=reason
        )
    ]
