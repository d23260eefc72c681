"""The blur that comes before sampling where a view is coarser than its volume."""

import numpy as np
from jaxtyping import Float64

_NO_ALIAS = 1.1

Steps = Float64[np.ndarray, "*axes"]


def prefilter_variance(steps: Steps) -> Steps:
    """Return the variance of the anti-aliasing Gaussian along each axis, in squares of voxels.

    Where a view steps over ``f`` source voxels at once, the source is first blurred to the
    resolution of the view: ``(f² - 1) / (8 ln 2)`` is the variance that brings a full width at half
    maximum of one voxel to ``f`` voxels. A step of a few per cent aliases nothing; blurring there
    would only cost.

    Args:
        steps: Source voxels from one view voxel to the next, along each axis of the source.

    Returns:
        In squares of source voxels, 0 up to steps of 1.1.

    References:
        Cardoso et al., "Scale factor point spread function matching: beyond aliasing in image
        resampling", MICCAI 2015.

    Example:
        >>> prefilter_variance(np.array([0.7, 1.05, 2.0])).round(3).tolist()
        [0.0, 0.0, 0.541]
    """
    variance = np.maximum(steps**2 - 1.0, 0.0) / (8 * np.log(2))
    return np.asarray(np.where(steps > _NO_ALIAS, variance, 0.0))
