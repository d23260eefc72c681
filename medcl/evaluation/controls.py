"""Controls: harm that an audit must find, and harmless views that it must let pass.

They are done to real voxels of the volumes that are audited, by code that shares nothing with the
transforms of a policy. An audit that misses one of them proves nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from medcl.augment.contract import PolicyModality
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.anatomy import Anatomy, Case
from medcl.evaluation.control_scene import Scene, scene_of
from medcl.evaluation.findings import Finding, Measured, findings_of
from medcl.evaluation.measures import measure_pair, measure_view
from medcl.evaluation.observed import Observed

Outcome = Literal["pass", "fail"]

_MOST_CASES = 3
_ADDED_HU = 50.0
_ZOOM = 1.1
_GAIN = 1.3
_DEGREES = 5.0
_SHIFT_VOXELS = 2
_LONG_ENOUGH = 16
_SHIFTED = (0.0, 0.1, 0.6, 0.7, 1.0)
"""A tone curve as random histogram shifts draw them: monotone, and 15 % of the range off."""
_DISORDERED = (0.4, 1.0, 0.2, 0.6, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """What became of one control.

    Attributes:
        name: What was done.
        must: Whether it must ``fail`` or ``pass``.
        task: For which task.
        found: What it did.
        figure: The figure that told, or the worst of those that could have.
        worst: Its worst value.
        limit: Its limit.
    """

    name: str
    must: Outcome
    task: str
    found: Outcome
    figure: str
    worst: float
    limit: float

    @property
    def is_as_it_must(self) -> bool:
        """Whether it came out as it must."""
        return self.found == self.must


_Views = Callable[[Scene], Sequence[Observed]]


@dataclass(frozen=True, slots=True)
class _Control:
    """Something that is done to a scene.

    `by` names the figures that must tell; a control that must pass may fail by none at all.
    """

    name: str
    must: Outcome
    task: TaskProfile
    views: _Views
    by: tuple[str, ...] = ()


def run_controls(
    policy: Policy, cases: Sequence[Case], anatomies: Sequence[Anatomy]
) -> list[ControlResult]:
    """Run every control on parts of a few volumes.

    Args:
        policy: Gives modality, region and window.
        cases: The volumes that are audited.
        anatomies: What is where in them.

    Returns:
        One result per control.
    """
    scenes = [
        scene_of(policy, case, anatomy)
        for case, anatomy in list(zip(cases, anatomies, strict=True))[:_MOST_CASES]
    ]
    still = [scene.view() for scene in scenes]
    seen: dict[_Views, Measured] = {}
    results = []
    for control in _controls(policy.modality):
        if control.views not in seen:
            seen[control.views] = _measured(control, scenes, still)
        findings = findings_of(seen[control.views], replace(policy, transforms=()), control.task)
        results.append(_result(control, findings))
    return results


def _measured(control: _Control, scenes: Sequence[Scene], still: Sequence[Observed]) -> Measured:
    measured = Measured()
    for scene, plain in zip(scenes, still, strict=True):
        before = measure_view(plain)
        for view in control.views(scene):
            figures = measure_view(view)
            measured.add(scene.case.patient, figures)
            measured.add(scene.case.patient, measure_pair(plain, view, (before, figures)))
    return measured


def _result(control: _Control, findings: Sequence[Finding]) -> ControlResult:
    told = [each for each in findings if not control.by or each.name.startswith(control.by)]
    failing = [each for each in told if each.status == "fail"]
    shown = next(iter(failing or told), None)
    return ControlResult(
        name=control.name,
        must=control.must,
        task=control.task.value,
        found="fail" if failing else "pass",
        figure="nothing could be measured" if shown is None else shown.name,
        worst=0.0 if shown is None else shown.worst,
        limit=0.0 if shown is None else shown.limit,
    )


def _controls(modality: PolicyModality) -> list[_Control]:
    turned = f"turned by {_DEGREES:g} degrees"
    controls = [
        _Control("unchanged", "pass", TaskProfile.GENERIC, _unchanged),
        _Control("moved by whole voxels", "pass", TaskProfile.GENERIC, _moved),
        _Control(turned, "pass", TaskProfile.GENERIC, _turned),
        _Control("mirrored left to right", "fail", TaskProfile.LATERAL, _mirrored, ("mirrored",)),
        _Control(
            "mirrored, unknown to its map",
            "fail",
            TaskProfile.LATERAL,
            _mirrored_values,
            ("looks_mirrored",),
        ),
        _Control(f"magnified {_ZOOM:g} times", "fail", TaskProfile.SIZE, _magnified, ("scale",)),
        _Control("folded", "fail", TaskProfile.SHAPE, _folded, ("folded",)),
        _Control(
            "padded by reflection",
            "fail",
            TaskProfile.GENERIC,
            _padded,
            ("duplicated_tissue",),
        ),
        _Control(
            "padding claimed as measured",
            "fail",
            TaskProfile.GENERIC,
            _claimed,
            ("invented_voxels",),
        ),
        _Control("lesion cut out", "fail", TaskProfile.FOCAL, _cut_out, ("lesion_kept",)),
    ]
    if modality == "CT":
        controls += [
            _Control(f"{turned}, for {task.value}", "fail", task, _turned, ("noise_", "lung_below"))
            for task in (TaskProfile.TEXTURE, TaskProfile.DENSITY)
        ]
    return controls + _value_controls(modality)


def _value_controls(modality: PolicyModality) -> list[_Control]:
    """Return changes of values that must fail, by what values of this modality mean."""
    if modality in {"MR_WEIGHTED", "OT"}:
        by: tuple[str, ...] = ("ordering",)
        return [
            _Control("inverted", "fail", TaskProfile.CONTRAST_CLASS, _inverted, by),
            _Control("tones out of order", "fail", TaskProfile.CONTRAST_CLASS, _disordered, by),
        ]
    shifted = "histogram shifted"
    if modality == "CT":
        by = ("hu_drift",)
        return [
            _Control(f"{_ADDED_HU:g} HU added", "fail", TaskProfile.DENSITY, _brightened, by),
            _Control(shifted, "fail", TaskProfile.DENSITY, _shifted, by),
        ]
    task, by = TaskProfile.QUANTITATIVE_MR, ("map_gain", "map_offset")
    if modality == "PT":
        task, by = TaskProfile.SUV_ABSOLUTE, ("suv_gain", "suv_offset")
    return [
        _Control(f"multiplied by {_GAIN:g}", "fail", task, _multiplied, by),
        _Control(shifted, "fail", task, _shifted, by),
    ]


def _unchanged(scene: Scene) -> list[Observed]:
    return [scene.view()]


def _moved(scene: Scene) -> list[Observed]:
    return [scene.view(shift_voxels=step) for step in (-_SHIFT_VOXELS, _SHIFT_VOXELS)]


def _turned(scene: Scene) -> list[Observed]:
    turns = [Rotation.from_euler("z", angle, degrees=True) for angle in (-_DEGREES, _DEGREES)]
    return [scene.view(linear=turn.as_matrix()) for turn in turns]


def _mirrored(scene: Scene) -> list[Observed]:
    return [scene.view(linear=np.diag([-1.0, 1.0, 1.0]))]


def _mirrored_values(scene: Scene) -> list[Observed]:
    view = scene.view()
    return [replace(view, grey=view.grey[::-1].copy(), mask=view.mask[::-1].copy())]


def _magnified(scene: Scene) -> list[Observed]:
    return [scene.view(linear=_ZOOM * np.eye(3))]


def _brightened(scene: Scene) -> list[Observed]:
    return [_changed(scene.view(), lambda grey: grey + _ADDED_HU)]


def _multiplied(scene: Scene) -> list[Observed]:
    return [_changed(scene.view(), lambda grey: grey * _GAIN)]


def _shifted(scene: Scene) -> list[Observed]:
    return [_toned(scene, _SHIFTED)]


def _disordered(scene: Scene) -> list[Observed]:
    return [_toned(scene, _DISORDERED)]


def _inverted(scene: Scene) -> list[Observed]:
    return [_toned(scene, (1.0, 0.0))]


def _toned(scene: Scene, knots: Sequence[float]) -> Observed:
    """Return the view through a tone curve over the range of its own values."""
    view = scene.view()
    low, high = view.low, float(view.truth.max())
    places = np.linspace(low, high, len(knots))
    values = low + np.asarray(knots) * (high - low)
    return _changed(view, lambda grey: np.interp(grey, places, values))


def _changed(view: Observed, change: Callable[[np.ndarray], np.ndarray]) -> Observed:
    """Return the view with its measured values changed, within what the network can see."""
    changed = np.clip(change(view.grey), view.low, view.high)
    return replace(view, grey=np.where(view.mask, changed, view.low))


def _folded(scene: Scene) -> list[Observed]:
    """Return a view pushed to and fro by more than it is wide: its map turns back on itself."""
    view = scene.view()
    size = view.grey.shape[0]
    wave = np.arange(size, dtype=float)
    length = max(size / 3, 4.0)
    push = 0.3 * length * np.sin(2 * np.pi * wave / length)
    places = view.map.places.copy()
    places[0] += push.reshape(-1, 1, 1)
    index = np.stack(np.meshgrid(*map(np.arange, view.grey.shape), indexing="ij")).astype(float)
    index[0] += push.reshape(-1, 1, 1)
    grey = ndimage.map_coordinates(view.grey, index, order=1, mode="nearest")
    bent = replace(view.map, places=places, deviation_voxels=float(np.abs(push).max()))
    return [replace(view, grey=grey, map=bent)]


def _padded(scene: Scene) -> list[Observed]:
    """Return views that go on by their own reflection, along each axis with room."""
    view = scene.view()
    return [
        replace(view, grey=_reflected(view.grey, axis))
        for axis, size in enumerate(view.grey.shape)
        if size >= _LONG_ENOUGH
    ]


def _reflected(grey: np.ndarray, axis: int) -> np.ndarray:
    """Return values reflected at the plane with most structure before it."""
    size, depth = grey.shape[axis], _LONG_ENOUGH // 2
    planes = np.abs(np.diff(np.moveaxis(grey, axis, 0), axis=0)).sum(axis=(1, 2))
    before = np.convolve(planes, np.ones(depth), "valid")[: size - 2 * depth + 1]
    plane = depth + int(before.argmax())
    index = np.arange(size)
    mirrored = np.maximum(2 * plane - 1 - index, 0)
    return np.take(grey, np.where(index < plane, index, mirrored), axis)


def _claimed(scene: Scene) -> list[Observed]:
    """Return a view half outside of the volume that is filled and claimed as measured."""
    size = max(scene.case.source.shape)
    view = scene.view(shift_voxels=size // 2)
    return [replace(view, mask=np.ones_like(view.mask))]


def _cut_out(scene: Scene) -> list[Observed]:
    view = scene.view()
    lesion = np.zeros_like(view.mask) if view.lesion is None else view.lesion
    hole = ndimage.binary_dilation(lesion, iterations=2)
    return [replace(view, grey=np.where(hole, view.low, view.grey))]
