"""Which controls there are: what is done, whether it must fail, for which task, told by what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from medcl.augment.contract import PolicyModality
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit import harms
from medcl.evaluation.audit.scene import Scene
from medcl.evaluation.measures.observed import Observed

Outcome = Literal["pass", "fail"]

Views = Callable[[Scene], Sequence[Observed]]
"""What is done to a scene: the views that come of it."""


@dataclass(frozen=True, slots=True)
class Control:
    """Something that is done to a scene.

    Attributes:
        name: For people.
        must: What must come of it.
        task: For which task.
        views: What is done.
        by: Beginnings of the names of figures that must tell; one that must pass may fail by none
            at all.
    """

    name: str
    must: Outcome
    task: TaskProfile
    views: Views
    by: tuple[str, ...] = ()


def controls_of(modality: PolicyModality) -> list[Control]:
    """Return the controls of a modality, those that must pass first."""
    turned = f"turned by {harms.DEGREES:g} degrees"
    controls = [
        Control("unchanged", "pass", TaskProfile.GENERIC, harms.unchanged),
        Control("moved by whole voxels", "pass", TaskProfile.GENERIC, harms.moved),
        Control(turned, "pass", TaskProfile.GENERIC, harms.turned),
        Control(
            "mirrored left to right", "fail", TaskProfile.LATERAL, harms.mirrored, ("mirrored",)
        ),
        Control(
            "mirrored, unknown to its map",
            "fail",
            TaskProfile.LATERAL,
            harms.mirrored_values,
            ("looks_mirrored",),
        ),
        Control(
            f"magnified {harms.ZOOM:g} times", "fail", TaskProfile.SIZE, harms.magnified, ("scale",)
        ),
        Control("folded", "fail", TaskProfile.SHAPE, harms.folded, ("folded",)),
        Control(
            "padded by reflection",
            "fail",
            TaskProfile.GENERIC,
            harms.padded,
            ("duplicated_tissue",),
        ),
        Control(
            "padding claimed as measured",
            "fail",
            TaskProfile.GENERIC,
            harms.claimed,
            ("invented_voxels",),
        ),
        Control("lesion cut out", "fail", TaskProfile.FOCAL, harms.cut_out, ("lesion_kept",)),
    ]
    if modality == "CT":
        controls += [
            Control(
                f"{turned}, for {task.value}", "fail", task, harms.turned, ("noise_", "lung_below")
            )
            for task in (TaskProfile.TEXTURE, TaskProfile.DENSITY)
        ]
    return controls + _of_values(modality)


def _of_values(modality: PolicyModality) -> list[Control]:
    """Return changes of values that must fail, by what values of this modality mean."""
    if modality in {"MR_WEIGHTED", "OT"}:
        by: tuple[str, ...] = ("ordering",)
        return [
            Control("inverted", "fail", TaskProfile.CONTRAST_CLASS, harms.inverted, by),
            Control("tones out of order", "fail", TaskProfile.CONTRAST_CLASS, harms.disordered, by),
        ]
    shifted = "histogram shifted"
    if modality == "CT":
        by = ("hu_drift",)
        return [
            Control(
                f"{harms.ADDED_HU:g} HU added", "fail", TaskProfile.DENSITY, harms.brightened, by
            ),
            Control(shifted, "fail", TaskProfile.DENSITY, harms.shifted, by),
        ]
    task, by = TaskProfile.QUANTITATIVE_MR, ("map_gain", "map_offset")
    if modality == "PT":
        task, by = TaskProfile.SUV_ABSOLUTE, ("suv_gain", "suv_offset")
    return [
        Control(f"multiplied by {harms.GAIN:g}", "fail", task, harms.multiplied, by),
        Control(shifted, "fail", task, harms.shifted, by),
    ]


def local_controls_of(modality: PolicyModality) -> list[Control]:
    """Return those of local views, which need not show a lesion but must lie in a global view."""
    elsewhere = Control(
        "taken elsewhere", "fail", TaskProfile.GENERIC, harms.elsewhere, ("contained",)
    )
    return [
        replace(each, by=("lesion_seen",)) if each.by == ("lesion_kept",) else each
        for each in controls_of(modality)
    ] + [elsewhere]
