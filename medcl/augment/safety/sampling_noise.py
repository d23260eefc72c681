"""How much of the noise of volumes their one resampling leaves, by how far apart voxels lie.

Weights that sum to 1 take noise that is independent from voxel to voxel down to the root of the sum
of their squares. Along one axis a view draws on a Gaussian ``g``, if it is coarser than its volume,
and on two of its places in shares ``1 - t`` and ``t``. With ``A = Σ g[n]²`` and
``B = Σ g[n] g[n-1]``, the sum of squares is ``((1-t)² + t²) A + 2 t (1-t) B``: ``A`` on a voxel of
the volume, ``(A + B)/2`` halfway between two, and all others between. Axes multiply, however a view
is turned. Noise that neighbouring voxels share, as that of a soft kernel, loses less.
"""

import math

import numpy as np

from medcl.augment.grid import ViewGrid
from medcl.augment.prefilter import prefilter_variance
from medcl.augment.safety.sampling import STILL, narrowest_mm, widest_mm
from medcl.augment.safety.source_geometry import SourceGeometry
from medcl.augment.safety.spatial_bounds import SpatialBounds
from medcl.augment.taps import RADII


def noise_left(
    grid: ViewGrid, geometry: SourceGeometry, moved: SpatialBounds = STILL
) -> tuple[float, float]:
    """Return the least and the largest part of white noise that sampling leaves.

    Args:
        grid: Of the views.
        geometry: Of the volumes.
        moved: What the spatial transforms of the policy amount to.

    Returns:
        Halfway between the voxels of the finest volume, and on voxels of the coarsest one.

    Example:
        >>> from medcl.augment.safety.source_geometry import geometry_of
        >>> thin = geometry_of([(np.diag([1.0, 1.0, 1.0, 1.0]), (64, 64, 64))])
        >>> own = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.0, 1.0, 0.9))
        >>> coarse = ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0))
        >>> [round(share, 2) for share in (*noise_left(own, thin), *noise_left(coarse, thin))]
        [0.35, 1.0, 0.18, 0.24]
    """
    wide = widest_mm(grid.spacing_mm, geometry, moved) / np.asarray(geometry.finest_mm)
    narrow = narrowest_mm(grid.spacing_mm, geometry, moved) / np.asarray(geometry.coarsest_mm)
    least = math.prod(_left(step)[0] for step in wide.tolist())
    return least, math.prod(_left(step)[1] for step in narrow.tolist())


def _left(step: float) -> tuple[float, float]:
    """Return what is left along one axis: halfway between two voxels, and on one."""
    sigma = math.sqrt(float(prefilter_variance(np.array([step]))[0]))
    radius = math.ceil(RADII * sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / max(sigma, 1e-3)) ** 2)
    taps /= taps.sum()
    own, beside = float(taps @ taps), float(taps[1:] @ taps[:-1])
    return math.sqrt((own + beside) / 2), math.sqrt(own)
