"""What a frozen encoder still tells: the invariances it has really learnt.

That every view is legal does not say what the encoder was taught to ignore. Each volume is shown
plainly and with one thing changed by a known amount; a linear probe, fitted on other patients,
then has to tell the amount from the features. The same probes on fresh weights of the same build
say what pretraining has taken away.

Legend: N views, F features.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch

from medcl.augment.contract import Flag
from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile, required_flags
from medcl.encoders.families import rebuild
from medcl.encoders.interface import Encoder
from medcl.errors import InputError
from medcl.evaluation.linear_probe import (
    FEWEST_PATIENTS,
    Features,
    Probed,
    Values,
    probe_amount,
    probe_group,
)
from medcl.evaluation.shown import Shower, groups_of, shifts_of
from medcl.runtime.seeds import derive_seed, generator
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

Advance = Callable[[int], None]
"""Called with the number of volumes done since the last call."""

_DRAWS = 4
_ZOOM = (0.85, 1.15)
_TURN_DEGREES = 10.0
_TOLD = {"R²": 0.8, "AUC": 0.9}
_LOST = {"R²": 0.2, "AUC": 0.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing an encoder was asked.

    Attributes:
        name: Of the probe.
        title: What was asked, for people.
        measure: ``R²`` or ``AUC``.
        value: On patients the probe has not seen.
        interval: 95 %, by bootstrap over patients.
        untrained: The same of fresh weights.
        is_needed: Whether the task needs the answer.
        verdict: ``told``, ``partly`` or ``lost``.
    """

    name: str
    title: str
    measure: str
    value: float
    interval: tuple[float, float]
    untrained: float
    is_needed: bool
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """How alike a volume and its mirror image are to the encoder, beside one that is turned.

    Attributes:
        cos_mirrored: Mean cosine of features of a volume and its mirror image, features centred
            over volumes.
        cos_rotated: Likewise of a volume and itself turned by 10 degrees.
        difference: Mean of rotated minus mirrored; near 0 where sides look alike.
        difference_interval: Its 95 % interval, by bootstrap over patients.
        sentence: What it means.
    """

    cos_mirrored: float
    cos_rotated: float
    difference: float
    difference_interval: tuple[float, float]
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariances:
    """What was found about an encoder.

    Attributes:
        num_volumes: Volumes shown.
        num_patients: Their patients.
        probes: What was asked and told.
        mirror: Sensitivity to side without any probe.
        not_probed: What could not be asked, as sentences.
        warnings: Where the task needs what the encoder does not tell.
    """

    num_volumes: int
    num_patients: int
    probes: tuple[Probe, ...]
    mirror: Mirror
    not_probed: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return asdict(self)


def probe_invariances(
    encoder: Encoder,
    policy: Policy,
    *,
    store: Store,
    rows: Sequence[VolumeRow],
    task: TaskProfile,
    seed: int = 0,
    device: torch.device | None = None,
    report: Advance | None = None,
) -> Invariances:
    """Ask a frozen encoder what it still tells.

    Args:
        encoder: Frozen; its weights are not changed.
        policy: Gives modality, grid and window; its transforms are not used.
        store: Where the voxels are.
        rows: Volumes, of many patients.
        task: What the encoder is for.
        seed: Decides amounts and folds.
        device: Where to compute; the CPU by default.
        report: Called as volumes are done.

    Returns:
        Probes with intervals, and warnings.

    Raises:
        InputError: There are fewer than 5 patients.
    """
    patients = [row.patient_key for row in rows]
    if len(set(patients)) < FEWEST_PATIENTS:
        raise InputError(
            f"Probing an encoder needs volumes of {FEWEST_PATIENTS} patients or more, got "
            f"{len(set(patients))}."
        )
    shower = Shower(store, policy, device or torch.device("cpu"))
    fresh = _fresh(encoder)
    encoders = [each.to(shower.device).eval() for each in (encoder, fresh)]
    asked = [_Asked.of(row, policy, seed) for row in rows]
    shown = []
    for row, one in zip(rows, asked, strict=True):
        shown.append(shower.features(encoders, row, one.variants(policy)))
        if report is not None:
            report(1)
    features = [np.stack([parts[place] for parts in shown]) for place in range(len(encoders))]
    return _concluded(features, asked, rows, policy, task, seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """The amounts by which one volume is changed."""

    shifts: Values
    zooms: Values

    @classmethod
    def of(cls, row: VolumeRow, policy: Policy, seed: int) -> "_Asked":
        random = generator(seed, "invariances", row.word)
        shift = shifts_of(policy)
        reach = shift.reach if shift else 0.0
        return cls(random.uniform(-reach, reach, _DRAWS), random.uniform(*_ZOOM, _DRAWS))

    def variants(self, policy: Policy) -> list[Mapping[str, float]]:
        """Return plain, mirrored, turned, then every zoom and every shift."""
        fixed: list[Mapping[str, float]] = [{}, {"mirror": 1.0}, {"turn": _TURN_DEGREES}]
        zooms = [{"zoom": float(zoom)} for zoom in self.zooms]
        shifts = [{"shift": float(shift)} for shift in self.shifts] if shifts_of(policy) else []
        return [*fixed, *zooms, *shifts]


def _fresh(encoder: Encoder) -> Encoder:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(0, "untrained") >> 1)
        return rebuild(encoder.description)


