"""Where a view really looks: a volume of coordinates, rendered as any other volume is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import ndimage
from torch import device

from medcl.augment.rendering.lattice import Lattice
from medcl.augment.rendering.sampling import sample
from medcl.geometry.affine import transform_points
from medcl.geometry.jacobian import digital_jacobian
from medcl.shapes import Affine, Points

Places = Float64[np.ndarray, "3 X Y Z"]
Inside = Bool[np.ndarray, "X Y Z"]

_FAR = 10_000
_MOST_POINTS = 20_000
_STRAIGHT_VOXELS = 2e-3
_BLOCK = 8
_MOST_TURNS = 40
_NEAR_VOXELS = 1e-3
_HALF = 0.5 + 2e-3  # a voxel reaches half its size beyond its centre; rendering needs the rest


@dataclass(frozen=True, slots=True, eq=False)
class ViewMap:
    """Where the voxels of one view lie in their volume, as rendered.

    Attributes:
        places: Voxel coordinates in the volume of every view voxel.
        inside: Which of them lie in the volume.
        nearest: Position of the nearest voxel in the flattened volume; its edge goes on outside.
        source_shape: Voxels of the volume.
        source_affine: Voxel index of the volume → RAS+ mm.
        view_to_world: The affine nearest to the map, view voxel → RAS+ mm.
        deviation_voxels: Largest distance of the map from that affine, in voxels of the volume.
    """

    places: Places
    inside: Inside
    nearest: Int64[np.ndarray, "X Y Z"]
    source_shape: tuple[int, int, int]
    source_affine: Affine
    view_to_world: Affine
    deviation_voxels: float

    def of_nearest(self, volume: np.ndarray) -> np.ndarray:
        """Return the volume's value at the voxel nearest to each view voxel.

        Args:
            volume: Shape of the volume ``(X, Y, Z)``.

        Returns:
            Shape of the view.
        """
        return np.asarray(volume.ravel()[self.nearest])

    def of_blended(self, volume: np.ndarray) -> np.ndarray:
        """Return the volume's value at each view voxel, blended linearly of its eight neighbours.

        Args:
            volume: Shape of the volume ``(X, Y, Z)``.

        Returns:
            Shape of the view.
        """
        return np.asarray(ndimage.map_coordinates(volume, self.places, order=1, mode="nearest"))

    def of_one_around(self, volume: np.ndarray) -> np.ndarray:
        """Return the volume's value at one of the eight voxels around each view voxel.

        Each is as likely as linear blending weighs it, so that a tissue has the distribution of
        the voxels that a view of it is made of, at no distance on average. The nearest voxel lies
        aside by up to half a voxel, of all voxels alike where both grids have one spacing.

        Args:
            volume: Shape of the volume ``(X, Y, Z)``.

        Returns:
            Shape of the view; always the same voxels.
        """
        last = np.reshape(volume.shape, (3, 1, 1, 1)) - 1.0
        chance = np.random.default_rng(0).random(self.places.shape)
        around = np.floor(np.clip(self.places, 0.0, last) + chance)
        x, y, z = np.minimum(around, last).astype(np.int64)
        return np.asarray(volume[x, y, z])

    @property
    def source_voxels(self) -> float:
        """Voxels of the volume in one of the view."""
        linear = np.linalg.inv(self.source_affine[:3, :3]) @ self.view_to_world[:3, :3]
        return abs(float(np.linalg.det(linear)))

    def departure_at(self, voxels: Float64[np.ndarray, "3 P"]) -> Float64[np.ndarray, "3 P"]:
        """Return by how much the map departs from its affine, in voxels of the volume.

        Args:
            voxels: Places in the view, between its voxels too; its edge goes on outside.
        """
        to_source = np.linalg.inv(self.source_affine) @ self.view_to_world
        index = np.stack(np.meshgrid(*map(np.arange, self.inside.shape), indexing="ij"))
        straight = np.einsum("ij,jxyz->ixyz", to_source[:3, :3], index.astype(float))
        off = self.places - straight - to_source[:3, 3].reshape(3, 1, 1, 1)
        return np.stack(
            [ndimage.map_coordinates(each, voxels, order=1, mode="nearest") for each in off]
        )

    def world_of(self, voxels: Points) -> Points:
        """Return the world points in mm that places of the view show, shape ``(P, 3)``.

        Args:
            voxels: Places in the view, between its voxels too.
        """
        straight = transform_points(self.view_to_world, voxels)
        if self.is_straight:
            return straight
        return np.asarray(straight + self.departure_at(voxels.T).T @ self.source_affine[:3, :3].T)

    def voxels_of(self, world: Points) -> Points:
        """Return where the view shows world points, in its voxels, inside of it or not.

        A map that does not fold departs from its affine by less than places lie apart, so that
        taking the departure away at each place that is found leads nearer to the true one.
        """
        to_voxel = np.linalg.inv(self.view_to_world)
        found = transform_points(to_voxel, world)
        if self.is_straight:
            return found
        for _ in range(_MOST_TURNS):
            off = (self.world_of(found) - world) @ to_voxel[:3, :3].T
            found = found - off
            if np.abs(off).max() < _NEAR_VOXELS:
                break
        return found

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the view along each axis."""
        x, y, z = self.inside.shape
        return x, y, z

    @property
    def is_straight(self) -> bool:
        """Whether the map is affine everywhere."""
        return self.deviation_voxels < _STRAIGHT_VOXELS

    def volume_ratios(
        self, spacing_mm: tuple[float, float, float]
    ) -> Float64[np.ndarray, "10 X Y Z"]:
        """Return anatomical volume per volume of the view, by ten determinants per cell.

        A map that is affine everywhere has the same in all cells; one block of them is enough.

        Args:
            spacing_mm: Spacing of the view.

        Returns:
            1 where nothing changes, 0 or below where the map folds.
        """
        places = self.places[:, :_BLOCK, :_BLOCK, :_BLOCK] if self.is_straight else self.places
        worlds = np.einsum("ij,jxyz->ixyz", self.source_affine[:3, :3], places)
        return digital_jacobian(worlds / np.reshape(np.asarray(spacing_mm), (3, 1, 1, 1)))


