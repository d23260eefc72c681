"""A policy: which views an encoder is taught on."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from medcl.augment.contract import CONTRACT_VERSION, PolicyModality
from medcl.augment.grid import LocalViews, ViewGrid
from medcl.augment.normalisation import FixedWindow, Normalisation, PercentileWindow
from medcl.augment.partner import OtherSeries
from medcl.augment.policy_text import (
    all_floats,
    grid_of,
    local_of,
    made_part,
    partner_of,
    plain_local,
    plain_part,
)
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.displacement import Displacement
from medcl.errors import ConfigError

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
        partner: When the second view is of another series of the patient; ``None`` for never.

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
    partner: OtherSeries | None = None

    def __post_init__(self) -> None:
        """Refuse a modality or region that does not exist, a second crop or displacement.

        A partner, too, whose place nothing binds to that of the first view, or that would have to
        show the same lesions.

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
        if self.partner is not None:
            _require_place(self.transforms)

    @property
    def hash(self) -> str:
        """SHA-256 over the canonical JSON and the contract version, 64 hexadecimal digits."""
        plain = self.to_json()
        if self.partner is None:
            # So that a run that began before there were partners goes on with the same policy.
            del plain["partner"]
        content = {"contract_version": CONTRACT_VERSION, "policy": all_floats(plain)}
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
        seen: Counter[str] = Counter()
        for transform in self.transforms:
            seen[transform.kind] += 1
            number = seen[transform.kind]
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
            "window": plain_part(self.window),
            "transforms": [plain_part(transform) for transform in self.transforms],
            "local": None if self.local is None else plain_local(self.local),
            "partner": None if self.partner is None else plain_part(self.partner),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Policy":
        """Return the policy that `to_json` wrote.

        Raises:
            ConfigError: A key or value is not as `to_json` writes it.
        """
        parts = {"grid", "window", "transforms", "local", "partner"}
        allowed = {"name", "modality", "region", *parts}
        if unknown := sorted(set(content) - allowed):
            raise ConfigError(f"A policy has no key {', '.join(unknown)}.")
        try:
            return cls(
                name=content["name"],
                modality=content["modality"],
                region=content.get("region", "body"),
                grid=grid_of(content["grid"]),
                window=cast("Normalisation", made_part(content["window"], _WINDOWS)),
                transforms=tuple(
                    cast("Transform", made_part(part, get_args(Transform)))
                    for part in content["transforms"]
                ),
                local=local_of(content.get("local")),
                partner=partner_of(content.get("partner")),
            )
        except KeyError as error:
            raise ConfigError(f"A policy must have the key {error.args[0]}.") from None
        except (TypeError, ValueError) as error:
            raise ConfigError(f"A policy is not as it must be: {error}") from error


def _require_place(transforms: Sequence[Transform]) -> None:
    """Refuse partners where the crop does not say which place both views must show.

    Raises:
        ValueError: It does not, or it minds lesions, which another series may not show.
    """
    crops = [each for each in transforms if isinstance(each, Crop)]
    if not any(crop.min_overlap > 0 for crop in crops):
        raise ValueError(
            "A partner needs a crop with min_overlap above 0: nothing else says that a view of "
            "another series shows the same place."
        )
    if any(crop.lesions != "ignore" for crop in crops):
        raise ValueError(
            "A partner and a crop that minds lesions do not go together: whether another series "
            "shows the same lesion is not known. Leave one of them out."
        )


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
