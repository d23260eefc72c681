"""A policy: which views an encoder is taught on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from medcl.augment.contract import CONTRACT_VERSION, Flag, PolicyModality
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow, Normalisation, PercentileWindow
from medcl.augment.safety.composition import find_violations
from medcl.augment.safety.data_facts import DataFacts, find_unknowns
from medcl.augment.safety.tasks import TaskProfile
from medcl.augment.safety.verdict import Verdict
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.displacement import Displacement
from medcl.errors import ConfigError, PolicyError

Accepted = Mapping[Flag, str]
"""Per flag, why somebody accepts that it is unknown."""

NOTHING_ACCEPTED: Accepted = MappingProxyType({})

_WINDOWS: tuple[type, ...] = (FixedWindow, PercentileWindow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Transforms with their ranges, for one modality.

    Attributes:
        name: A name for people.
        modality: What the volumes are.
        grid: Size and spacing of every view.
        window: From physical values to what the network sees.
        transforms: In the order they are applied; spatial ones are fused into one resampling,
            those of intensity act before the window.
        region: A body lies still within 15 degrees, a head within 30.
        local: Small views inside of the others, or ``None``.

    Example:
        >>> from medcl.augment.transforms.rotation import Rotation
        >>> policy = Policy(
        ...     name="still",
        ...     modality="CT",
        ...     grid=ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0)),
        ...     window=FixedWindow(low=-1000.0, high=1000.0),
        ...     transforms=(Crop(min_overlap=0.5), Rotation(max_degrees=10.0, probability=0.3)),
        ... )
        >>> Policy.from_json(policy.to_json()) == policy
        True
        >>> len(policy.hash)
        64
    """

    name: str
    modality: PolicyModality
    grid: ViewGrid
    window: Normalisation
    transforms: tuple[Transform, ...]
    region: Literal["body", "head"] = "body"
    local: LocalViews | None = None

    def __post_init__(self) -> None:
        """Refuse a modality or region that does not exist, a second crop or displacement.

        Raises:
            ValueError: As said.
        """
        if self.modality not in get_args(PolicyModality):
            raise ValueError(f"modality must be one of {', '.join(get_args(PolicyModality))}.")
        if self.region not in ("body", "head"):
            raise ValueError(f"region must be 'body' or 'head', got {self.region!r}.")
        if sum(isinstance(transform, Crop) for transform in self.transforms) > 1:
            raise ValueError("A policy has one crop at most.")
        bent = [each for each in self.transforms if isinstance(each, Displacement)]
        if len(bent) > 1:
            raise ValueError("A policy has one displacement at most: its bound is of one field.")
        if self.local is not None:
            _require_room(self.local.grid, self.grid, bent)

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON and the contract version, 64 hexadecimal digits."""
        content = {"contract_version": CONTRACT_VERSION, "policy": _numbers(self.to_json())}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def keeps_off_lesions(self) -> bool:
        """Whether a transform must know where lesions are."""
        return any(
            isinstance(each, Cutout) and each.off_lesion and each.probability > 0
            for each in self.transforms
        )

    @property
    def keeps_lesions(self) -> bool:
        """Whether its crop has to know where lesions are."""
        crops = (each for each in self.transforms if isinstance(each, Crop))
        return any(crop.lesions != "ignore" for crop in crops)

    @property
    def named(self) -> dict[str, Transform]:
        """The transforms by name: their kind, numbered from the second of a kind on."""
        names: dict[str, Transform] = {}
        for transform in self.transforms:
            number = 1 + sum(name.split("-")[0] == transform.kind for name in names)
            names[transform.kind if number == 1 else f"{transform.kind}-{number}"] = transform
        return names

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return {
            "name": self.name,
            "modality": self.modality,
            "region": self.region,
            "grid": {
                "size_voxels": list(self.grid.size_voxels),
                "spacing_mm": list(self.grid.spacing_mm),
            },
            "window": _plain(self.window),
            "transforms": [_plain(transform) for transform in self.transforms],
            "local": None if self.local is None else _plain_local(self.local),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Policy":
        """Return the policy that `to_json` wrote.

        Raises:
            ConfigError: A key or value is not as `to_json` writes it.
        """
        allowed = {"name", "modality", "region", "grid", "window", "transforms", "local"}
        if unknown := sorted(set(content) - allowed):
            raise ConfigError(f"A policy has no key {', '.join(unknown)}.")
        try:
            return cls(
                name=content["name"],
                modality=content["modality"],
                region=content.get("region", "body"),
                grid=_grid(content["grid"]),
                window=cast("Normalisation", _made(content["window"], _WINDOWS)),
                transforms=tuple(
                    cast("Transform", _made(part, get_args(Transform)))
                    for part in content["transforms"]
                ),
                local=_local(content.get("local")),
            )
        except KeyError as error:
            raise ConfigError(f"A policy must have the key {error.args[0]}.") from None
        except (TypeError, ValueError) as error:
            raise ConfigError(f"A policy is not as it must be: {error}") from error


def check_policy(
    policy: Policy,
    task: TaskProfile = TaskProfile.GENERIC,
    *,
    facts: DataFacts | None = None,
    accepted: Accepted = NOTHING_ACCEPTED,
) -> Verdict:
    """Return what a policy breaks that a task needs, in the worst case over all its draws.

    Both a single view and the difference between two views are checked, because a contrastive loss
    teaches the encoder to ignore whatever differs.

    Args:
        policy: The policy.
        task: What the encoder is for; ``generic`` where that is not known.
        facts: Of the volumes it is used on; without them only the policy is judged.
        accepted: Per flag, why its being unknown is accepted.

    Returns:
        The verdict: PASS, FAIL with violations, or UNKNOWN with what is open.

    Example:
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
    )
    unknowns = find_unknowns(
        facts or DataFacts(), modality=policy.modality, transforms=policy.named, task=task
    )
    return Verdict(
        task,
        tuple(violations),
        tuple(replace(each, justification=accepted.get(each.flag)) for each in unknowns),
    )


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


