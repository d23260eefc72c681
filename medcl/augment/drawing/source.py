"""What drawing a view needs to know about a volume: geometry and range, no voxels."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64

from medcl.geometry.boxes import Box
from medcl.shapes import Affine

Lesion = Float64[np.ndarray, "_ 3"]
"""Points of one lesion, in voxel coordinates of its volume."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Source:
    """One volume that views are taken from.

    Attributes:
        word: Addresses the volume's randomness; equal voxels may have equal words.
        shape: Voxels along each voxel axis.
        affine: Voxel index → RAS+ mm, 4 x 4; any orientation and handedness, oblique too.
        low: Value of the volume that a percentile window maps to the low end.
        high: Value that it maps to the high end.
        body: Voxels that crops keep to, such as the bounding box of the foreground; ``None``
            for the whole volume.
        lesions: Per lesion, voxel coordinates of points spread over it, shape ``(P, 3)``, for
            crops that must not cut it.
        frame: Equal for volumes in which one point in mm is one place of one patient; ``None``
            where nobody says so.
        to_voxel: RAS+ mm → voxel index, 4 x 4; follows from the affine.

    Example:
        >>> Source(word="a", shape=(4, 4, 4), affine=np.eye(4)).body is None
        True
    """

    word: str
    shape: tuple[int, int, int]
    affine: Affine
    low: float = 0.0
    high: float = 1.0
    body: Box | None = None
    lesions: tuple[Lesion, ...] = ()
    frame: str | None = None
    to_voxel: Affine = field(init=False, repr=False)

    def shares_world_with(self, other: "Source") -> bool:
        """Return whether one point in mm is the same place of the patient in both volumes.

        Example:
            >>> plain, upper, lower = (
            ...     Source(word=word, shape=(4, 4, 4), affine=np.eye(4), frame=frame)
            ...     for word, frame in (("a", None), ("b", "f"), ("c", "f"))
            ... )
            >>> plain.shares_world_with(plain), upper.shares_world_with(lower)
            (True, True)
            >>> plain.shares_world_with(lower)
            False
        """
        is_framed = self.frame is not None and self.frame == other.frame
        return self.word == other.word or is_framed

    def __post_init__(self) -> None:
        """Refuse what is no geometry.

        Raises:
            ValueError: An empty shape, an affine without inverse, or a range that is not finite.
        """
        if any(size < 1 for size in self.shape):
            raise ValueError(f"shape must hold at least one voxel along each axis: {self.shape}.")
        if abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
            raise ValueError("affine must be invertible: its three axes lie in one plane.")
        if not np.isfinite([self.low, self.high]).all():
            raise ValueError("low and high must be finite.")
        # A draw asks for it many times.
        object.__setattr__(self, "to_voxel", np.linalg.inv(self.affine))
