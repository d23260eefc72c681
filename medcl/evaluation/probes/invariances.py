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

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.encoders.families import rebuild
from medcl.encoders.interface import Encoder
from medcl.errors import InputError
from medcl.evaluation.probes.linear_probe import (
    FEWEST_PATIENTS,
    Features,
    Probed,
    Values,
    probe_amount,
    probe_group,
)
from medcl.evaluation.probes.mirror import TURN_DEGREES, Mirror, mirror_of
from medcl.evaluation.probes.shown import Shower, groups_of, shifts_of
from medcl.evaluation.probes.told import Probe, needed, verdict_of, warnings_of
from medcl.runtime.seeds import derive_seed, generator
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

Advance = Callable[[int], None]
"""Called with the number of volumes done since the last call."""

_DRAWS = 4
_ZOOM = (0.85, 1.15)


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
        fixed: list[Mapping[str, float]] = [{}, {"mirror": 1.0}, {"turn": TURN_DEGREES}]
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
    asked_for = needed(task, policy)
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
                untrained_interval=untrained.interval,
                is_needed=name in asked_for,
                verdict=verdict_of(measure, own.value),
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
    mirror = mirror_of(features[0], owners)
    return Invariances(
        num_volumes=len(rows),
        num_patients=int(owners.max()) + 1,
        probes=tuple(probes),
        mirror=mirror,
        not_probed=tuple(not_probed),
        warnings=tuple(warnings_of(probes, mirror, task)),
    )


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
