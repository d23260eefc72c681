"""What a site decides about its archive; the defaults refuse whatever is doubtful."""

import re
from dataclasses import dataclass

from medcl.errors import RequestError
from medcl.ingest.defacing import Defacing
from medcl.io.dicom.series_options import PetUnit, SeriesOptions
from medcl.io.refusal import REASONS, ReasonCode
from medcl.volume import Modality

ACCEPTABLE = {
    ReasonCode.DERIVED: "read them like originals",
    ReasonCode.BURNED_IN: "read them although text stands in the pixels",
    ReasonCode.GANTRY_TILT: "keep the tilt in a sheared affine; --deshear resamples instead",
    ReasonCode.MIXED_ORIENTATION: "part the series into its parallel stacks",
    ReasonCode.MIXED_SIZE: "part the series into stacks of one size",
    ReasonCode.DUPLICATE_SLICES: "drop copies that hold the same bytes of pixels",
    ReasonCode.NOT_3D: "part a 4D NIfTI file into its 3D volumes",
    ReasonCode.LABEL_MAP: "read label maps as if they were scans",
    ReasonCode.DUPLICATE_VOLUME: "store the same voxels again under another key",
}
"""Reasons a site may overrule, and what is done instead."""


def reason_rows() -> list[tuple[str, str, str]]:
    """Return every reason: its code, its meaning, and what ``--accept`` does.

    Returns:
        Rows in the order of the codes; the last word is empty where nothing can be accepted.

    Example:
        >>> reason_rows()[0]
        ('NOT_IMAGE', 'The file is no image that medcl knows: text, a report, a DICOMDIR.', '')
    """
    return [(code.value, text, ACCEPTABLE.get(code, "")) for code, text in REASONS.items()]


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestOptions:
    """What a site may decide.

    Attributes:
        nifti_modality: What files without a header for it are (NIfTI, NRRD, MetaImage). ``None``:
            what the JSON file beside each, or its place in a BIDS tree and the JSON files above it
            there say, and a refusal where none does.
        patient_pattern: Regular expression searched in the relative path of such a file; its
            first group, or else the whole match, names the patient. Without it, or where it does
            not match, each file counts as a patient of its own, unless it lies in a BIDS tree.
        accept: Reasons to overlook, out of `ACCEPTABLE`.
        deshear: Resample what was taken under a tilted gantry to right-angled axes.
        pet_unit: What PET voxels shall be.
        keep_demographics: Keep sex and age band.
        defacing: What removes faces from heads; ``None`` leaves them.
    """

    nifti_modality: Modality | None = None
    patient_pattern: str | None = None
    accept: frozenset[ReasonCode] = frozenset()
    deshear: bool = False
    pet_unit: PetUnit = "SUVbw"
    keep_demographics: bool = False
    defacing: Defacing | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be decided so.

        Raises:
            RequestError: A reason that cannot be overlooked, or no regular expression.
        """
        if not self.accept <= ACCEPTABLE.keys():
            refused = ", ".join(sorted(self.accept - ACCEPTABLE.keys()))
            allowed = ", ".join(sorted(ACCEPTABLE))
            raise RequestError(f"Only {allowed} can be accepted, got {refused}.")
        try:
            re.compile(self.patient_pattern or "")
        except re.error as error:
            raise RequestError(f"patient_pattern is no regular expression: {error.msg}.") from None

    @property
    def deciding(self) -> tuple[str, ...]:
        """Words for what of it concerns every volume; a change of them reads all anew."""
        if self.defacing is None:
            return ()
        return ("deface", str(self.defacing.unknown_too), *self.defacing.command)

    @property
    def series(self) -> SeriesOptions:
        """What of it concerns the reading of DICOM series."""
        tilt = ReasonCode.GANTRY_TILT in self.accept
        return SeriesOptions(
            tilt="deshear" if self.deshear else "keep" if tilt else "refuse",
            pet_unit=self.pet_unit,
        )
