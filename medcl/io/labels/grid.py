"""A label map that is painted plane by plane, class over class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt16

from medcl.errors import InputError
from medcl.io.limits import MAX_VOXELS
from medcl.shapes import Affine, LabelMap

LARGEST_CLASS = 2**16 - 1
"""Highest class of a label map."""

Layers = UInt16[np.ndarray, "A B"]
"""A plane of layer numbers, 0 where nothing is painted."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Grid:
    """The grid of a volume.

    Attributes:
        shape: Voxels along each axis.
        affine: Voxel index → RAS+ mm.
    """

    shape: tuple[int, int, int]
    affine: Affine


class LabelGrid:
    """Paints classes onto the grid of a volume; each class has a layer of its own.

    Example:
        >>> grid = LabelGrid(Grid(shape=(2, 2, 1), affine=np.eye(4)), [7, 3])
        >>> plane = np.full((1, 2), grid.layer_of(3), np.uint16)
        >>> grid.paint(plane, axis=2, plane=0, corner=(1, 0))
        >>> grid.finished()[:, :, 0].tolist()
        [[0, 0], [3, 3]]
    """

    def __init__(
        self, grid: Grid, classes: Sequence[int], *, later_covers_earlier: bool = False
    ) -> None:
        """Begin with background everywhere.

        Args:
            grid: Of the volume.
            classes: Every class that may be painted, from 0 up; 0 is never painted.
            later_covers_earlier: Where classes overlap the one that stands later in ``classes``
                holds, whatever was painted first; else overlaps are refused.

        Raises:
            InputError: The grid is empty or too large, or a class is out of range.
        """
        shape = grid.shape
        if min(shape) < 1 or np.prod(shape, dtype=float) > MAX_VOXELS:
            raise InputError(f"A label map must hold 1 to {MAX_VOXELS} voxels; {shape} does not.")
        if not all(0 <= label <= LARGEST_CLASS for label in classes):
            raise InputError(f"Classes must be whole numbers from 0 to {LARGEST_CLASS}.")
        self.grid = grid
        self._classes = [0, *dict.fromkeys(label for label in classes if label)]
        self._may_overlap = later_covers_earlier
        # Slices lie across the last axis: so the voxels of one lie side by side in memory.
        self._layers = np.zeros(shape, np.min_scalar_type(len(self._classes) - 1), order="F")
        self._has_clash: np.ndarray | None = None
        self._num_outside = 0

    def layer_of(self, label: int) -> int:
        """Return the layer of a class, 0 for class 0."""
        return self._classes.index(label)

    def paint(self, drawn: Layers, *, axis: int, plane: int, corner: tuple[int, int]) -> None:
        """Paint layers onto a part of one plane; where it holds 0 nothing changes.

        Args:
            drawn: Layers, two axes in the order in which the grid has them.
            axis: Voxel axis across the plane.
            plane: Index along that axis; may lie outside of the grid.
            corner: Index of ``drawn[0, 0]`` along the two other axes; may lie outside of the grid.
        """
        planes = np.moveaxis(self._layers, axis, 0)
        cut = [
            slice(max(0, -start), max(0, min(size, room - start)))
            for start, size, room in zip(corner, drawn.shape, planes.shape[1:], strict=True)
        ]
        inside = drawn[cut[0], cut[1]] if 0 <= plane < len(planes) else drawn[:0]
        self._num_outside += int(np.count_nonzero(drawn) - np.count_nonzero(inside))
        if not inside.any():
            return
        place = tuple(
            slice(start + part.start, start + part.stop)
            for start, part in zip(corner, cut, strict=True)
        )
        target = planes[plane][place]
        if not self._may_overlap:
            self._note((inside != 0) & (target != 0) & (inside != target), axis, plane, place)
        np.copyto(target, np.maximum(target, inside), casting="same_kind")

    def finished(self) -> LabelMap:
        """Return the classes, shape ``(X, Y, Z)``, uint8, or uint16 where a class needs it.

        Raises:
            InputError: Something was painted outside of the grid, or two classes on one voxel.
        """
        if self._num_outside:
            raise InputError(
                f"Segments must lie inside the image; {self._num_outside} labelled voxels lie "
                f"outside of its {self.grid.shape} voxels."
            )
        if self._has_clash is not None:
            raise InputError(
                "Segments of different classes must not overlap unless an order is given; "
                f"{np.count_nonzero(self._has_clash)} voxels belong to several."
            )
        table = np.array(self._classes, np.min_scalar_type(max(self._classes)))
        return np.asarray(table[self._layers])

    def _note(self, clash: np.ndarray, axis: int, plane: int, place: tuple[slice, ...]) -> None:
        if not clash.any():
            return
        if self._has_clash is None:
            self._has_clash = np.zeros(self._layers.shape, bool, order="F")
        np.moveaxis(self._has_clash, axis, 0)[plane][place] |= clash
