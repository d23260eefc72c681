"""What is measured on pairs of two series, and what of it may fail.

A partner claims to show the same place of the patient, upright, unmirrored and of the same size.
What may fail is what no two scans of a patient who lies still differ by; the limits of place say
how still.
"""

from dataclasses import replace

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.evaluation.quantities.quantity import NEVER, Quantity
from medcl.evaluation.quantities.table import quantities_of

PARTNER = "partner_"
"""Beginning of the name of every figure of a pair of two series."""

_BODY_MM, _HEAD_MM = 20.0, 10.0
"""Where being elsewhere begins, of a body that breathes and of a head that does not.

Organs below the diaphragm travel by 10 to 25 mm in quiet breathing, and come to rest within 10 mm
in repeated holds of a breath; but that is organs. What is measured is the best shift of all that
both series show, spine and skin too, which breath moves by a few mm. 20 mm of all of it is another
place of the patient: a header that is wrong, or somebody who moved on the table. A head in its
holder stays within 5 mm. Distances of breath are usual ones, given without a source; the limits
are a choice.
"""

_OF_PAIRS = "of pairs of volumes"


def place_limit_mm(policy: Policy) -> float:
    """Return how far off a partner may lie, in mm, before a pair is of two places.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> place_limit_mm(ct_strict(grid=grid))
        20.0
    """
    return _HEAD_MM if policy.region == "head" else _BODY_MM


def partner_quantities_of(policy: Policy) -> dict[str, Quantity]:
    """Return what is measured on a policy's pairs of two series, with its limits.

    Args:
        policy: Heads lie stiller than bodies, and a crop says how much two views must share.

    Returns:
        Quantities by the name of the figure; their own names begin with ``partner_``.

    Example:
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> grid = ViewGrid(size_voxels=(8, 8, 8), spacing_mm=(1.0, 1.0, 1.0))
        >>> partner_quantities_of(ct_strict(grid=grid))["place_off"].fails
        20.0
    """
    limit = place_limit_mm(policy)
    usual = quantities_of(policy)
    found = {
        name: usual[name]
        for name in ("mirrored", "orientation_between_views", "scale_between_views", "overlap")
    }
    found["overlap"] = replace(found["overlap"], title="shown by both volumes and both views")
    found |= {each.name: each for each in _of_volumes(limit)}
    return {
        name: replace(each, name=PARTNER + each.name, title=f"two series: {each.title}")
        for name, each in found.items()
    }


def _of_volumes(limit_mm: float) -> tuple[Quantity, ...]:
    return (
        Quantity(
            "place_off",
            "lies elsewhere than its header says, by",
            "mm",
            "low",
            limit_mm / 2,
            limit_mm,
            always=True,
        ),
        Quantity(
            "place_told",
            "place that the pictures tell",
            _OF_PAIRS,
            "high",
            1.0,
            -NEVER,
            is_share=True,
        ),
        # Pictures tell a turn to about 1 degree and a size to about 2 %. A patient who was laid
        # anew is turned by some degrees; a body that breathes in is a few % longer.
        Quantity(
            "turned",
            "turned against its header, by the pictures",
            "deg",
            "low",
            5.0,
            15.0,
            Flag.ORIENTATION,
            always=True,
        ),
        Quantity(
            "magnified",
            "magnified against its header, by the pictures",
            "of the length",
            "low",
            0.05,
            0.1,
            Flag.PHYSICAL_SCALE,
            always=True,
        ),
        Quantity(
            "looks_mirrored",
            "mirrored, as seen",
            _OF_PAIRS,
            "low",
            0.0,
            0.0,
            Flag.LATERALITY,
            always=True,
        ),
        Quantity(
            "looks_upside_down",
            "turned by 180 degrees, as seen",
            _OF_PAIRS,
            "low",
            0.0,
            0.0,
            Flag.ORIENTATION,
            always=True,
        ),
        Quantity("body_in_common", "body that both show as body", "", "high", 0.8, -NEVER),
        # Views that agree no better in place than aside show nothing of one place.
        Quantity(
            "agreement_lost_aside",
            f"agreement lost when the second view is moved by {limit_mm:g} mm",
            "of the agreement",
            "high",
            0.0,
            0.0,
            always=True,
            is_share=True,
        ),
    )
