"""The alphabet of axes: every array in medcl is spelled with these letters.

```
B  views in a batch          C  channels
X, Y, Z  voxel axes; world coordinates are RAS+ mm: left → right, posterior → anterior,
         inferior → superior
N  pairs in a batch          E  embedding dimensions
M  rows in a loss (2N)       F  features
K  classes                   P  points
```

Voxel arrays are ``(C, X, Y, Z)``; batches put ``B`` in front. DICOM's LPS+ and SimpleITK's
``(Z, Y, X)`` never leave `medcl.io`. The annotations are checked in the test run and cost nothing
outside it.
"""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64, Shaped

if TYPE_CHECKING:
    from medcl.tensor_shapes import Embeddings as Embeddings
    from medcl.tensor_shapes import Features as Features
    from medcl.tensor_shapes import Logits as Logits
    from medcl.tensor_shapes import PatientIds as PatientIds
    from medcl.tensor_shapes import RowMask as RowMask
    from medcl.tensor_shapes import Scalar as Scalar
    from medcl.tensor_shapes import SmallViews as SmallViews
    from medcl.tensor_shapes import ViewMask as ViewMask
    from medcl.tensor_shapes import Views as Views
    from medcl.tensor_shapes import VoxelLogits as VoxelLogits

VolumeArray = Shaped[np.ndarray, "C X Y Z"]
ValidityMask = Bool[np.ndarray, "X Y Z"]
LabelMap = Shaped[np.ndarray, "X Y Z"]
Affine = Float64[np.ndarray, "4 4"]
Points = Float64[np.ndarray, "P 3"]
Vector3 = Float64[np.ndarray, "3"]


def __getattr__(name: str) -> object:
    """Return the shape of a tensor, which loads torch the first time.

    Raises:
        AttributeError: There is no such shape.
    """
    if name.startswith("__"):
        raise AttributeError(name)
    from medcl import tensor_shapes

    return getattr(tensor_shapes, name)
