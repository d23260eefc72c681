"""How the voxels of volumes lie: what decides whether views of them are interpolated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from medcl.geometry.affine import patient_axes, spacing_mm
from medcl.shapes import Affine

Triple = tuple[float, float, float]
"""Along patient left → right, posterior → anterior, inferior → superior."""

_SAME = 1e-6
_UPRIGHT_DEGREES = 5e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGeometry:
    """The extremes over volumes of how their voxels lie; lengths and angles only.

    Attributes:
        finest_mm: Smallest spacing along each patient axis.
        coarsest_mm: Largest one.
        shortest_mm: Smallest extent of a volume along each patient axis, edge to edge.
        tilt_degrees: Largest angle between a voxel axis and the patient axis it runs along most.
    """

    finest_mm: Triple
    coarsest_mm: Triple
    shortest_mm: Triple
    tilt_degrees: float

    @property
    def is_upright(self) -> bool:
        """Whether the voxels of every volume lie along the axes of the patient."""
        return self.tilt_degrees <= _UPRIGHT_DEGREES

    @property
    def has_one_spacing(self) -> bool:
        """Whether all volumes have the same spacing."""
        return bool(np.allclose(self.coarsest_mm, self.finest_mm, rtol=_SAME, atol=0.0))

    @property
    def anisotropy(self) -> float:
        """How much longer than wide voxels are at least in one of the volumes, as far as known.

        Example:
            >>> geometry_of([(np.diag([0.5, 0.5, 5.0, 1.0]), (9, 9, 9))]).anisotropy
            10.0
        """
        return max(max(each) / min(each) for each in (self.finest_mm, self.coarsest_mm))

    def has_lattice_of(self, spacing: Triple) -> bool:
        """Return whether upright views of a spacing in mm can take every voxel as it is.

        Example:
            >>> geometry = geometry_of([(np.diag([-0.7, -0.7, 2.0, 1.0]), (9, 9, 9))])
            >>> geometry.has_lattice_of((0.7, 0.7, 2.0)), geometry.has_lattice_of((0.7, 0.7, 1.0))
            (True, False)
        """
        is_same = np.allclose(spacing, self.finest_mm, rtol=_SAME, atol=0.0)
        return bool(is_same) and self.has_one_spacing and self.is_upright

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "SourceGeometry":
        """Return what ``dataclasses.asdict`` wrote, lists or tuples."""
        return cls(
            finest_mm=_triple(content["finest_mm"]),
            coarsest_mm=_triple(content["coarsest_mm"]),
            shortest_mm=_triple(content["shortest_mm"]),
            tilt_degrees=float(content["tilt_degrees"]),
        )


def geometry_of(volumes: Iterable[tuple[Affine, tuple[int, int, int]]]) -> SourceGeometry:
    """Return the extremes over volumes.

    Args:
        volumes: At least one: voxel index → RAS+ mm, and voxels along each voxel axis.

    Returns:
        Of all of them together.

    Example:
        >>> thin = np.diag([-0.7, -0.7, 2.0, 1.0]), (512, 512, 10)
        >>> long = np.diag([1.0, 1.0, 1.0, 1.0]), (300, 300, 400)
        >>> found = geometry_of([thin, long])
        >>> found.finest_mm, found.coarsest_mm, found.shortest_mm, found.tilt_degrees
        ((0.7, 0.7, 1.0), (1.0, 1.0, 2.0), (300.0, 300.0, 20.0), 0.0)
    """
    spacings, extents, tilt = [], [], 0.0
    for affine, shape in volumes:
        axes = list(patient_axes(affine))
        linear = affine[:3, :3][:, axes]
        along = np.abs(np.diag(linear))
        aside = np.sqrt(np.maximum((linear**2).sum(axis=0) - along**2, 0.0))
        tilt = max(tilt, float(np.degrees(np.arctan2(aside, along)).max()))
        spacing = spacing_mm(affine)[axes]
        spacings.append(spacing)
        extents.append(spacing * np.asarray(shape)[axes])
    return SourceGeometry(
        finest_mm=_triple(np.min(spacings, axis=0)),
        coarsest_mm=_triple(np.max(spacings, axis=0)),
        shortest_mm=_triple(np.min(extents, axis=0)),
        tilt_degrees=tilt,
    )


def _triple(values: Any) -> Triple:  # noqa: ANN401 - an array, or a list of a JSON file
    x, y, z = (float(value) for value in values)
    return x, y, z
