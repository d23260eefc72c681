"""Every measured quantity of a policy's views, in the order it is shown.

The numbers are those of acceptance tests, of repeatability, and of how far patients and scanners
truly differ. A quantity that the task does not need warns at most.
"""

from dataclasses import replace

from medcl.augment.policy import Policy
from medcl.evaluation.quantities.field import FIELD
from medcl.evaluation.quantities.geometry import GEOMETRY
from medcl.evaluation.quantities.hounsfield import HOUNSFIELD
from medcl.evaluation.quantities.quantity import Quantity
from medcl.evaluation.quantities.texture import TEXTURE
from medcl.evaluation.quantities.uptake import UPTAKE

_ALL = (*GEOMETRY, *HOUNSFIELD, *UPTAKE, *TEXTURE, *FIELD)

QUANTITIES = tuple(each for one in _ALL for each in ((one, one.gap()) if one.has_gap else (one,)))
"""All that is measured, in the order it is shown."""


def quantities_of(policy: Policy) -> dict[str, Quantity]:
    """Return what is measured on a policy's views, with its limits.

    Args:
        policy: Heads may turn further than bodies, and less may drown in them; weighted MR may bend
            its tones a little more, and a crop says how much two views must share.

    Returns:
        Quantities by name.
    """
    found = {each.name: each for each in QUANTITIES}
    if policy.region == "head":
        for name in ("orientation", "orientation_between_views"):
            each = found[name]
            found[name] = replace(each, passes=2 * each.passes, fails=2 * each.fails)
        each = found["contrast_to_noise"]
        found[each.name] = replace(each, passes=0.9, fails=0.8)
    if policy.modality in {"MR_WEIGHTED", "OT"}:
        found["ordering"] = replace(found["ordering"], passes=0.98)
    bound = getattr(policy.named.get("crop"), "min_overlap", 0.0)
    found["overlap"] = replace(found["overlap"], passes=bound, fails=bound)
    return found
