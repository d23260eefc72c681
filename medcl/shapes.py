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

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, Shaped

VolumeArray = Shaped[np.ndarray, "C X Y Z"]
ValidityMask = Bool[np.ndarray, "X Y Z"]
LabelMap = Shaped[np.ndarray, "X Y Z"]
Affine = Float64[np.ndarray, "4 4"]
Points = Float64[np.ndarray, "P 3"]
Vector3 = Float64[np.ndarray, "3"]

Views = Float[torch.Tensor, "B C X Y Z"]
ViewMask = Bool[torch.Tensor, "B 1 X Y Z"]
Features = Float[torch.Tensor, "B F"]
Embeddings = Float[torch.Tensor, "N E"]
Logits = Float[torch.Tensor, "B K"]
VoxelLogits = Float[torch.Tensor, "B K X Y Z"]
RowMask = Bool[torch.Tensor, "M M"]
PatientIds = Int64[torch.Tensor, "N"]
Scalar = Float[torch.Tensor, ""]
