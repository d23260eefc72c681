"""A lattice: where the voxels of one view lie in its source."""

from dataclasses import dataclass

import numpy as np

from medcl.augment.prefilter import prefilter_variance
from medcl.augment.taps import RADII
from medcl.augment.warp import Warp
from medcl.geometry.boxes import Box, box_around
from medcl.shapes import Affine, Points


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Where the voxels of one view lie in its source.

    Attributes:
        matrix: View voxel → source voxel, 4 x 4.
        view_shape: Voxels of the view.
        source_shape: Voxels of the source.
        warp: Displaces view voxels before the matrix; ``None`` for a view without one.
    """

    matrix: Affine
    view_shape: tuple[int, int, int]
    source_shape: tuple[int, int, int]
    warp: Warp | None = None

    @property
    def prefilter(self) -> tuple[float, float, float]:
        """Standard deviation in source voxels of the anti-aliasing Gaussian along each axis."""
        steps = np.linalg.norm(self.matrix[:3, :3], axis=1)
        x, y, z = np.sqrt(prefilter_variance(steps)).tolist()
        return x, y, z

    @property
    def is_whole(self) -> bool:
        """Whether every view voxel is exactly one source voxel."""
        return (
            self.warp is None
            and bool((self.matrix == np.rint(self.matrix)).all())
            and bool(np.abs(self.matrix[:3, :3]).sum() == 3)
        )

    @property
    def is_inside(self) -> bool:
        """Whether the whole view lies among the centres of the source's voxels."""
        if self.warp is not None:
            return False
        points, last = self._corners(), np.asarray(self.source_shape) - 1.0
        return bool((points >= 0.0).all() and (points <= last).all())

    def _corners(self) -> Points:
        """Return the source coordinates of the view's eight corners."""
        x, y, z = (size - 1 for size in self.view_shape)
        ends = np.array([(a, b, c) for a in (0, x) for b in (0, y) for c in (0, z)], dtype=float)
        return np.asarray(ends @ self.matrix[:3, :3].T + self.matrix[:3, 3])

    def box(self) -> Box:
        """Return the source voxels that sampling touches, at least one."""
        points = self._corners()
        margin = np.ceil(np.asarray(self.prefilter) * RADII)
        if self.warp is not None:
            margin = margin + np.abs(self.matrix[:3, :3]) @ self.warp.reach_voxels
        wide = np.concatenate([points - margin, points + margin])
        last = np.asarray(self.source_shape) - 1.0
        return box_around(np.clip(wide, 0.0, last), margin=0, shape=self.source_shape)