def _concluded(
    features: Sequence[Features],
    asked: Sequence[_Asked],
    rows: Sequence[VolumeRow],
    policy: Policy,
    task: TaskProfile,
    seed: int,
) -> Invariances:
    owners = np.unique([row.patient_key for row in rows], return_inverse=True)[1]
    needed = _needed(task, policy)
    probes, not_probed = [], []

    def put(name: str, title: str, measure: str, ask: Callable[[Features], Probed]) -> None:
        own, untrained = (ask(each) for each in features)
        probes.append(
            Probe(
                name=name,
                title=title,
                measure=measure,
                value=own.value,
                interval=own.interval,
                untrained=untrained.value,
                is_needed=name in needed,
                verdict=_verdict(measure, own.value),
            )
        )

    shift = shifts_of(policy)
    if shift is None:
        not_probed.append(
            f"{policy.modality} has no value that an offset or gain could be told of."
        )
    else:
        amounts = np.stack([one.shifts for one in asked])
        part = slice(3 + _DRAWS, 3 + 2 * _DRAWS)
        put(shift.name, shift.title, "R²", lambda f: _amount(f[:, part], amounts, owners, seed))
    zooms = np.log(np.stack([one.zooms for one in asked]))
    part_zoom = slice(3, 3 + _DRAWS)
    put(
        "scale",
        "size (zoom by up to 15 %)",
        "R²",
        lambda f: _amount(f[:, part_zoom], zooms, owners, seed),
    )
    put("side", "side (mirrored or not)", "AUC", lambda f: _side(f[:, :2], owners, seed))
    for name, title, groups in groups_of(rows):
        if groups is None:
            not_probed.append(title)
        else:
            put(name, title, "AUC", partial(_group, groups=groups, owners=owners, seed=seed))
    mirror = _mirror(features[0], owners)
    return Invariances(
        num_volumes=len(rows),
        num_patients=int(owners.max()) + 1,
        probes=tuple(probes),
        mirror=mirror,
        not_probed=tuple(not_probed),
        warnings=tuple(_warnings(probes, mirror, task)),
    )


def _needed(task: TaskProfile, policy: Policy) -> set[str]:
    names = {
        Flag.HU_CALIBRATION: "hu_offset" if policy.modality == "CT" else "gain",
        Flag.UPTAKE_ABS: "gain",
        Flag.UPTAKE_TOTAL: "gain",
        Flag.PHYSICAL_SCALE: "scale",
        Flag.LATERALITY: "side",
    }
    flags = required_flags(task, policy.modality)
    return {names[flag] for flag in flags if flag in names}


def _amount(features: Features, amounts: Values, owners: Values, seed: int) -> Probed:
    draws = amounts.shape[1]
    flat = features.reshape(-1, features.shape[-1])
    return probe_amount(flat, amounts.ravel(), np.repeat(owners, draws), seed)


def _side(features: Features, owners: Values, seed: int) -> Probed:
    flat = features.reshape(-1, features.shape[-1])
    side = np.tile([0, 1], len(features))
    return probe_group(flat, side, np.repeat(owners, 2), seed)


def _group(features: Features, *, groups: Values, owners: Values, seed: int) -> Probed:
    known = groups >= 0
    return probe_group(features[known, 0], groups[known], owners[known], seed)


def _verdict(measure: str, value: float) -> str:
    if value >= _TOLD[measure]:
        return "told"
    return "lost" if value < _LOST[measure] else "partly"


def _mirror(features: Features, owners: Values) -> Mirror:
    centred = features[:, :3] - features[:, :1].mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12)
    mirrored = (unit[:, 0] * unit[:, 1]).sum(axis=-1)
    rotated = (unit[:, 0] * unit[:, 2]).sum(axis=-1)
    gap = rotated - mirrored
    per_patient = np.array([gap[owners == owner].mean() for owner in np.unique(owners)])
    picks = np.random.default_rng(0).integers(0, len(per_patient), (1000, len(per_patient)))
    low, high = np.percentile(per_patient[picks].mean(axis=1), [2.5, 97.5]).tolist()
    seen = "a mirror image looks less like the volume than a turned one: side is seen"
    if low <= 0:
        seen = "a mirror image looks as much like the volume as a turned one: side is not seen"
    return Mirror(
        cos_mirrored=float(mirrored.mean()),
        cos_rotated=float(rotated.mean()),
        difference=float(per_patient.mean()),
        difference_interval=(low, high),
        sentence=(
            f"Cosine of a volume with its mirror image {mirrored.mean():.2f}, with itself turned "
            f"by {_TURN_DEGREES:g} degrees {rotated.mean():.2f} (difference {gap.mean():.2f} "
            f"[{low:.2f}, {high:.2f}]): {seen}."
        ),
    )


def _warnings(probes: Sequence[Probe], mirror: Mirror, task: TaskProfile) -> list[str]:
    found = []
    for probe in probes:
        is_less = probe.interval[1] < probe.untrained
        if probe.is_needed and (probe.verdict == "lost" or (is_less and probe.verdict != "told")):
            how = "no longer tells" if probe.verdict == "lost" else "tells less than fresh weights"
            found.append(
                f"The task {task.value.replace('_', ' ')} needs {probe.title}, which the encoder "
                f"{how}: {probe.measure} {probe.value:.2f} [{probe.interval[0]:.2f}, "
                f"{probe.interval[1]:.2f}], untrained {probe.untrained:.2f}."
            )
        if probe.name == "side" and probe.is_needed and mirror.difference_interval[0] <= 0:
            found.append(f"{mirror.sentence} The task needs it.")
    return found
