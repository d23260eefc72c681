"""Why a file or series is turned away: stable codes, each with one meaning."""

from enum import StrEnum

from medcl.errors import MedclError


class ReasonCode(StrEnum):
    """One reason each; the codes are stable, scripts may rely on them."""

    NOT_IMAGE = "NOT_IMAGE"
    LINK_NOT_FOLLOWED = "LINK_NOT_FOLLOWED"
    UNREADABLE = "UNREADABLE"
    UNSUPPORTED_SYNTAX = "UNSUPPORTED_SYNTAX"
    UNSUPPORTED_MODALITY = "UNSUPPORTED_MODALITY"
    MODALITY_UNKNOWN = "MODALITY_UNKNOWN"
    MULTI_FRAME = "MULTI_FRAME"
    COLOUR = "COLOUR"
    LOCALIZER = "LOCALIZER"
    DERIVED = "DERIVED"
    SECONDARY_CAPTURE = "SECONDARY_CAPTURE"
    BURNED_IN = "BURNED_IN"
    NO_GEOMETRY = "NO_GEOMETRY"
    MIXED_SERIES = "MIXED_SERIES"
    MIXED_ORIENTATION = "MIXED_ORIENTATION"
    MIXED_SIZE = "MIXED_SIZE"
    TOO_FEW_SLICES = "TOO_FEW_SLICES"
    DUPLICATE_SLICES = "DUPLICATE_SLICES"
    MISSING_SLICES = "MISSING_SLICES"
    IRREGULAR_SPACING = "IRREGULAR_SPACING"
    GANTRY_TILT = "GANTRY_TILT"
    RESCALE_MISSING = "RESCALE_MISSING"
    SUV_INPUT_MISSING = "SUV_INPUT_MISSING"
    PIXEL_TRUNCATED = "PIXEL_TRUNCATED"
    DECODE_FAILED = "DECODE_FAILED"
    IMPLAUSIBLE_RANGE = "IMPLAUSIBLE_RANGE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NOT_3D = "NOT_3D"
    LABEL_MAP = "LABEL_MAP"
    LABEL_OBJECT = "LABEL_OBJECT"
    DUPLICATE_VOLUME = "DUPLICATE_VOLUME"
    CHANGED_CONTENT = "CHANGED_CONTENT"
    DEFACING_FAILED = "DEFACING_FAILED"
    FORGOTTEN = "FORGOTTEN"


REASONS: dict[ReasonCode, str] = {
    ReasonCode.NOT_IMAGE: "The file is no image that medcl knows: text, a report, a DICOMDIR.",
    ReasonCode.LINK_NOT_FOLLOWED: "A symbolic link or a special file; these are never opened.",
    ReasonCode.UNREADABLE: "The file or folder could not be opened: permission or a disk error.",
    ReasonCode.UNSUPPORTED_SYNTAX: "The pixels are coded in a way that no installed codec reads.",
    ReasonCode.UNSUPPORTED_MODALITY: "The image is no CT, MR or PET cross-section.",
    ReasonCode.MODALITY_UNKNOWN: "Nothing says if it is CT, MR or PET, or two places contradict; "
    "see --modality.",
    ReasonCode.MULTI_FRAME: "Several frames in a kind of file that does not say where each lies.",
    ReasonCode.COLOUR: "The pixels are colours, not measurements.",
    ReasonCode.LOCALIZER: "A scout image for planning, not a volume.",
    ReasonCode.DERIVED: "The image was computed from others (reformat, projection, map).",
    ReasonCode.SECONDARY_CAPTURE: "A picture of a screen, not a measurement.",
    ReasonCode.BURNED_IN: "The header says that text is burned into the pixels.",
    ReasonCode.NO_GEOMETRY: "Position, orientation or pixel spacing is missing or impossible.",
    ReasonCode.MIXED_SERIES: "Slices of several series were given as one.",
    ReasonCode.MIXED_ORIENTATION: "The slices of the series do not lie parallel.",
    ReasonCode.MIXED_SIZE: "The slices of the series differ in size or pixel spacing.",
    ReasonCode.TOO_FEW_SLICES: "Too few slices to be a volume.",
    ReasonCode.DUPLICATE_SLICES: "Several slices lie at one position.",
    ReasonCode.MISSING_SLICES: "Slices are missing inside the series.",
    ReasonCode.IRREGULAR_SPACING: "The distances between slices vary.",
    ReasonCode.GANTRY_TILT: "The slices slide sideways: the gantry was tilted.",
    ReasonCode.RESCALE_MISSING: "A CT without the numbers that turn stored values into HU.",
    ReasonCode.SUV_INPUT_MISSING: "A PET whose header lacks what SUV needs: weight, dose, times.",
    ReasonCode.PIXEL_TRUNCATED: "A file is cut or damaged before the end of its pixels.",
    ReasonCode.DECODE_FAILED: "The file is damaged: its header or pixels cannot be decoded.",
    ReasonCode.IMPLAUSIBLE_RANGE: "The values cannot be what the header says they are.",
    ReasonCode.LIMIT_EXCEEDED: "The file asks for more memory, time or size than the limits allow.",
    ReasonCode.NOT_3D: "The file holds no single 3D volume: a plane or a time series.",
    ReasonCode.LABEL_MAP: "The voxels are labels, not measurements.",
    ReasonCode.LABEL_OBJECT: "A segmentation or structure set: `medcl labels add` takes it.",
    ReasonCode.DUPLICATE_VOLUME: "The same voxels are in the store already.",
    ReasonCode.CHANGED_CONTENT: "The files changed since they were surveyed or stored.",
    ReasonCode.DEFACING_FAILED: "The site's program did not remove the face, or moved the volume.",
    ReasonCode.FORGOTTEN: "The patient was taken out by `medcl store forget` and is kept out.",
}
"""One sentence per code; `medcl ingest --reasons` prints this table."""


class RefusedSeries(MedclError):  # noqa: N818 (an outcome with a reason, rarely an error)
    """A file or series is turned away.

    Args:
        code: The stable reason.
        detail: What was found, in geometry and counts; never a value from a header, a path or a
            name.

    Example:
        >>> str(RefusedSeries(ReasonCode.TOO_FEW_SLICES, "1 slice; at least 3 are needed."))
        'TOO_FEW_SLICES: 1 slice; at least 3 are needed.'
    """

    def __init__(self, code: ReasonCode, detail: str) -> None:
        """Keep code and detail."""
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        """Return code and detail as one line."""
        return f"{self.code}: {self.detail}"
