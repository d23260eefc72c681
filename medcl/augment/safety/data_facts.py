"""What is known of the volumes a policy is used on, and which claims that leaves open."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from medcl.augment.contract import Flag, PolicyModality
from medcl.augment.safety.refusing import Transforms
from medcl.augment.safety.source_geometry import SourceGeometry
from medcl.augment.safety.tasks import TaskProfile, meaningless_flags, required_flags
from medcl.augment.safety.verdict import Unknown
from medcl.augment.transforms.crop import Crop


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """Counts over volumes, how noisy they are and how their voxels lie; no header value is in here.

    Attributes:
        volumes: How many there are.
        unsaid_orientation: Of them, where no scanner and no valid header says where left is.
        unsaid_spacing: Where nobody says how large a voxel is.
        unsure_hounsfield: CT whose values do not look like HU.
        unsure_suv: PET whose values are not SUV.
        with_lesions: Where the lesions are known.
        noise_sd: Noise in HU that nine of ten CT have at least, each as it is stored; 0 where that
            is not known.
        geometry: How their voxels lie; ``None`` where that is not known.

    Example:
        >>> DataFacts(volumes=3, unsaid_orientation=1).unsaid_spacing
        0
    """

    volumes: int = 0
    unsaid_orientation: int = 0
    unsaid_spacing: int = 0
    unsure_hounsfield: int = 0
    unsure_suv: int = 0
    with_lesions: int = 0
    noise_sd: float = 0.0
    geometry: SourceGeometry | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DataFacts":
        """Return the facts that `to_json` wrote; what is not there counts as 0."""
        counts = {field.name for field in fields(cls)} - {"noise_sd", "geometry"}
        known = {name: int(value) for name, value in content.items() if name in counts}
        lies = content.get("geometry")
        return cls(
            noise_sd=float(content.get("noise_sd", 0.0)),
            geometry=None if lies is None else SourceGeometry.from_json(lies),
            **known,
        )


def find_unknowns(
    facts: DataFacts, *, modality: PolicyModality, transforms: Transforms, task: TaskProfile
) -> list[Unknown]:
    """Return the flags a task needs that nothing speaks for.

    Args:
        facts: Of the volumes.
        modality: What they are.
        transforms: By name, in order.
        task: What the encoder is for.

    Returns:
        Flags that are neither preserved nor broken as far as anybody can say: what the data leave
        open, and what a transform claims without evidence.
    """
    needed = set(required_flags(task, modality)) - set(meaningless_flags(task, modality))
    found = {
        flag: f"{count} of {facts.volumes} volumes {reason}"
        for flag, count, reason in _open(facts, modality)
        if flag in needed and count > 0
    }
    for name, transform in transforms.items():
        for flag, claim in transform.contract(modality).items():
            if flag in needed and not claim.has_evidence and claim.bound is not None:
                found[flag] = f"{name} claims it without evidence"
        keeps = isinstance(transform, Crop) and transform.lesions != "ignore"
        if keeps and Flag.LESION_MASS in needed and facts.with_lesions < facts.volumes:
            missing = facts.volumes - facts.with_lesions
            found[Flag.LESION_MASS] = (
                f"{name} keeps to known lesions, and {missing} of {facts.volumes} volumes have no "
                f"map of them"
            )
    return [Unknown(flag, found[flag]) for flag in Flag if flag in found]


def _open(facts: DataFacts, modality: PolicyModality) -> Iterator[tuple[Flag, int, str]]:
    for flag in (Flag.LATERALITY, Flag.ORIENTATION):
        yield flag, facts.unsaid_orientation, "do not say where left is"
    for flag in (Flag.PHYSICAL_SCALE, Flag.SPACING_TRUTH):
        yield flag, facts.unsaid_spacing, "do not say how large a voxel is"
    if modality == "CT":
        yield Flag.HU_CALIBRATION, facts.unsure_hounsfield, "have values that may be no HU"
    if modality == "PT":
        for flag in (Flag.UPTAKE_ABS, Flag.UPTAKE_TOTAL):
            yield flag, facts.unsure_suv, "have values that are no SUV"
