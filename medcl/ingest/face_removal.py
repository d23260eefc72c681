"""Faces taken away by a program of the site's choice, and a mask of where they were.

The program gets a NIfTI file of one volume in a folder that nobody else can read, under a name
that says nothing, and writes another. Only *where* it changed something is taken from its answer:
there voxels are no longer measured, everywhere else they stay as the scanner wrote them.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from medcl.ingest.defacing import INPUT, OUTPUT, Defacing
from medcl.io.images.nifti import write_nifti
from medcl.io.images.nifti_file import open_nifti
from medcl.io.images.nifti_place import FORM_TOLERANCE_MM, corner_distance_mm
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.io.values import settle
from medcl.runtime.tools import ToolFailed, run_tool
from medcl.volume import Volume

_CODE = ReasonCode.DEFACING_FAILED
_MOST_REMOVED = 0.6
_SAME = 1e-5

Voxels = Shaped[np.ndarray, "X Y Z"]
Region = Bool[np.ndarray, "X Y Z"]


def deface(volume: Volume, defacing: Defacing, *, within: Path | None = None) -> Volume:
    """Return a volume whose face is neither there nor valid.

    Args:
        volume: One channel.
        defacing: What removes the face.
        within: Private folder to work in, of a process that removes it if this one is killed;
            ``None`` for the folder for temporary files.

    Returns:
        The same values where the program changed nothing; elsewhere the filling of unmeasured
        voxels, and False in the validity mask.

    Raises:
        RefusedSeries: The program failed, moved the volume, or removed nothing or nearly all.
    """
    with tempfile.TemporaryDirectory(prefix="medcl-", dir=within) as name:
        before, after = Path(name) / "volume.nii", Path(name) / "defaced.nii"
        write_nifti(volume, before)
        command = [
            word.replace(INPUT, str(before)).replace(OUTPUT, str(after))
            for word in defacing.command
        ]
        try:
            run_tool(command, folder=Path(name), limits=defacing.limits)
        except ToolFailed as failed:
            raise RefusedSeries(_CODE, f"The program {failed.reason}.") from None
        result = _result(after, volume)
    removed = removed_region(volume.array[0], result)
    share = float(removed.mean())
    if not 0 < share <= _MOST_REMOVED:
        raise RefusedSeries(
            _CODE,
            f"{share:.1%} of the voxels were removed; more than none and at most "
            f"{_MOST_REMOVED:.0%} must be.",
        )
    return without(volume, removed)


def removed_region(before: Voxels, after: Voxels) -> Region:
    """Return what a program removed: what it changed, and all of the filling that touches it.

    Where the background was 0 already and the program fills with 0, the changed voxels alone
    would show the face as a mould does. So everything that holds the filling and hangs together
    with a changed voxel counts as removed.

    Args:
        before: Values that the program was given.
        after: Values that it gave back, same shape.

    Returns:
        True where removed, same shape; nowhere if nothing was changed.

    Example:
        >>> head = np.array([[[0, 0, 7, 9]]])
        >>> removed_region(head, np.array([[[0, 0, 0, 9]]])).tolist()
        [[[True, True, True, False]]]
    """
    # Here, because it takes a moment to load and most archives need it never.
    from scipy import ndimage

    scale = float(np.abs(before).max()) or 1.0
    changed = ~(np.abs(after - before.astype(np.float64)) <= _SAME * scale)
    if not changed.any():
        return np.zeros(before.shape, bool)
    values, counts = np.unique(after[changed], return_counts=True)
    filled = (after == values[counts.argmax()]) | changed
    parts, _ = ndimage.label(filled)
    touched = np.unique(parts[changed])
    return np.asarray(np.isin(parts, touched), dtype=bool)


def without(volume: Volume, removed: Region) -> Volume:
    """Return a volume with a region filled and no longer valid.

    Args:
        volume: One channel.
        removed: True where nothing may be left, shape ``(X, Y, Z)``.

    Returns:
        A new volume.
    """
    unknown = removed if volume.validity is None else removed | ~volume.validity
    array = np.array(volume.array)
    validity = settle(array[0], unknown, modality=volume.modality)
    return replace(volume, array=array, validity=validity)


def _result(path: Path, volume: Volume) -> Voxels:
    """Return what the program wrote, if it lies where the volume does.

    Raises:
        RefusedSeries: It is missing, damaged, or lies elsewhere.
    """
    try:
        file = open_nifti(path)
    except RefusedSeries as refusal:
        raise RefusedSeries(
            _CODE, f"The program wrote no readable NIfTI file ({refusal.code})."
        ) from None
    if file.header.shape != volume.shape:
        raise RefusedSeries(_CODE, f"Shape {file.header.shape} came back for {volume.shape}.")
    moved_mm = corner_distance_mm(volume.shape, file.header.affine, volume.affine)
    if not moved_mm <= FORM_TOLERANCE_MM:
        raise RefusedSeries(_CODE, f"The volume came back {moved_mm:.2f} mm away.")
    return file.stored()
