"""A volume: voxels, where they are, and what they mean."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from medcl.geometry import affine as affines
from medcl.shapes import Affine, ValidityMask, Vector3, VolumeArray

Modality = Literal["CT", "MR", "PT", "OT"]
"""*Modality* (0008,0060): CT, MR, PET, other (binary shapes, derived maps)."""

Unit = Literal["HU", "SUVbw", "Bq/ml", "a.u."]
"""What a voxel value means; ``a.u.`` (arbitrary units) is never comparable between volumes."""

_UNITS: dict[str, tuple[str, ...]] = {
    "CT": ("HU",),
    "MR": ("a.u.",),
    "PT": ("SUVbw", "Bq/ml"),
    "OT": ("a.u.",),
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Volume:
    """One readable series.

    Attributes:
        array: Voxel values, shape ``(C, X, Y, Z)``, any real dtype, made read-only.
        affine: Voxel index → RAS+ mm, 4 x 4.
        modality: CT, MR, PT or OT.
        unit: What the values mean; CT is always HU.
        validity: True where voxels were measured, shape ``(X, Y, Z)``; ``None`` if all were.

    Example:
        >>> volume = Volume(
        ...     array=np.zeros((1, 4, 5, 6), np.int16), affine=np.eye(4), modality="CT", unit="HU"
        ... )
        >>> volume.shape, volume.spacing_mm.tolist()
        ((4, 5, 6), [1.0, 1.0, 1.0])
    """

    array: VolumeArray
    affine: Affine
    modality: Modality
    unit: Unit
    validity: ValidityMask | None = None

    def __post_init__(self) -> None:
        """Refuse what is no volume and freeze the arrays.

        Raises:
            ValueError: A shape, the affine, or the unit is not as described above.
        """
        if self.array.ndim != 4 or self.array.size == 0:
            raise ValueError(f"array must be (C, X, Y, Z) and not empty, got {self.array.shape}.")
        if self.array.dtype.kind not in "iuf":
            raise ValueError(f"array must be of a real number type, got {self.array.dtype}.")
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ValueError("affine must be a finite 4 x 4 matrix.")
        if abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
            raise ValueError("affine must be invertible: its three axes lie in one plane.")
        if self.modality not in get_args(Modality) or self.unit not in _UNITS[self.modality]:
            raise ValueError(f"{self.unit!r} is no unit of modality {self.modality!r}.")
        if self.validity is not None and self.validity.shape != self.shape:
            raise ValueError(f"validity must have shape {self.shape}, got {self.validity.shape}.")
        self.array.setflags(write=False)
        if self.validity is not None:
            self.validity.setflags(write=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each spatial axis."""
        _, x, y, z = self.array.shape
        return x, y, z

    @property
    def spacing_mm(self) -> Vector3:
        """Distance in mm between voxel centres along each voxel axis."""
        return affines.spacing_mm(self.affine)
