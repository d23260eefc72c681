"""What one file of an archive is, and what grouping must know of it."""

from dataclasses import dataclass
from typing import Literal

from medcl.io.dicom.slice_header import SliceHeader
from medcl.io.images.medmnist_names import SplitFacts
from medcl.io.refusal import ReasonCode
from medcl.volume import Modality

Kind = Literal["dicom", "nifti", "itk", "npz", "metadata", "refused"]
"""Which reader takes a file; ``itk`` are NRRD and MetaImage, ``metadata`` JSON that may describe
images and is none itself."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class FileFacts:
    """What one file is.

    Attributes:
        kind: Which reader takes it; ``refused`` if none.
        headers: Of the planes of a DICOM image.
        splits: Of a MedMNIST archive.
        num_parts: Volumes in a NIfTI file.
        modality: That the JSON file beside it names, where its format has no place for it; of
            metadata, what they name.
        code: Why the file is refused.
        detail: What was found, in geometry and counts.
    """

    kind: Kind
    headers: tuple[SliceHeader, ...] = ()
    splits: tuple[SplitFacts, ...] = ()
    num_parts: int = 1
    modality: Modality | None = None
    code: ReasonCode = ReasonCode.NOT_IMAGE
    detail: str = ""
