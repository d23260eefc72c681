"""What ingest makes of a series or file: an accepted volume or a refusal. Nothing here is PHI."""

from dataclasses import dataclass
from typing import Literal

from medcl.io.refusal import ReasonCode
from medcl.volume import Volume

BodyPart = Literal[
    "head", "neck", "chest", "breast", "abdomen", "pelvis", "spine", "arm", "leg", "whole_body"
]
Manufacturer = Literal[
    "ge", "siemens", "philips", "canon", "hitachi", "united_imaging", "neusoft", "mediso", "other"
]
Kernel = Literal["soft", "medium", "sharp"]
Weighting = Literal["T1", "T2", "FLAIR", "PD", "DWI", "SWI", "ANGIO"]
Tracer = Literal[
    "fdg",
    "psma",
    "somatostatin",
    "choline",
    "fluciclovine",
    "dopa",
    "amyloid",
    "tau",
    "fluoride",
    "estradiol",
    "fapi",
    "other",
]
OrientationSource = Literal["scanner", "header", "assumed"]
Defaced = Literal[
    "unknown",
    "tool",
    "afni_refacer_run",
    "deepdefacer",
    "fsl_deface",
    "mideface",
    "mri_deface",
    "mri_reface",
    "pydeface",
    "quickshear",
]
"""Whether a face was removed, by which program as far as its name is known (else ``tool``)."""
Sequence = Literal["SE", "GR", "IR", "EP", "other"]
PatientPosition = Literal["HFS", "HFP", "HFDR", "HFDL", "FFS", "FFP", "FFDR", "FFDL"]
AgeBand = Literal["0-17", "18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80-89", "90+"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Technical:
    """The only header values that pass ingest: numbers, and words from the closed lists above.

    ``None`` means unknown or not kept. Free text is matched to the closed lists inside the worker
    and never leaves it.

    Attributes:
        body_part: Region examined.
        manufacturer: Maker of the scanner.
        patient_position: How the patient lay.
        slice_thickness_mm: Nominal thickness, mm.
        slice_jitter_mm: Largest departure of a slice from the even grid that was accepted, mm.
        lossy: Whether the pixels ever went through lossy compression.
        derived: Whether the image was computed from others.
        contrast: Whether contrast agent is named.
        kvp: Tube voltage, kV.
        kernel: CT reconstruction kernel, coarsely.
        field_strength_t: Main magnetic field, T.
        echo_time_ms: MR echo time, ms.
        repetition_time_ms: MR repetition time, ms.
        inversion_time_ms: MR inversion time, ms.
        flip_angle_deg: MR flip angle, degrees.
        sequence: MR scanning sequence.
        acquisition_3d: Whether MR was acquired in 3D.
        weighting: MR contrast as far as the names say.
        b_value_s_mm2: MR diffusion weighting, s/mm².
        tracer: What PET shows, as far as its name says.
        tilt_deg: Tilt of the gantry that the affine keeps or that was resampled away, degrees.
        orientation_source: Who says where left is: the scanner (DICOM), a header written later
            (NIfTI, NRRD, MetaImage), or nobody (MedMNIST, where it is assumed).
        sex: Only where asked for.
        age_band: Only where asked for; 90 and above pooled.
        defaced: Which program removed the face; ``unknown`` if none did, as medcl does not look.
    """

    body_part: BodyPart | None = None
    manufacturer: Manufacturer | None = None
    patient_position: PatientPosition | None = None
    slice_thickness_mm: float | None = None
    slice_jitter_mm: float | None = None
    lossy: bool | None = None
    derived: bool | None = None
    contrast: bool | None = None
    kvp: float | None = None
    kernel: Kernel | None = None
    field_strength_t: float | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    sequence: Sequence | None = None
    acquisition_3d: bool | None = None
    weighting: Weighting | None = None
    b_value_s_mm2: float | None = None
    tracer: Tracer | None = None
    tilt_deg: float | None = None
    orientation_source: OrientationSource | None = None
    sex: Literal["F", "M"] | None = None
    age_band: AgeBand | None = None
    defaced: Defaced = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Accepted:
    """A volume and who it belongs to, in keys.

    Attributes:
        key: 32 hex characters, one per volume.
        patient_key: 32 hex characters, equal for all volumes of a patient.
        study_key: 32 hex characters, equal for all volumes of a study.
        series_key: 32 hex characters, equal for all volumes of one series or file, which labels
            may name; ``None`` where nothing can name it.
        frame_key: 32 hex characters, equal for all volumes in one frame of reference; ``None``
            where none is named.
        volume: Voxels and where they are.
        technical: Allow-listed header values.
        num_files: Archive files this outcome accounts for; 0 for all but the first volume of a
            file that holds many.
        fingerprint: Changes when a file of the series changes in size or time.
        label: Class index that came with the archive, if any.
        split: Split that came with the archive (``train``, ``val``, ``test``), if any.
        label_set: Name of the set the label belongs to, if any.
    """

    key: str
    patient_key: str
    study_key: str
    volume: Volume
    technical: Technical
    num_files: int
    fingerprint: str
    label: int | None = None
    split: str | None = None
    label_set: str | None = None
    series_key: str | None = None
    frame_key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A series or file that was turned away.

    Attributes:
        key: 32 hex characters, one per refused series or file.
        code: Stable reason.
        detail: What was found, in geometry and counts.
        num_files: Archive files this outcome accounts for.
        fingerprint: Changes when a file of the series changes in size or time.
    """

    key: str
    code: ReasonCode
    detail: str
    num_files: int
    fingerprint: str


Outcome = Accepted | Refused
