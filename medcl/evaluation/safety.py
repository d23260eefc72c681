"""A policy measured on real volumes: what its views really do, in HU, mm and degrees.

The static check of a policy says what its contract promises; this measures the pictures. Random
draws are joined by draws of parameter corners, figures are per patient, and controls that must
fail are run every time: an audit that cannot fail them is void.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from medcl.augment.catalogue import Transform
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.refusable import Flip, HuOffset
from medcl.augment.scale import Scale
from medcl.augment.views import Drawn, Source, boxes, draw, render, render_labels
from medcl.evaluation.safety_measures import (
    TISSUES_HU,
    fitted_affine,
    noise_sd,
    shared_fraction,
    tissue_classes,
    turn_and_zoom,
)
from medcl.shapes import Affine, ValidityMask, VolumeArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Case:
    """One volume to measure on.

    Attributes:
        source: Its geometry and range.
        patient: Whose it is; figures are averaged within a patient first.
        array: Its voxels, ``(C, X, Y, Z)``, in its unit.
        validity: True where voxels were measured, or ``None``.
    """

    source: Source
    patient: str
    array: VolumeArray
    validity: ValidityMask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One measured figure.

    Attributes:
        name: What was measured.
        unit: Its unit.
        mean: Mean over patients of each patient's mean.
        interval: 95 % interval of the mean, by bootstrap over patients.
        p99: 99th percentile over all draws.
        worst: Worst draw.
        limit: Worst that passes.
        status: ``pass``, ``warn`` or ``fail``.
        num_draws: Views or pairs it was measured on.
    """

    name: str
    unit: str
    mean: float
    interval: tuple[float, float]
    p99: float
    worst: float
    limit: float
    status: str
    num_draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyReport:
    """What an audit found.

    Attributes:
        policy_name: Name of the policy.
        policy_hash: Its hash.
        modality: What the volumes are.
        num_patients: Patients measured.
        num_volumes: Volumes measured.
        num_draws: Random draws per volume.
        num_corners: Corner draws per volume.
        findings: Figures.
        controls: Whether each control failed, as it must.
    """

    policy_name: str
    policy_hash: str
    modality: str
    num_patients: int
    num_volumes: int
    num_draws: int
    num_corners: int
    findings: tuple[Finding, ...]
    controls: Mapping[str, bool]

    @property
    def is_void(self) -> bool:
        """Whether a control passed: then the audit proves nothing."""
        return not all(self.controls.values())

    @property
    def is_safe(self) -> bool:
        """Whether nothing failed, in an audit that is not void."""
        return not self.is_void and all(each.status != "fail" for each in self.findings)

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return {**asdict(self), "is_void": self.is_void, "is_safe": self.is_safe}


@dataclass(frozen=True, slots=True)
class _Limit:
    """Where passing and warning end; `lowest` says that small values are bad."""

    unit: str
    passes: float
    fails: float
    lowest: bool = False


_NEVER = float("inf")
_LIMITS = {
    "hu_drift_air": _Limit("HU", 20.0, 30.0),
    "hu_drift_lung": _Limit("HU", 20.0, 30.0),
    "hu_drift_fat": _Limit("HU", 10.0, 17.0),
    "hu_drift_water": _Limit("HU", 5.0, 7.0),
    "hu_drift_muscle": _Limit("HU", 5.0, 7.0),
    "hu_drift_bone": _Limit("HU", 40.0, 60.0),
    "lung_below_950": _Limit("percentage points", 0.5, _NEVER),
    "mirrored": _Limit("of views", 0.0, 0.0),
    "orientation": _Limit("deg", 15.05, 30.0),
    "orientation_between_views": _Limit("deg", 30.1, 60.0),
    "scale": _Limit("of the length", 0.031, 0.031),
    "scale_between_views": _Limit("of the length", 0.031, 0.031),
    "overlap": _Limit("of the view", 0.0, 0.0, lowest=True),
    "body_fraction": _Limit("of the view", 0.5, -_NEVER, lowest=True),
    "invented_voxels": _Limit("voxels", 0.0, 0.0),
    "not_finite_or_out_of_range": _Limit("voxels", 0.0, 0.0),
    "noise_ratio": _Limit("of the plain view", 2.0, _NEVER),
}
"""From reference values of phantoms and scanners; noise, body and lung index warn at most."""

_Measured = dict[str, list[tuple[str, float]]]


