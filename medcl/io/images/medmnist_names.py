"""What planning must know of a MedMNIST archive."""

from dataclasses import dataclass
from pathlib import Path

_KNOWN_SETS = ("organ", "nodule", "adrenal", "fracture", "vessel", "synapse")


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """What one split of an archive holds.

    Attributes:
        split: ``train``, ``val`` or ``test``.
        num_images: Volumes in it.
        image_bytes: Size of one volume, bytes.
    """

    split: str
    num_images: int
    image_bytes: int


def set_name(path: Path) -> str:
    """Return the name of the label set: the MedMNIST set the file is named after, if it is one.

    Example:
        >>> set_name(Path("adrenalmnist3d_64.npz")), set_name(Path("john_doe.npz"))
        ('adrenalmnist3d', 'medmnist')
    """
    for name in _KNOWN_SETS:
        if path.name.lower().startswith(f"{name}mnist3d"):
            return f"{name}mnist3d"
    return "medmnist"
