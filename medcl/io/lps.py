"""The one place where DICOM's LPS+ becomes RAS+."""

import numpy as np

from medcl.shapes import Affine

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def flip_world(affine: Affine) -> Affine:
    """Return an affine with its world axes changed from LPS+ to RAS+, or back.

    Example:
        >>> flip_world(np.eye(4)).diagonal().tolist()
        [-1.0, -1.0, 1.0, 1.0]
    """
    # Adding 0.0 turns -0.0 into 0.0, which would be written as "-0.0" in a header.
    return np.asarray(_LPS_TO_RAS @ affine + 0.0)
