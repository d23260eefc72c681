"""Synthetic series for the readers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medcl.geometry.affine import rotation
from medcl.io.dicom.writing import write_dicom_series
from medcl.volume import Volume


def oriented_affine(axes: str, spacing: tuple[float, float, float] = (0.7, 0.9, 2.5)) -> np.ndarray:
    """Voxel axes for a slice plane: the third axis is along Z, X, Y or a slanted line."""
    columns = {
        "axial": (0, 1, 2),
        "sagittal": (1, 2, 0),
        "coronal": (0, 2, 1),
        "oblique": (0, 1, 2),
    }
    affine = np.zeros((4, 4))
    for voxel_axis, world_axis in enumerate(columns[axes]):
        affine[world_axis, voxel_axis] = spacing[voxel_axis]
    if axes == "coronal":
        affine[1, 2] *= -1  # so that the axes are right-handed, as slices along a normal are
    affine[:3, 3], affine[3, 3] = (-31.5, 12.25, 100.0), 1.0
    return rotation(np.array([11.0, -23.0, 37.0])) @ affine if axes == "oblique" else affine


@pytest.fixture
def ct() -> Volume:
    return make_ct("axial")


def make_ct(axes: str, shape: tuple[int, int, int] = (7, 5, 6)) -> Volume:
    values = np.random.default_rng(7).integers(-1024, 3000, (1, *shape), dtype=np.int16)
    return Volume(array=values, affine=oriented_affine(axes), modality="CT", unit="HU")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write a volume as a series below ``tmp_path``."""

    def write_series(volume: Volume, folder: str = "series", **options: object) -> list[Path]:
        arguments = {"patient_id": "P1", "study_uid": "1.2.3", "series_uid": "1.2.3.4", **options}
        return write_dicom_series(volume, tmp_path / folder, **arguments)  # type: ignore[arg-type]

    return write_series
