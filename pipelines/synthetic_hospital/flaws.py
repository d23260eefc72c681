"""What real archives contain besides good series, each with the reason it must be refused for.

A flaw takes the slices of a good series and breaks one thing, so that exactly one reason holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
)

from pipelines.synthetic_hospital.headers import uid
from pipelines.synthetic_hospital.slices import save

Slices = list[Dataset]


@dataclass(frozen=True)
class Flaw:
    """One thing that ingest must refuse.

    Attributes:
        name: What it is, in words.
        code: The stable reason code it must be refused with.
        num_files: Files that the refusal accounts for.
    """

    name: str
    code: str
    num_files: int


def localizer(slices: Slices) -> Slices:
    """Return one coronal-looking scout image."""
    return [_marked(slices[len(slices) // 2], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])]


def missing_slice(slices: Slices) -> Slices:
    """Return the series without one of its middle slices."""
    return [one for index, one in enumerate(slices) if index != len(slices) // 2]


def repeated_slice(slices: Slices) -> Slices:
    """Return the series with one slice sent twice, under two instance UIDs."""
    twin = _marked(slices[5], SOPInstanceUID=uid(slices[5].SOPInstanceUID, "twin"))
    return [*slices, twin]


def secondary_capture(slices: Slices) -> Slices:
    """Return a picture of a screen."""
    shot = _marked(
        slices[0],
        SOPClassUID=SecondaryCaptureImageStorage,
        ConversionType="WSD",
        ImageType=["DERIVED", "SECONDARY"],
    )
    return [shot]


def colour(slices: Slices) -> Slices:
    """Return a perfusion map in colours."""
    return [_coloured(one) for one in slices]


def single_slice(slices: Slices) -> Slices:
    """Return a series of one slice."""
    return slices[8:9]


def mixed_orientation(slices: Slices) -> Slices:
    """Return a series whose last slices stand upright."""
    turned = []
    for index, one in enumerate(slices[-6:]):
        place = ["-60", f"{20 + 5 * index}", "60"]
        upright = ["1", "0", "0", "0", "0", "-1"]
        turned.append(_marked(one, ImageOrientationPatient=upright, ImagePositionPatient=place))
    return [*slices[:-6], *turned]


def mixed_size(slices: Slices) -> Slices:
    """Return a series with one slice of fewer rows."""
    odd = slices[3]
    rows = int(odd.Rows) - 4
    kept = odd.PixelData[: 2 * rows * int(odd.Columns)]
    return [*slices[:3], _marked(odd, Rows=rows, PixelData=kept), *slices[4:]]


def irregular_spacing(slices: Slices) -> Slices:
    """Return a series with one slice off its place by a third of the slice distance."""
    step = float(slices[0].SliceThickness)
    return [*slices[:7], _shifted(slices[7], (0.0, 0.0, step / 3)), *slices[8:]]


def gantry_tilt(slices: Slices) -> Slices:
    """Return a series whose slices slide backwards, as a gantry tilted by 15 degrees makes them."""
    slope = float(np.tan(np.deg2rad(15))) * float(slices[0].SliceThickness)
    return [_shifted(one, (0.0, index * slope, 0.0)) for index, one in enumerate(slices)]


def no_geometry(slices: Slices) -> Slices:
    """Return a series that does not say where it is."""
    return [_without(one, "ImageOrientationPatient", "ImagePositionPatient") for one in slices]


def rescale_missing(slices: Slices) -> Slices:
    """Return a series whose values cannot be turned into HU."""
    return [_without(one, "RescaleSlope", "RescaleIntercept", "RescaleType") for one in slices]


def derived(slices: Slices) -> Slices:
    """Return a maximum intensity projection."""
    return [_marked(one, ImageType=["DERIVED", "SECONDARY", "MIP"]) for one in slices]


def burned_in(slices: Slices) -> Slices:
    """Return a series that says that text stands in its pixels."""
    return [_marked(one, BurnedInAnnotation="YES") for one in slices]


def radiograph(slices: Slices) -> Slices:
    """Return a plain X-ray picture."""
    return [_marked(slices[0], Modality="DX", SOPClassUID=DigitalXRayImageStorageForPresentation)]


SERIES_FLAWS: tuple[tuple[Callable[[Slices], Slices], str], ...] = (
    (localizer, "LOCALIZER"),
    (missing_slice, "MISSING_SLICES"),
    (repeated_slice, "DUPLICATE_SLICES"),
    (secondary_capture, "SECONDARY_CAPTURE"),
    (colour, "COLOUR"),
    (single_slice, "TOO_FEW_SLICES"),
    (mixed_orientation, "MIXED_ORIENTATION"),
    (mixed_size, "MIXED_SIZE"),
    (irregular_spacing, "IRREGULAR_SPACING"),
    (gantry_tilt, "GANTRY_TILT"),
    (no_geometry, "NO_GEOMETRY"),
    (rescale_missing, "RESCALE_MISSING"),
    (derived, "DERIVED"),
    (burned_in, "BURNED_IN"),
    (radiograph, "UNSUPPORTED_MODALITY"),
)
"""Every way to break a series, with the reason code it must be refused with."""


def truncate(paths: Sequence[Path]) -> Flaw:
    """Cut the end off one file of a written series, inside its pixels.

    Args:
        paths: Files of a good series.

    Returns:
        What must be reported for the series.
    """
    victim = paths[len(paths) // 3]
    victim.write_bytes(victim.read_bytes()[:-700])
    return Flaw("truncated file", "PIXEL_TRUNCATED", len(paths))


def write_strays(folder: Path, *, target: Path) -> list[Flaw]:
    """Write files that are no images at all.

    Args:
        folder: Where; it is made.
        target: Folder beside ``folder`` that the symbolic link points to.

    Returns:
        What must be reported, one entry per file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    letter = "Dear Dr. Hollow, thank you for sending Ottoline Mockford (invented).\n"
    (folder / "letter.txt").write_text(letter)
    (folder / "IM00099.dcm").write_text(letter * 9)
    (folder / "IM00100.dcm").write_bytes(b"")
    _write_directory(folder / "DICOMDIR")
    (folder / "latest").symlink_to(Path("..") / target.name)
    return [
        Flaw("text", "NOT_IMAGE", 1),
        Flaw("text named as DICOM", "NOT_IMAGE", 1),
        Flaw("empty file", "NOT_IMAGE", 1),
        Flaw("DICOMDIR", "NOT_IMAGE", 1),
        Flaw("symbolic link", "LINK_NOT_FOLLOWED", 1),
    ]


