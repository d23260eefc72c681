"""What ingest knows of one plane before its pixels are read. It travels as JSON."""

from dataclasses import dataclass

SOFT_KEYS = (
    "stack",
    "temporal",
    "diffusion",
    "echo",
    "trigger",
    "acquisition",
    "dimension",
)
"""What may tell planes at one position apart, in the order in which it is tried."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class SliceHeader:
    """The elements of one plane that decide what it is and where it lies.

    A classic image is one plane; each frame of an Enhanced object is one. It holds identifiers: it
    is never printed, logged or stored.

    Attributes:
        patient_id: *Patient ID*, empty if absent.
        issuer: *Issuer of Patient ID*, empty if absent.
        study_uid: *Study Instance UID*, empty if absent.
        series_uid: *Series Instance UID*, empty if absent.
        instance_uid: *SOP Instance UID*, empty if absent.
        frame_of_reference: *Frame of Reference UID*, empty if absent.
        sop_class: *SOP Class UID*, else that of the file meta information, else empty.
        syntax: *Transfer Syntax UID*, empty if absent.
        modality: *Modality*, empty if absent.
        image_type: Values of *Image Type* or *Frame Type*, upper case.
        kernel: *Convolution Kernel*, empty if absent.
        photometric: *Photometric Interpretation*, empty if absent.
        num_samples: *Samples per Pixel*; 1 if absent.
        num_frames: *Number of Frames* of the file; 1 if absent.
        frame: Which frame of the file this plane is, from 0.
        rows: *Rows*; 0 if absent.
        columns: *Columns*; 0 if absent.
        bits_allocated: *Bits Allocated*; 0 if absent.
        bits_stored: *Bits Stored*; 0 if absent.
        high_bit: *High Bit*; ``bits_stored - 1`` if absent.
        is_signed: *Pixel Representation* is 1.
        position_mm: *Image Position (Patient)*, LPS+ mm.
        orientation: *Image Orientation (Patient)*, direction cosines of a row, then of a column.
        pixel_spacing_mm: *Pixel Spacing*: between rows, then between columns.
        slope: *Rescale Slope*.
        intercept: *Rescale Intercept*.
        rescale_type: *Rescale Type*, empty if absent.
        units: *Units* (PET), empty if absent.
        padding: *Pixel Padding Value*, stored integers.
        padding_limit: *Pixel Padding Range Limit*.
        is_burned_in: *Burned In Annotation* is YES.
        is_whole: The file reaches to the end of its pixels.
        is_too_deep: Its sequences are nested more deeply than is read.
        is_bare: The file has no preamble.
        pixels_at: Place of the pixels in the file where they are plain, else 0.
        pixel_bytes: How many bytes they are, else 0.
        soft: One word per `SOFT_KEYS`, empty where the header says nothing.
        content_time: *Content Time* or *Acquisition Time*, seconds since midnight.
    """

    patient_id: str
    issuer: str
    study_uid: str
    series_uid: str
    instance_uid: str
    frame_of_reference: str
    sop_class: str
    syntax: str
    modality: str
    image_type: tuple[str, ...]
    kernel: str
    photometric: str
    num_samples: int
    num_frames: int
    frame: int
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing_mm: tuple[float, ...] | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    units: str
    padding: float | None
    padding_limit: float | None
    is_burned_in: bool
    is_whole: bool
    is_too_deep: bool
    is_bare: bool
    pixels_at: int
    pixel_bytes: int
    soft: tuple[str, ...]
    content_time: float | None
