"""Drawn: a batch of views that is decided but not rendered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from medcl.augment.contract import PolicyModality
from medcl.augment.drawing.pose import Pose
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import Normalisation
from medcl.augment.rendering.lattice import Lattice
from medcl.augment.transforms.catalogue import IntensityTransform
from medcl.augment.transforms.transform import Parameters
from medcl.geometry.boxes import Box


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawn:
    """A batch of views, decided but not rendered.

    Attributes:
        sources: The volume of each view.
        poses: Where each view looks.
        grid: Size and spacing of all views.
        modality: What the volumes are.
        window: From physical values to what the network sees.
        intensities: Transforms of values in order, by their name in `parameters`.
        parameters: Per view, what was drawn, by transform.
        seeds: Per view, the seed of its noise.
    """

    sources: tuple[Source, ...]
    poses: tuple[Pose, ...]
    grid: ViewGrid
    modality: PolicyModality
    window: Normalisation
    intensities: Mapping[str, IntensityTransform]
    parameters: tuple[Mapping[str, Parameters], ...]
    seeds: tuple[int, ...]

    def row(self, place: int) -> "Drawn":
        """Return one view alone."""
        return replace(
            self,
            sources=(self.sources[place],),
            poses=(self.poses[place],),
            parameters=(self.parameters[place],),
            seeds=(self.seeds[place],),
        )

    @property
    def lattices(self) -> list[Lattice]:
        """Where the voxels of each view lie in its source."""
        found = []
        for source, pose in zip(self.sources, self.poses, strict=True):
            matrix = source.to_voxel @ pose.view_to_world(self.grid)
            whole = np.rint(matrix)
            exact = np.abs(matrix - whole).max() < 1e-6
            matrix = whole if exact else matrix
            found.append(Lattice(matrix, self.grid.size_voxels, source.shape, pose.warp))
        return found


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Return views of one policy, decided apart, as one batch."""
    return replace(
        parts[0],
        sources=tuple(source for part in parts for source in part.sources),
        poses=tuple(pose for part in parts for pose in part.poses),
        parameters=tuple(row for part in parts for row in part.parameters),
        seeds=tuple(seed for part in parts for seed in part.seeds),
    )


def boxes(drawn: Drawn) -> list[Box]:
    """Return the voxels each view needs, at least one per source."""
    return [lattice.box() for lattice in drawn.lattices]


def view_affines(drawn: Drawn) -> Float64[np.ndarray, "B 4 4"]:
    """Return view voxel → anatomical world point in RAS+ mm for every view."""
    return np.stack([pose.view_to_world(drawn.grid) for pose in drawn.poses])
