"""Sound inputs to damage: small series made of real images in every coding, and odd lone files."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from pydicom.uid import CTImageStorage, MRImageStorage

from medcl.io.quiet import quiet

SLICES = 4
_CORPUS = Path(pydicom.data.__file__).parent / "test_files"
_PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
_LARGEST_BYTES = 600_000


@dataclass(frozen=True)
class Seed:
    """Files that belong together; ``is_series`` if they make one volume as they are."""

    name: str
    files: tuple[bytes, ...]
    is_series: bool


def corpus_seeds() -> list[Seed]:
    """Return what pydicom brings along, in a fixed order."""
    paths = [path for path in sorted(_CORPUS.rglob("*")) if path.is_file()]
    paths = [path for path in paths if "TINY_ALPHA" not in path.parts]
    return list(_seeds(paths))


def shared_seeds(data: Path) -> list[Seed]:
    """Return the real scans of a folder, where it has some."""
    dicom = data / "dicom"
    paths = [path for path in sorted(dicom.rglob("*")) if path.is_file()]
    lone = [path for path in paths if {"lidc", "ct_jpeg2000"}.isdisjoint(path.parts)]
    return list(_seeds([*lone, *paths[:1], *sorted((dicom / "lidc").rglob("*.dcm"))[:1]]))


def _seeds(paths: list[Path]) -> Iterator[Seed]:
    for path in paths:
        content = path.read_bytes()
        if len(content) > _LARGEST_BYTES:
            continue
        name = "/".join(path.parts[-2:])
        yield Seed(f"lone {name}", (content,), is_series=False)
        series = _series(content)
        if series:
            yield Seed(f"series {name}", series, is_series=True)


def _series(content: bytes) -> tuple[bytes, ...]:
    """Return slices made of one image, or nothing where it is no grey image of one frame."""
    with quiet():
        try:
            image = pydicom.dcmread(BytesIO(content))
            is_grey = (image.SamplesPerPixel, image.PhotometricInterpretation) == (1, "MONOCHROME2")
            is_single = int(image.get("NumberOfFrames", 1) or 1) == 1
        except Exception:  # noqa: BLE001 (the corpus holds what no parser reads)
            return ()
        if not (is_grey and is_single and image.BitsAllocated in (8, 16) and "PixelData" in image):
            return ()
        return tuple(_slice(content, number) for number in range(SLICES))


def _slice(content: bytes, number: int) -> bytes:
    image = pydicom.dcmread(BytesIO(content))
    is_ct = image.get("Modality") != "MR"
    image.Modality = "CT" if is_ct else "MR"
    image.SOPClassUID = CTImageStorage if is_ct else MRImageStorage
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL" if is_ct else "OTHER"]
    image.PatientID, image.StudyInstanceUID = "P1", "1.2.3"
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.4", f"1.2.3.4.{number}"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.ImagePositionPatient = [-10, 20.5, 5 * number]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.PixelSpacing, image.SliceThickness = [0.75, 0.5], 5
    image.InstanceNumber = SLICES - number
    if is_ct:
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1, -500, "HU"
    if image.file_meta.TransferSyntaxUID in _PLAIN:
        stored = np.frombuffer(image.PixelData, np.uint8)
        image.PixelData = np.roll(stored, 2 * image.Columns * number).tobytes()
    file = BytesIO()
    image.save_as(file)
    return file.getvalue()
