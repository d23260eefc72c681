"""Partners: a second view from another series of the same patient, which differs as scans do.

A hospital reconstructs one scan with several kernels and thicknesses, and scans one patient in
several phases or sequences in one frame of reference: one point in mm is one place of the patient
in all of them. No transform imitates such differences as well as the series themselves.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from medcl.augment.contract import PLACE, SHOWN, Claim, Contract, Flag, keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSeries:
    """Take the second global view from another volume of the patient in the same frame.

    Only a volume of the same patient, frame of reference, modality, unit and channels may stand
    in, and only where it shows what the policy's crop asks both views to share; else the view
    comes from the first volume, as it does without partners.

    Attributes:
        probability: Part of the pairs for which a partner is looked for, 0 to 1.

    Example:
        >>> OtherSeries(probability=0.3).contract()[Flag.LATERALITY].bound
        0.0
    """

    kind: ClassVar[Literal["other_series"]] = "other_series"
    probability: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no probability.

        Raises:
            ValueError: It is not from 0 to 1.
        """
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must be from 0 to 1, got {self.probability:g}.")

    def contract(self) -> Contract:
        """Return what the difference between two series keeps.

        Each view is a measurement that nobody changed, so a claim here is about what two of them
        have in common (science of each: Gallardo-Estrella 2016 for kernels, Lodge 2017 for SUV):

        - Broken: *hu_texture* (kernel, dose and thickness set noise and its spectrum);
          *hu_calibration* (iodine raises vessels by hundreds of HU; two quantitative maps may
          be of two quantities); *lowcontrast_cnr* (dose and phase decide whether a faint lesion
          is seen); *contrast_polarity* (fluid is dark in T1 and bright in T2, a lesion bright in
          one phase and dark in the next); *uptake_abs*, *uptake_ratio*, *uptake_total* (uptake
          goes on between two frames or bed passes, and one series may not be corrected for
          attenuation).
        - Kept: *laterality*, *orientation*, *physical_scale*, *spacing_truth* (both are placed in
          one frame by their headers, in mm, and sampled on one grid); *topology* (nothing is
          bent; organs that breathe move, and do not fold); *fov_truth* (what a series does not
          show is masked and never filled in); *finite_range* (each is normalised by itself).
        - Unknown: *lesion_mass*. A lesion of one phase may not be there in another, thick slices
          dilute a small one, and breath may carry it out of the view.

        Returns:
            One claim per flag, the same for every modality: what one does not have, no task of it
            needs.
        """
        return keeping(*PLACE, *SHOWN, lesion_mass=Claim(0.0, has_evidence=False))


WHY_BROKEN: dict[Flag, str] = {
    Flag.HU_CALIBRATION: "contrast phases and maps have other values in the same tissue",
    Flag.HU_TEXTURE: "kernel, dose and thickness change noise and texture",
    Flag.LOWCONTRAST_CNR: "dose and phase decide whether a faint lesion is seen",
    Flag.CONTRAST_POLARITY: "what is bright in one phase or sequence is dark in another",
    Flag.UPTAKE_ABS: "uptake goes on between two series, and one may not be corrected",
    Flag.UPTAKE_RATIO: "tissues take up and wash out at different rates between two series",
    Flag.UPTAKE_TOTAL: "uptake goes on between two series, and one may not be corrected",
}
"""Why two series of a patient do not have each of these in common, to be read in a verdict."""
