"""The alphabet of axes for tensors; use it through `medcl.shapes`, which says what letters mean.

It stands apart because loading torch takes a second, and no process that reads archives needs it.
"""

import torch
from jaxtyping import Bool, Float, Int64

Views = Float[torch.Tensor, "B C X Y Z"]
SmallViews = Float[torch.Tensor, "B C _ _ _"]  # of another size than the views beside them
ViewMask = Bool[torch.Tensor, "B 1 X Y Z"]
Features = Float[torch.Tensor, "B F"]
Embeddings = Float[torch.Tensor, "N E"]
Logits = Float[torch.Tensor, "B K"]
VoxelLogits = Float[torch.Tensor, "B K X Y Z"]
RowMask = Bool[torch.Tensor, "M M"]
PatientIds = Int64[torch.Tensor, "N"]
Scalar = Float[torch.Tensor, ""]