def _write_directory(path: Path) -> None:
    directory = Dataset()
    directory.SOPClassUID = MediaStorageDirectoryStorage
    directory.SOPInstanceUID = uid("directory")
    directory.FileSetID = "NOWHERE"
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.FileSetConsistencyFlag = 0
    directory.DirectoryRecordSequence = []
    save([directory], [path])


def _marked(one: Dataset, **elements: object) -> Dataset:
    copy = Dataset()
    copy.update(one)
    for keyword, value in elements.items():
        # Slices share their elements: a new one must take the place of the old one.
        copy.pop(keyword, None)
        setattr(copy, keyword, value)
    return copy


def _without(one: Dataset, *keywords: str) -> Dataset:
    copy = _marked(one)
    for keyword in keywords:
        delattr(copy, keyword)
    return copy


def _shifted(one: Dataset, by_mm: tuple[float, float, float]) -> Dataset:
    place = np.asarray(one.ImagePositionPatient, float) + by_mm
    return _marked(one, ImagePositionPatient=[f"{value:.8g}" for value in place])


def _coloured(one: Dataset) -> Dataset:
    grey = np.frombuffer(one.PixelData, "<i2").astype(np.int32)
    red = np.clip(grey, 0, 255).astype(np.uint8)
    pixels = np.stack([red, red // 2, 255 - red], axis=-1)
    copy = _marked(
        one,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=pixels.tobytes(),
    )
    copy["PixelData"].VR = "OB"
    return copy
