"""Volume → classic single-frame DICOM series, for synthetic archives and round trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from medcl.errors import InputError
from medcl.io.dicom.integer_coding import code_exactly
from medcl.io.lps import flip_world
from medcl.io.quiet import quiet
from medcl.shapes import Affine
from medcl.volume import Volume

_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
_AIR_HU = -1024
_MAX_INT16 = 32767


@dataclass(frozen=True, slots=True, eq=False)
class _Pixels:
    """Stored integers ``(X, Y, Z)`` and what turns them into values."""

    stored: np.ndarray
    slope: str
    intercept: int
    padding: int | None


def write_dicom_series(
    volume: Volume,
    folder: Path,
    *,
    patient_id: str,
    study_uid: str,
    series_uid: str,
    file_names: Sequence[str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> list[Path]:
    """Write a volume as one DICOM file per slice; reading them gives the same voxels bit for bit.

    The slices are the planes of the third voxel axis. Whole numbers are stored as they are (CT
    with intercept -1024), other numbers as integers with *Rescale Slope*, of 32 bits where 16 do
    not hold them exactly. Voxels outside the validity mask become *Pixel Padding Value*.

    Args:
        volume: CT, MR or PET (Bq/ml) of one channel; any orientation, in-plane axes at a right
            angle.
        folder: Where to write; made if missing.
        patient_id: *Patient ID* (0010,0020).
        study_uid: *Study Instance UID* (0020,000D).
        series_uid: *Series Instance UID* (0020,000E), at most 58 characters.
        file_names: One name per slice, first slice first; ``slice_0000.dcm`` and so on if absent.
        extra: DICOM keyword → value, planted into every file last.

    Returns:
        The files, first slice first.

    Raises:
        InputError: The volume cannot be written exactly, or the names do not fit.

    References:
        DICOM PS3.3, C.7.6.2 (image plane), C.11.1 (rescale).

    Example:
        >>> import tempfile
        >>> volume = Volume(
        ...     array=np.zeros((1, 4, 5, 3), np.int16), affine=np.eye(4), modality="CT", unit="HU"
        ... )
        >>> paths = write_dicom_series(
        ...     volume, Path(tempfile.mkdtemp()), patient_id="1", study_uid="1.2", series_uid="1.3"
        ... )
        >>> [path.name for path in paths]
        ['slice_0000.dcm', 'slice_0001.dcm', 'slice_0002.dcm']
    """
    _check(volume)
    num_slices = volume.shape[2]
    names = file_names or [f"slice_{index:04d}.dcm" for index in range(num_slices)]
    if len(set(names)) != num_slices:
        raise InputError(f"{num_slices} different file names are needed, got {len(set(names))}.")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    with quiet():
        shared = _shared(volume, patient_id, study_uid, series_uid)
        pixels = _stored_pixels(volume)
        _describe_pixels(shared, volume.modality, pixels)
        for index, path in enumerate(paths):
            header = _slice_header(shared, volume.affine, index)
            header.PixelData = pixels.stored[:, :, index].T.tobytes()
            for keyword, value in (extra or {}).items():
                setattr(header, keyword, value)
            pydicom.dcmwrite(path, header, enforce_file_format=True)
    return paths


def _check(volume: Volume) -> None:
    if volume.array.shape[0] != 1 or volume.modality not in _CLASSES or volume.unit == "SUVbw":
        raise InputError(
            "Only CT, MR and PET in Bq/ml of one channel can be written, got "
            f"{volume.array.shape[0]} channels of {volume.modality} in {volume.unit}."
        )
    along_x, along_y = (volume.affine[:3, axis] / volume.spacing_mm[axis] for axis in (0, 1))
    if abs(float(along_x @ along_y)) > 1e-4:
        raise InputError("The first two voxel axes must stand at a right angle.")


def _shared(volume: Volume, patient_id: str, study_uid: str, series_uid: str) -> Dataset:
    header = Dataset()
    header.SOPClassUID = _CLASSES[volume.modality]
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    header.Modality = volume.modality
    header.PatientName = ""
    header.PatientID = patient_id
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyDate = header.StudyTime = header.AccessionNumber = header.StudyID = ""
    header.Manufacturer = header.ReferringPhysicianName = header.PositionReferenceIndicator = ""
    header.StudyInstanceUID, header.SeriesInstanceUID = study_uid, series_uid
    header.FrameOfReferenceUID = f"{series_uid}.0"
    header.SeriesNumber = 1
    spacing = [format_number_as_ds(float(mm)) for mm in volume.spacing_mm]
    header.PixelSpacing = [spacing[1], spacing[0]]
    header.SliceThickness = spacing[2]
    axes = flip_world(volume.affine)[:3, :2] / volume.spacing_mm[:2]
    header.ImageOrientationPatient = [format_number_as_ds(float(c)) for c in axes.T.ravel()]
    return header


def _stored_pixels(volume: Volume) -> _Pixels:
    values = np.array(volume.array[0])
    unknown = None if volume.validity is None or volume.validity.all() else ~volume.validity
    if unknown is not None:
        values[unknown] = values[~unknown].min()
    coding = code_exactly(values)
    stored, intercept, padding = coding.stored, 0, None
    if volume.modality == "CT" and coding.slope == "1" and stored.max() <= _MAX_INT16 + _AIR_HU:
        stored, intercept = stored - np.int16(_AIR_HU), _AIR_HU
    if unknown is not None:
        padding = int(stored.min()) - 1
        if padding < np.iinfo(stored.dtype).min:
            raise InputError("No stored integer is left over to mark voxels that are not valid.")
        stored[unknown] = padding
    return _Pixels(stored, coding.slope, intercept, padding)


def _describe_pixels(header: Dataset, modality: str, pixels: _Pixels) -> None:
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.Columns, header.Rows = pixels.stored.shape[:2]
    header.BitsAllocated = header.BitsStored = pixels.stored.dtype.itemsize * 8
    header.HighBit = header.BitsStored - 1
    header.PixelRepresentation = int(pixels.stored.dtype.kind == "i")
    if pixels.padding is not None:
        vr = "SS" if header.PixelRepresentation else "US"
        header.add_new("PixelPaddingValue", vr, pixels.padding)
    if modality == "PT":
        header.Units = "BQML"
    if modality == "CT":
        header.RescaleType = "HU"
    if modality in ("CT", "PT") or pixels.slope != "1":
        header.RescaleIntercept, header.RescaleSlope = str(pixels.intercept), pixels.slope


def _slice_header(shared: Dataset, affine: Affine, index: int) -> Dataset:
    header = Dataset()
    header.update(shared)
    corner = affine @ np.array([0.0, 0.0, index, 1.0])
    placed = np.eye(4)
    placed[:, 3] = corner
    position = flip_world(placed)[:3, 3]
    header.ImagePositionPatient = [format_number_as_ds(float(mm)) for mm in position]
    header.InstanceNumber = index + 1
    header.SOPInstanceUID = f"{shared.SeriesInstanceUID}.{index + 1}"
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
    return header