def _plain(part: Transform | Normalisation) -> dict[str, object]:
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    listed = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    return {"kind": part.kind, **listed}


def _made(content: Mapping[str, Any], kinds: tuple[type, ...]) -> object:
    by_kind = {kind.kind: kind for kind in kinds}  # type: ignore[attr-defined]
    name = content["kind"]
    if name not in by_kind:
        raise ConfigError(
            f"{name!r} is none of {', '.join(sorted(by_kind))}: without a contract a transform"
            " counts as breaking everything."
        )
    values = {key: _floats(value) for key, value in content.items() if key != "kind"}
    try:
        return by_kind[name](**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from error


def _grid(content: Mapping[str, Any]) -> ViewGrid:
    if unknown := sorted(set(content) - {"size_voxels", "spacing_mm"}):
        raise ConfigError(f"A grid has no key {', '.join(unknown)}.")
    return ViewGrid(
        size_voxels=tuple(content["size_voxels"]), spacing_mm=_floats(content["spacing_mm"])
    )


def _local(content: Mapping[str, Any] | None) -> LocalViews | None:
    if content is None:
        return None
    if unknown := sorted(set(content) - {"count", "size_voxels", "spacing_mm"}):
        raise ConfigError(f"Local views have no key {', '.join(unknown)}.")
    grid = _grid({name: value for name, value in content.items() if name != "count"})
    return LocalViews(
        count=content["count"], size_voxels=grid.size_voxels, spacing_mm=grid.spacing_mm
    )


def _plain_local(local: LocalViews) -> dict[str, object]:
    return {
        "count": local.count,
        "size_voxels": list(local.size_voxels),
        "spacing_mm": list(local.spacing_mm),
    }


def _require_room(local: ViewGrid, around: ViewGrid, bent: Sequence[Displacement]) -> None:
    """Refuse local views that do not fit into the others, displaced as both may be.

    Raises:
        ValueError: They do not.
    """
    reach = sum(each.max_fraction * each.spacing_mm for each in bent)
    for small, large in zip(local.extent_mm.tolist(), around.extent_mm.tolist(), strict=True):
        if small + 2 * reach > large + 1e-9:
            raise ValueError(
                f"A local view must fit into a global one: {small:g} mm and a displacement of "
                f"{reach:g} mm either way do not fit into {large:g} mm."
            )


def _floats(value: Any) -> Any:  # noqa: ANN401 - JSON has any shape
    """Return lists as tuples and every number as a float; JSON knows neither."""
    if isinstance(value, list | tuple):
        return tuple(_floats(entry) for entry in value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number else value


def _numbers(content: object) -> object:
    """Return the content with every number as a float: 10 and 10.0 are one policy."""
    if isinstance(content, dict):
        return {key: _numbers(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_numbers(value) for value in content]
    return float(content) if isinstance(content, int | float) else content