def rendered_maps(lattices: Sequence[Lattice], affines: Sequence[Affine]) -> list[ViewMap]:
    """Return where views lie as the renderer really places them.

    Volumes whose values are their own voxel coordinates are rendered: nothing that placed the
    views is asked. Their voxels are as far apart as those of the view, so that no blur against
    aliasing is needed (it changes no coordinate), and they go on beyond the true volume, so that
    each view is placed as a whole.

    Args:
        lattices: Where the views lie.
        affines: Voxel index → RAS+ mm of their volumes.

    Returns:
        One map per view.
    """
    wide, contents = zip(*(_coordinates(lattice) for lattice in lattices), strict=True)
    views, _ = sample(
        wide,
        [content.volume for content in contents],
        [None] * len(wide),
        device=device("cpu"),
    )
    return [
        _view_map(view.astype(float) + content.middle.reshape(3, 1, 1, 1), lattice, affine)
        for view, content, lattice, affine in zip(
            views.numpy(), contents, lattices, affines, strict=True
        )
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Content:
    volume: np.ndarray
    middle: np.ndarray


def _coordinates(lattice: Lattice) -> tuple[Lattice, _Content]:
    """Return a lattice in a wide and coarse volume of coordinates, and that volume."""
    steps = np.maximum(np.linalg.norm(lattice.matrix[:3, :3], axis=1), 1.0)
    coarse = np.diag([*(1 / steps), 1.0]) @ lattice.matrix
    far = replace(lattice, matrix=_moved(coarse, _FAR), source_shape=(2 * _FAR,) * 3)
    box = far.box()
    first = np.asarray(box.lower) - _FAR - 1
    x, y, z = (size + 2 for size in box.shape)
    wide = replace(lattice, matrix=_moved(coarse, -first), source_shape=(x, y, z))
    touched = wide.box()
    axes = [
        (np.arange(low, high) + start) * step
        for low, high, start, step in zip(touched.lower, touched.upper, first, steps, strict=True)
    ]
    volume = np.stack(np.meshgrid(*axes, indexing="ij"))
    middle = volume.mean(axis=(1, 2, 3))
    return wide, _Content((volume - middle.reshape(3, 1, 1, 1)).astype(np.float32), middle)


def _moved(matrix: Affine, voxels: np.ndarray | int) -> Affine:
    moved = matrix.copy()
    moved[:3, 3] += voxels
    return moved


def _view_map(places: Places, lattice: Lattice, affine: Affine) -> ViewMap:
    shape = places.shape[1:]
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).reshape(3, -1)
    points = places.reshape(3, -1)
    step = -(-index.shape[1] // _MOST_POINTS)
    columns = np.column_stack([index[:, ::step].T, np.ones(len(index[0, ::step]))])
    solution, *_ = np.linalg.lstsq(columns.astype(float), points[:, ::step].T, rcond=None)
    fitted = np.eye(4)
    fitted[:3] = solution.T
    off = points - (fitted[:3, :3] @ index + fitted[:3, 3:])
    last = np.asarray(lattice.source_shape).reshape(3, 1, 1, 1) - 1
    x, y, z = np.clip(np.floor(places + 0.5), 0, last).astype(np.int64)
    return ViewMap(
        places=places,
        inside=np.asarray(((places >= -_HALF) & (places <= last + _HALF)).all(axis=0)),
        nearest=np.ravel_multi_index((x, y, z), lattice.source_shape),
        source_shape=lattice.source_shape,
        source_affine=affine,
        view_to_world=affine @ fitted,
        deviation_voxels=float(np.abs(off).max()),
    )
