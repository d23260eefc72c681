"""What is measured on local views: the same as on others, where so few voxels can tell it."""

from collections.abc import Mapping
from dataclasses import replace

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.evaluation.quantities.quantity import BETWEEN, NEVER, Quantity
from medcl.evaluation.quantities.table import quantities_of

LOCAL = "local_"
"""Beginning of the name of every figure of a local view."""

LEFT_OUT: Mapping[str, str] = {
    "overlap": "a local view lies inside of a global one, and that is what is measured",
    "lesion_retained": "a local view is a part, and need not show a lesion",
    "lesion_kept": "a local view is a part, and need not show a lesion",
    "lung_below_950": "one voxel of a few hundred is more than the limit",
}
"""Quantities that say nothing of a local view, and why."""

_OWN = (
    Quantity(
        "contained",
        "inside of the global view it was drawn in",
        "of the local view",
        "high",
        0.99,
        0.99,
        always=True,
    ),
    # Both global views are its partners, but it was drawn in one; parts of a body may lie apart.
    Quantity(
        "shared_with_other",
        "shown by the other global view too",
        "of the local view",
        "high",
        0.01,
        -NEVER,
    ),
    Quantity(
        "lesion_seen",
        "lesion inside of it that is seen",
        "of that part",
        "high",
        0.8,
        0.8,
        Flag.LESION_MASS,
    ),
)


def local_quantities_of(policy: Policy) -> dict[str, Quantity]:
    """Return what is measured on a policy's local views, with its limits.

    Args:
        policy: One with local views.

    Returns:
        Quantities by the name of the figure; their own names begin with ``local_``.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> local_quantities_of(ct_strict(grid=grid))["scale"].name
        'local_scale'
    """
    found = {
        name: each
        for name, each in quantities_of(policy).items()
        if name.removesuffix(BETWEEN) not in LEFT_OUT
    }
    found["lesion_inconsistent"] = replace(
        found["lesion_inconsistent"], title="lesion shown by one of global and local view only"
    )
    own = {each.name: each for each in _OWN}
    return {name: _of_local(each) for name, each in (found | own).items()}


def _of_local(quantity: Quantity) -> Quantity:
    title = quantity.title.replace("between two views", "between a local view and a global one")
    return replace(quantity, name=LOCAL + quantity.name, title=f"local view: {title}")
