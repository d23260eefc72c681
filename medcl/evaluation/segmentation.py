"""How well label maps agree.

Legend: K foreground classes; U V W the target's axes, which must turn out to be X Y Z.
"""

import numpy as np
from jaxtyping import Float64, Shaped

from medcl.errors import InputError
from medcl.shapes import LabelMap

TargetMap = Shaped[np.ndarray, "U V W"]
DicePerClass = Float64[np.ndarray, "K"]


def dice_per_class(prediction: LabelMap, target: TargetMap, *, num_classes: int) -> DicePerClass:
    """Return the Dice overlap of each foreground class, on the native grid.

    A class that is in neither map has no Dice: its value is NaN, and means leave it out. A class in
    one map only scores 0, so that inventing a lesion and missing one both count.

    Args:
        prediction: Class of each voxel, 0 is background, shape ``(X, Y, Z)``.
        target: Likewise, same grid.
        num_classes: Classes with the background, at least 2.

    Returns:
        Shape ``(num_classes - 1,)``; in ``[0, 1]`` or NaN.

    Raises:
        InputError: The grids differ, or a map holds a class that is none.

    Example:
        >>> target = np.array([[[0, 1, 1, 0]]])
        >>> prediction = np.array([[[0, 1, 0, 0]]])
        >>> dice_per_class(prediction, target, num_classes=3).round(3).tolist()
        [0.667, nan]
    """
    if prediction.shape != target.shape:
        raise InputError(
            f"Label maps must share one grid; found {prediction.shape} and {target.shape}."
        )
    if num_classes < 2:
        raise InputError(f"A segmentation has at least 2 classes; found {num_classes}.")
    sizes = np.stack([_counts(prediction, num_classes), _counts(target, num_classes)])
    both = _counts(target[prediction == target], num_classes)
    total = sizes.sum(axis=0)[1:]
    overlap = 2 * both[1:] / np.maximum(total, 1)
    return np.where(total > 0, overlap, np.nan)


def _counts(labels: np.ndarray, num_classes: int) -> np.ndarray:
    flat = labels.ravel()
    if flat.size and (flat.min() < 0 or flat.max() >= num_classes):
        raise InputError(
            f"Classes must lie between 0 and {num_classes - 1}; found {flat.min()} to {flat.max()}."
        )
    return np.bincount(flat.astype(np.int64), minlength=num_classes)