def audit_views(
    policy: Policy,
    cases: Sequence[Case],
    *,
    draws: int = 20,
    corners: int = 8,
    seed: int = 0,
    control_draws: int = 2,
) -> SafetyReport:
    """Measure a policy on volumes.

    Args:
        policy: The policy.
        cases: Volumes of its modality, all with the same number of channels.
        draws: Random draws of two views per volume.
        corners: Draws of two views per volume at the corners of all ranges.
        seed: Seed of the draws.
        control_draws: Draws per volume of each control.

    Returns:
        The report.

    Raises:
        ValueError: No case was given.
    """
    if not cases:
        raise ValueError("An audit needs at least one volume, got none.")
    measured: _Measured = {}
    for is_corner, count in ((False, draws), (True, corners)):
        for step in range(count):
            _measure(policy, cases, measured, seed=seed, step=step, corners=is_corner)
    controls = {
        name: _fails(
            replace(policy, transforms=(*policy.transforms, transform)),
            cases,
            seed,
            control_draws,
            wanted,
        )
        for name, (transform, wanted) in _controls(policy).items()
    }
    return SafetyReport(
        policy_name=policy.name,
        policy_hash=policy.hash,
        modality=policy.modality,
        num_patients=len({case.patient for case in cases}),
        num_volumes=len(cases),
        num_draws=draws,
        num_corners=corners,
        findings=tuple(_findings(measured, policy)),
        controls=controls,
    )


def _controls(policy: Policy) -> Mapping[str, tuple[Transform, str]]:
    """Return transforms that must fail, and the figure that must catch them."""
    controls: dict[str, tuple[Transform, str]] = {
        "mirrored left to right": (Flip(axis="x", probability=1.0), "mirrored"),
        "magnified 1.1 times": (Scale(zoom=(1.1, 1.1)), "scale"),
    }
    if policy.modality == "CT":
        controls["50 HU added"] = (HuOffset(offset_hu=(50.0, 50.0)), "hu_drift")
    return controls


def _fails(policy: Policy, cases: Sequence[Case], seed: int, draws: int, wanted: str) -> bool:
    measured: _Measured = {}
    for step in range(draws):
        _measure(policy, cases, measured, seed=seed, step=step, corners=False)
    found = _findings(measured, policy)
    return any(each.status == "fail" for each in found if each.name.startswith(wanted))


def _measure(
    policy: Policy,
    cases: Sequence[Case],
    measured: _Measured,
    *,
    seed: int,
    step: int,
    corners: bool,
) -> None:
    """Draw two views of every case and add what is measured on them."""
    sources = [case.source for case in cases]
    affines: list[list[Affine | None]] = []
    for view in (0, 1):
        drawn = draw(policy, sources, seed=seed, step=step, view=view, corners=corners)
        affines.append(
            [
                fitted_affine(lattice, source.affine)
                for lattice, source in zip(drawn.lattices, sources, strict=True)
            ]
        )
        for case, figures in zip(cases, _per_view(policy, cases, drawn), strict=True):
            _add(measured, case, figures)
        for case, affine in zip(cases, affines[-1], strict=True):
            _add(measured, case, _geometry(affine, policy))
    for case, first, second in zip(cases, *affines, strict=True):
        _add(measured, case, _pair(first, second, policy))


