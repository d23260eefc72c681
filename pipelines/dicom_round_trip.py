"""NIfTI volumes written as DICOM series and ingested from there: the same voxels, bit for bit?

    python -m pipelines.dicom_round_trip IMAGES WORK_FOLDER

Each NIfTI file of IMAGES becomes one DICOM series of an invented patient; both are ingested, each
into its own store under WORK_FOLDER, and compared volume by volume: values, grid, place.
"""

import sys
from pathlib import Path

import numpy as np
from pydicom.uid import generate_uid

from medcl.cli.output import Output
from medcl.errors import InputError, MedclError
from medcl.geometry.affine import spacing_mm
from medcl.ingest.identity import Keyring
from medcl.io.dicom.writing import write_dicom_series
from medcl.io.images.nifti import read_nifti
from medcl.stages import ingest
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.volume import Volume

LARGEST_SHIFT_MM = 1e-3
"""Places may differ by this much: DICOM writes positions as decimal text."""


def main(images: Path, work: Path) -> int:
    """Write, ingest, compare.

    Args:
        images: Folder of NIfTI files.
        work: Folder for DICOM files and both stores.

    Returns:
        0 if every volume is the same, 1 if one is not, or the exit status of a failed stage.
    """
    try:
        return _compare(images, work)
    except MedclError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _compare(images: Path, work: Path) -> int:
    paths = sorted(images.glob("*.nii*"))
    if not paths:
        raise InputError("The folder of images must hold NIfTI files; it holds none.")
    work.mkdir(parents=True, exist_ok=True)
    key_file = work / "secret.key"
    keyring = Keyring.from_file(key_file) if key_file.exists() else Keyring.create(key_file)
    for number, path in enumerate(paths):
        _write(read_nifti(path), work / "dicom" / f"{number:04d}", number)
    progress = Output(people=sys.stdout, machines=None).progress
    for source, store in ((images, "from_nifti"), (work / "dicom", "from_dicom")):
        ingest.run([source], store=work / store, key_file=key_file, progress=progress)
    first, second = Store.open(work / "from_nifti"), Store.open(work / "from_dicom")
    twins = {keyring.patient_key("", _patient(number)): number for number in range(len(paths))}
    found = {twins[row.patient_key]: row for row in second.rows()}
    same = 0
    for number, path in enumerate(paths):
        key = keyring.file_key(f"{images.resolve().name}/{path.name}")
        same += number in found and _is_same(first.read(key), second, found[number])
    print(f"{same} of {len(paths)} volumes have the same voxels, grid and place.")
    return 0 if same == len(paths) else 1


def _patient(number: int) -> str:
    return f"INVENTED-{number:04d}"


def _write(volume: Volume, folder: Path, number: int) -> None:
    if folder.exists():
        return
    write_dicom_series(
        volume,
        folder,
        patient_id=_patient(number),
        study_uid=generate_uid(entropy_srcs=["round trip study", str(number)]),
        series_uid=generate_uid(entropy_srcs=["round trip series", str(number)]),
    )


def _is_same(original: Volume, store: Store, row: VolumeRow) -> bool:
    """Return whether a stored volume is the original, its axes in any order."""
    ours = _in_axes_of(store.read(row.key), original)
    if ours.shape != original.shape:
        return False
    corners = np.array([[0, 0, 0, 1], [*np.subtract(original.shape, 1), 1]], dtype=float)
    shift = np.abs(corners @ (ours.affine - original.affine).T).max()
    equal = np.array_equal(ours.array.astype(np.float64), original.array.astype(np.float64))
    return bool(equal and shift < LARGEST_SHIFT_MM)


def _in_axes_of(volume: Volume, model: Volume) -> Volume:
    """Return the volume with its axes turned and reversed to run as the model's do."""
    ours = volume.affine[:3, :3] / spacing_mm(volume.affine)
    theirs = model.affine[:3, :3] / spacing_mm(model.affine)
    match = theirs.T @ ours
    order = [int(np.abs(match[axis]).argmax()) for axis in range(3)]
    array = np.transpose(volume.array, (0, *(axis + 1 for axis in order)))
    affine = volume.affine[:, [*order, 3]].copy()
    for axis in range(3):
        if match[axis, order[axis]] < 0:
            array = np.flip(array, axis + 1)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis + 1] - 1)
            affine[:3, axis] *= -1
    return Volume(array=array.copy(), affine=affine, modality=volume.modality, unit=volume.unit)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m pipelines.dicom_round_trip IMAGES WORK_FOLDER")
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
