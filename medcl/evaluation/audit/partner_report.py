"""What an audit says of pairs of two series: how many there are, and by what they differ."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Census:
    """How many volumes of a cohort have partners.

    Attributes:
        num_volumes: Volumes of the cohort.
        num_with_partner: Those beside which another series of the patient lies in one frame.
    """

    num_volumes: int
    num_with_partner: int

    @property
    def share(self) -> float:
        """Part of the volumes that have one."""
        return self.num_with_partner / max(self.num_volumes, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDifference:
    """By how much two series differ in what a partner does not claim to keep.

    Attributes:
        name: What was measured.
        title: What people call it.
        unit: Its unit.
        flag: What of the contract it is about.
        mean: Mean over patients of each patient's mean.
        interval: 95 % interval of the mean, by bootstrap over patients.
        smallest: Of all pairs of volumes.
        largest: Of all pairs of volumes.
        num_pairs: Pairs of volumes it was measured on.
        is_ratio: Whether 1, and not 0, is no difference.
    """

    name: str
    title: str
    unit: str
    flag: str
    mean: float
    interval: tuple[float, float]
    smallest: float
    largest: float
    num_pairs: int
    is_ratio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSummary:
    """What was measured of a cohort's partners.

    Attributes:
        census: How many volumes have one.
        probability: Part of the pairs for which the policy looks for one.
        num_pairs: Pairs of volumes that were measured.
        num_patients: Patients they are of.
        num_drawn: Pairs of views that were drawn of them.
        num_found: Those whose second view the partner could give: it shows the place.
        limit_mm: How far off a partner may lie.
        kept: What the contract of partners claims to keep, and was measured here.
        differences: What they may differ by, as information.
        unproven: What the controls could not prove on these volumes, one sentence each.
    """

    census: Census
    probability: float
    num_pairs: int
    num_patients: int
    num_drawn: int
    num_found: int
    limit_mm: float
    kept: tuple[str, ...]
    differences: tuple[MeasuredDifference, ...]
    unproven: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """How many there are, and how many were measured."""
        census = self.census
        if not self.num_pairs:
            return (
                f"No partner was measured: of the {census.num_volumes} volumes of this cohort "
                f"{census.num_with_partner or 'none'} has another series of the same patient in "
                "the same frame of reference. In pretraining on them both views of a pair are of "
                "one volume, whatever the policy asks for."
            )
        return (
            f"{census.num_with_partner} of {census.num_volumes} volumes "
            f"({100 * census.share:.0f} %) have a partner: another series of the same patient in "
            f"the same frame of reference. {self.num_pairs} pairs of volumes of "
            f"{self.num_patients} patients were measured. {self.num_drawn} pairs of views were "
            f"drawn of them, and in {self.num_found} of these the partner showed the place and "
            f"gave the second view."
        )

    def to_json(self) -> dict[str, object]:
        """Return plain dictionaries, lists, text and numbers."""
        return {**asdict(self), "share": self.census.share, "sentence": self.sentence}