def _add(measured: _Measured, case: Case, figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        measured.setdefault(name, []).append((case.patient, value))


def _geometry(affine: Affine | None, policy: Policy) -> dict[str, float]:
    if affine is None:
        return {}
    linear = affine[:3, :3] / np.asarray(policy.grid.spacing_mm)
    angle, zooms = turn_and_zoom(linear)
    return {
        "mirrored": float(np.linalg.det(linear) < 0),
        "orientation": angle,
        "scale": max(abs(zoom - 1) for zoom in zooms),
    }


def _pair(first: Affine | None, second: Affine | None, policy: Policy) -> dict[str, float]:
    if first is None or second is None:
        return {}
    spacing = np.diag(policy.grid.spacing_mm)
    between = spacing @ np.linalg.inv(second[:3, :3]) @ first[:3, :3] @ np.linalg.inv(spacing)
    angle, zooms = turn_and_zoom(between)
    return {
        "orientation_between_views": angle,
        "scale_between_views": max(*zooms, *(1 / zoom for zoom in zooms)) - 1,
        "overlap": shared_fraction(first, second, policy.grid.size_voxels),
    }


def _per_view(policy: Policy, cases: Sequence[Case], drawn: Drawn) -> Iterator[dict[str, float]]:
    cut = boxes(drawn)
    voxels = [case.array[:, *box.slices] for case, box in zip(cases, cut, strict=True)]
    validity = [
        None if case.validity is None else case.validity[box.slices]
        for case, box in zip(cases, cut, strict=True)
    ]
    views, masks = render(drawn, voxels, validity)
    plain = replace(drawn, intensities={})
    still, _ = render(plain, voxels, validity)
    for row, values in enumerate(voxels):
        one = replace(
            plain,
            sources=(drawn.sources[row],),
            poses=(drawn.poses[row],),
            parameters=({},),
            seeds=(0,),
        )
        figures = _image(views[row].numpy(), masks[row, 0].numpy())
        grey = views[row, 0].numpy().astype(float)
        original = values[0].astype(float)
        nearest = render_labels(one, [np.rint(original * 10).astype(np.int64)])[0].numpy() / 10
        body = _is_body(nearest, policy, drawn.sources[row]) & masks[row, 0].numpy()
        figures["body_fraction"] = float(body.mean())
        noise = noise_sd(grey, body), noise_sd(still[row, 0].numpy().astype(float), body)
        if noise[0] is not None and noise[1]:
            figures["noise_ratio"] = noise[0] / noise[1]
        if policy.modality == "CT" and isinstance(policy.window, FixedWindow):
            classes = render_labels(one, [tissue_classes(original)])[0].numpy()
            classes[~masks[row, 0].numpy()] = 0
            figures |= _drift(grey, nearest, classes, policy.window)
        yield figures


def _image(view: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    beyond = ~np.isfinite(view) | (view < -1 - 1e-6) | (view > 2 + 1e-6)
    return {
        "invented_voxels": float((view[:, ~mask] != -1).sum()),
        "not_finite_or_out_of_range": float(beyond.sum()),
    }


def _is_body(values: np.ndarray, policy: Policy, source: Source) -> np.ndarray:
    if policy.modality == "CT":
        return np.asarray(values > -500)
    if isinstance(policy.window, FixedWindow):
        return np.asarray(
            values > policy.window.low + 0.05 * (policy.window.high - policy.window.low)
        )
    return np.asarray(values > source.low + 0.1 * (source.high - source.low))


def _drift(
    view: np.ndarray, nearest: np.ndarray, classes: np.ndarray, window: FixedWindow
) -> dict[str, float]:
    """Return how far the median of each tissue moved from that of the very same places."""
    hounsfield = (view + 1) / 2 * (window.high - window.low) + window.low
    nearest = np.clip(nearest, window.low, window.high)
    figures = {}
    for number, name in enumerate(TISSUES_HU, start=1):
        here = classes == number
        if here.sum() >= 100:
            moved = np.median(hounsfield[here]) - np.median(nearest[here])
            figures[f"hu_drift_{name}"] = abs(float(moved))
    lung = classes == 1 + list(TISSUES_HU).index("lung")
    if lung.sum() >= 100 and window.low < -950:
        share = [(values[lung] < -950).mean() * 100 for values in (hounsfield, nearest)]
        figures["lung_below_950"] = abs(float(share[0] - share[1]))
    return figures


def _findings(measured: _Measured, policy: Policy) -> list[Finding]:
    return [
        _finding(name, measured[name], _limit(name, policy)) for name in _LIMITS if name in measured
    ]


def _limit(name: str, policy: Policy) -> _Limit:
    limit = _LIMITS[name]
    if name == "overlap" and "crop" in policy.named:
        bound = getattr(policy.named["crop"], "min_overlap", 0.0)
        # Every second voxel is counted: a view of 32 voxels is known to about 3 %.
        return replace(limit, passes=bound - 0.03, fails=bound - 0.03)
    if name.startswith("orientation") and policy.region == "head":
        return replace(limit, passes=limit.passes * 2, fails=limit.fails * 2)
    return limit


def _finding(name: str, pairs: list[tuple[str, float]], limit: _Limit) -> Finding:
    values = np.array([value for _, value in pairs])
    owners = np.array([patient for patient, _ in pairs])
    means = np.array([values[owners == patient].mean() for patient in np.unique(owners)])
    picks = np.random.default_rng(0).integers(0, len(means), (1000, len(means)))
    low, high = np.percentile(means[picks].mean(axis=1), [2.5, 97.5])
    sign = -1.0 if limit.lowest else 1.0
    worst = float((sign * values).max() * sign)
    status = "pass"
    if sign * worst > sign * limit.passes:
        status = "fail" if sign * worst > sign * limit.fails else "warn"
    return Finding(
        name=name,
        unit=limit.unit,
        mean=float(means.mean()),
        interval=(float(low), float(high)),
        p99=float(np.percentile(values, 1 if limit.lowest else 99)),
        worst=worst,
        limit=float(limit.passes),
        status=status,
        num_draws=len(values),
    )
