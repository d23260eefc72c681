"""A volume as the DICOM slices of one series.

This is a second writer, apart from `medcl.io.dicom.writing`, on purpose: it writes private
elements, signed and unsigned values, explicit and implicit syntax, and data sets that flaws break.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medcl.volume import Volume

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
_INSTANCE_NUMBER = b"\x20\x00\x13\x00"


def cut(volume: Volume, header: Dataset, *, series_uid: str) -> list[Dataset]:
    """Return one data set per slice, in order along the slice axis.

    Half of all series (by their number) store unsigned values with an intercept, half store HU
    as they are, as two makers would.

    Args:
        volume: CT in whole HU; columns, rows, slices; positions exact to 0.001 mm.
        header: What the slices share; it is completed.
        series_uid: Of the series, at most 58 characters.

    Returns:
        Complete data sets.
    """
    pixels = _prepare(volume, header, series_uid)
    return [_slice(header, pixels, volume.affine, index) for index in range(volume.shape[2])]


def save(slices: Sequence[Dataset], paths: Sequence[Path], *, implicit: bool = False) -> None:
    """Write data sets as DICOM files.

    Args:
        slices: What to write.
        paths: Where, one each; folders are made.
        implicit: Whether value representations are left out, as old archives do.
    """
    for one, path in zip(slices, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        one.file_meta = FileMetaDataset()
        one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
        pydicom.dcmwrite(path, one, enforce_file_format=True)


def write_series(
    volume: Volume, header: Dataset, paths: Sequence[Path], *, series_uid: str, implicit: bool
) -> None:
    """Write a series: the same bytes as `cut` and `save` give, in a tenth of the time.

    One slice is encoded; the others are that file with their own UID, number, position and pixels,
    which all have one width.

    Args:
        volume: As in `cut`.
        header: As in `cut`.
        paths: Where, one per slice.
        series_uid: As in `cut`.
        implicit: As in `save`.
    """
    pixels = _prepare(volume, header, series_uid)
    save([_slice(header, pixels, volume.affine, 0)], paths[:1], implicit=implicit)
    head = paths[0].read_bytes()[: -pixels[:, :, 0].nbytes]
    uid, corner = (text.encode() for text in (_uid(series_uid, 0), _corner(volume.affine, 0)))
    number = head.rindex(_INSTANCE_NUMBER, 0, head.index(corner)) + 8
    for index, path in enumerate(paths[1:], start=1):
        own = head[:number] + _number(index).encode() + head[number + 4 :]
        own = own.replace(uid, _uid(series_uid, index).encode())
        own = own.replace(corner, _corner(volume.affine, index).encode())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(own + pixels[:, :, index].T.tobytes())


def _uid(series_uid: str, index: int) -> str:
    return f"{series_uid}.{1000 + index}"


def _number(index: int) -> str:
    return f"{index + 1:04d}"


def _corner(affine: np.ndarray, index: int) -> str:
    corner = _RAS_TO_LPS @ (affine[:3, 3] + affine[:3, 2] * index)
    return "\\".join(f"{value:+09.3f}" for value in corner + 0.0)


def _prepare(volume: Volume, header: Dataset, series_uid: str) -> np.ndarray:
    shift = 1024 if int(header.SeriesNumber) % 2 else 0
    columns, rows, _ = volume.shape
    across, down, along = volume.spacing_mm.tolist()
    directions = _RAS_TO_LPS @ (volume.affine[:3, :2] / volume.spacing_mm[:2])
    header.SOPClassUID = CTImageStorage
    header.SeriesInstanceUID = series_uid
    header.Columns, header.Rows = columns, rows
    header.PixelSpacing = [f"{down:.6g}", f"{across:.6g}"]
    header.SliceThickness = f"{along:.6g}"
    header.ImageOrientationPatient = [f"{value:.9g}" for value in directions.T.ravel() + 0.0]
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
    header.PixelRepresentation = 0 if shift else 1
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = "1", str(-shift), "HU"
    stored = volume.array[0].astype(np.int32) + shift
    return np.asarray(stored, "<u2" if shift else "<i2")


def _slice(header: Dataset, pixels: np.ndarray, affine: np.ndarray, index: int) -> Dataset:
    one = Dataset()
    one.update(header)
    one.SOPInstanceUID = _uid(header.SeriesInstanceUID, index)
    one.InstanceNumber = _number(index)
    one.ImagePositionPatient = _corner(affine, index).split("\\")
    one.PixelData = pixels[:, :, index].T.tobytes()
    one["PixelData"].VR = "OW"
    return one
