"""What controls do to a scene: harm that an audit must find, and what is harmless.

None of it uses the transforms of a policy. Changes of values act on rendered pictures, changes of
place on where the scene is rendered.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from medcl.evaluation.audit.scene import Scene
from medcl.evaluation.measures.observed import Observed

ADDED_HU = 50.0
ZOOM = 1.1
GAIN = 1.3
DEGREES = 5.0

_SHIFT_VOXELS = 2
_LONG_ENOUGH = 12
_MIRRORED_VOXELS = 8
_SHIFTED = ((0.0, 0.1, 0.6, 0.7, 1.0), (0.0, 0.3, 0.4, 0.9, 1.0))
"""Tone curves as random histogram shifts draw them: monotone, and 15 % of the range off. Where one
of them crosses the diagonal, the other one does not, so that no tissue is spared by both."""
_DISORDERED = (0.4, 1.0, 0.2, 0.6, 0.0)


def unchanged(scene: Scene) -> list[Observed]:
    """Return the view that nothing was done to."""
    return [scene.view()]


def moved(scene: Scene) -> list[Observed]:
    """Return views that lie aside by whole voxels: nothing is interpolated."""
    return [scene.view(shift_voxels=step) for step in (-_SHIFT_VOXELS, _SHIFT_VOXELS)]


def turned(scene: Scene) -> list[Observed]:
    """Return views turned to and fro about the long axis of the body."""
    turns = [Rotation.from_euler("z", angle, degrees=True) for angle in (-DEGREES, DEGREES)]
    return [scene.view(linear=turn.as_matrix()) for turn in turns]


def mirrored(scene: Scene) -> list[Observed]:
    """Return the mirror image, as its map says."""
    return [scene.view(linear=np.diag([-1.0, 1.0, 1.0]))]


def mirrored_values(scene: Scene) -> list[Observed]:
    """Return the mirror image under a map that does not say so."""
    view = scene.view()
    return [replace(view, grey=view.grey[::-1].copy(), mask=view.mask[::-1].copy())]


def magnified(scene: Scene) -> list[Observed]:
    """Return the view with everything larger."""
    return [scene.view(linear=ZOOM * np.eye(3))]


def brightened(scene: Scene) -> list[Observed]:
    """Return the view with all values raised."""
    return [_changed(scene.view(), lambda grey: grey + ADDED_HU)]


def multiplied(scene: Scene) -> list[Observed]:
    """Return the view with all values multiplied."""
    return [_changed(scene.view(), lambda grey: grey * GAIN)]


def shifted(scene: Scene) -> list[Observed]:
    """Return the view through monotone tone curves."""
    return [_toned(scene, curve) for curve in _SHIFTED]


def disordered(scene: Scene) -> list[Observed]:
    """Return the view through a tone curve that goes up and down."""
    return [_toned(scene, _DISORDERED)]


def inverted(scene: Scene) -> list[Observed]:
    """Return the view with bright as dark."""
    return [_toned(scene, (1.0, 0.0))]


def _toned(scene: Scene, knots: Sequence[float]) -> Observed:
    """Return the view through a tone curve over the range of values around it.

    A small view may show one tissue only, whose own range is next to nothing.
    """
    view = scene.view()
    low, high = view.low, min(float(scene.case.array[0].max()), view.high)
    places = np.linspace(low, high, len(knots))
    values = low + np.asarray(knots) * (high - low)
    return _changed(view, lambda grey: np.interp(grey, places, values))


def _changed(view: Observed, change: Callable[[np.ndarray], np.ndarray]) -> Observed:
    """Return the view with its measured values changed, within what the network can see."""
    changed = np.clip(change(view.grey), view.low, view.high)
    return replace(view, grey=np.where(view.mask, changed, view.low))


def folded(scene: Scene) -> list[Observed]:
    """Return a view pushed to and fro by more than it is wide: its map turns back on itself."""
    view = scene.view()
    size = view.grey.shape[0]
    wave = np.arange(size, dtype=float)
    length = max(size / 3, 4.0)
    push = 0.3 * length * np.sin(2 * np.pi * wave / length)
    places = view.map.places.copy()
    places[0] += push.reshape(-1, 1, 1)
    index = np.stack(np.meshgrid(*map(np.arange, view.grey.shape), indexing="ij")).astype(float)
    index[0] += push.reshape(-1, 1, 1)
    grey = ndimage.map_coordinates(view.grey, index, order=1, mode="nearest")
    bent = replace(view.map, places=places, deviation_voxels=float(np.abs(push).max()))
    return [replace(view, grey=grey, map=bent)]


def padded(scene: Scene) -> list[Observed]:
    """Return views that go on by their own reflection, along each axis with room."""
    view = scene.view()
    return [
        replace(view, grey=_reflected(view.grey, axis))
        for axis, size in enumerate(view.grey.shape)
        if size >= _LONG_ENOUGH
    ]


def _reflected(grey: np.ndarray, axis: int) -> np.ndarray:
    """Return values reflected at the plane with most structure before it."""
    size = grey.shape[axis]
    depth = min(_MIRRORED_VOXELS, size // 2)
    planes = np.abs(np.diff(np.moveaxis(grey, axis, 0), axis=0)).sum(axis=(1, 2))
    before = np.convolve(planes, np.ones(depth), "valid")[: size - 2 * depth + 1]
    plane = depth + int(before.argmax())
    index = np.arange(size)
    mirrored = np.maximum(2 * plane - 1 - index, 0)
    return np.take(grey, np.where(index < plane, index, mirrored), axis)


def claimed(scene: Scene) -> list[Observed]:
    """Return a view half outside of the volume that is filled and claimed as measured."""
    size = max(scene.case.source.shape)
    view = scene.view(shift_voxels=size // 2)
    return [replace(view, mask=np.ones_like(view.mask))]


def cut_out(scene: Scene) -> list[Observed]:
    """Return the view with its lesion and what is next to it emptied."""
    view = scene.view()
    lesion = np.zeros_like(view.mask) if view.lesion is None else view.lesion
    hole = ndimage.binary_dilation(lesion, iterations=2)
    return [replace(view, grey=np.where(hole, view.low, view.grey))]


def elsewhere(scene: Scene) -> list[Observed]:
    """Return a view that lies beside the whole scene."""
    return [scene.view(shift_voxels=max(scene.case.source.shape))]
