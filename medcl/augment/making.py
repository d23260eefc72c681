"""Making: views that are decided, rendered in one batch on the device."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64

from medcl.augment.drawn import Drawn, boxes
from medcl.augment.rendering.numbers import Numbers, columns_of, parameters_of, tabled
from medcl.augment.rendering.rendering import Link, Look, finished
from medcl.augment.rendering.sampling import sample_labels, samplings
from medcl.augment.rendering.strip import Strip
from medcl.augment.rendering.strip_building import strip_of
from medcl.augment.transforms.catalogue import OcclusionTransform
from medcl.augment.transforms.transform import Setting
from medcl.shapes import ViewMask, Views


def render(
    drawn: Drawn,
    voxels: Sequence[np.ndarray] | Strip,
    validity: Sequence[np.ndarray | None] | None = None,
    lesions: Sequence[np.ndarray | None] | None = None,
    *,
    numbers: Numbers | None = None,
    device: torch.device | str = "cpu",
    compiled: bool = False,
) -> tuple[Views, ViewMask]:
    """Make the views.

    Every spatial transform is in one matrix per view, so voxels are interpolated once. Values then
    pass the transforms of intensity in physical units (fractions of the volume's range for
    weighted MR) and are normalised; what is not seen is filled last. On a CPU one view is made
    after the other, which keeps it in the cache; on a GPU all at once.

    Args:
        drawn: What to make.
        voxels: Per view, the voxels of `boxes`, shape ``(C, x, y, z)``, in the volume's unit; or
            all of them as a strip, which may lie on the device.
        validity: Per view, True where these voxels were measured, or ``None`` if all were; a
            strip has its own.
        lesions: Per view, True where these voxels are lesions, shape ``(x, y, z)``, or ``None``
            where nobody marked them, so that they may be anywhere; ``None`` for all views alike
            where no lesions are known at all.
        numbers: What `numbers_of` returns for these views, if somebody asked already; best on the
            device.
        device: Where to compute.
        compiled: Compile the kernels at their first use, which takes 20 seconds once and is
            faster from then on; the same views within rounding.

    Returns:
        Views ``(B, C, X, Y, Z)`` float32, -1 at the low end of the window and outside of what is
        seen, +1 at its high end; and the mask ``(B, 1, X, Y, Z)`` of voxels that were measured and
        are not occluded.

    Raises:
        PolicyError: A transform keeps off lesions and none are known.
    """
    device = torch.device(device)
    if not isinstance(voxels, Strip):
        known = [None] * len(voxels) if validity is None else list(validity)
        voxels = strip_of(drawn.lattices, voxels, known)
    if numbers is None:
        numbers = numbers_of(drawn)
    numbers = numbers.to(device)
    count = len(drawn.sources)
    if device.type != "cpu" or count == 1:
        return _rendered(drawn, voxels, numbers, lesions, device, compiled=compiled)
    made = []
    for place in range(count):
        marked = None if lesions is None else lesions[place : place + 1]
        one, row = drawn.row(place), voxels.row(place)
        made.append(_rendered(one, row, numbers.row(place), marked, device, compiled=compiled))
    return torch.cat([view for view, _ in made]), torch.cat([mask for _, mask in made])


def _rendered(
    drawn: Drawn,
    strip: Strip,
    numbers: Numbers,
    lesions: Sequence[np.ndarray | None] | None,
    device: torch.device,
    *,
    compiled: bool,
) -> tuple[Views, ViewMask]:
    look = Look(drawn.grid, drawn.modality, drawn.window, strip.channels)
    values, mask = finished(
        look,
        links_of(drawn),
        samplings(strip, device=device),
        numbers,
        is_measured=strip.is_measured,
        compiled=compiled,
    )
    marked = None if lesions is None else _lesions(drawn, lesions, device)
    seen = _seen(drawn, mask, numbers, marked)
    return values if seen is mask else torch.where(seen, values, -1.0), seen


def links_of(drawn: Drawn) -> list[Link]:
    """Return the transforms of values with their places in the policy."""
    transforms = tuple(drawn.intensities.values())
    return [
        Link(transform, stream, columns)
        for stream, (transform, columns) in enumerate(
            zip(transforms, columns_of(transforms), strict=True)
        )
        if not isinstance(transform, OcclusionTransform)
    ]


def numbers_of(drawn: Drawn) -> Numbers:
    """Return what differs from view to view, as tables on the CPU."""
    ranges = [(source.low, source.high) for source in drawn.sources]
    return tabled(ranges, drawn.intensities, drawn.parameters, drawn.seeds)


def _seen(drawn: Drawn, measured: ViewMask, numbers: Numbers, lesions: ViewMask | None) -> ViewMask:
    """Return what is measured and not occluded."""
    mask = measured
    transforms = tuple(drawn.intensities.values())
    columns = columns_of(transforms)
    for stream, transform in enumerate(transforms):
        if isinstance(transform, OcclusionTransform) and numbers.is_active(stream):
            setting = Setting(
                spacing_mm=drawn.grid.spacing_mm,
                seeds=numbers.words,
                stream=stream,
                modality=drawn.modality,
                window=drawn.window,
                measured=measured,
                lesions=lesions,
            )
            mask = transform.seen(mask, parameters_of(numbers.table, columns[stream]), setting)
    return mask


def _lesions(drawn: Drawn, lesions: Sequence[np.ndarray | None], device: torch.device) -> ViewMask:
    """Return where lesions lie in the views; everywhere in those that nobody marked."""
    maps = [
        np.ones(box.shape, np.uint8) if lesion is None else lesion
        for box, lesion in zip(boxes(drawn), lesions, strict=True)
    ]
    return (render_labels(drawn, maps, device=device) > 0)[:, None]


def render_labels(
    drawn: Drawn, maps: Sequence[np.ndarray], *, device: torch.device | str = "cpu"
) -> Int64[torch.Tensor, "B X Y Z"]:
    """Return the label maps as the views show them, by the nearest voxel.

    Args:
        drawn: The views.
        maps: Per view, the labels of `boxes`, shape ``(x, y, z)``.
        device: Where to compute.

    Returns:
        Labels ``(B, X, Y, Z)``, 0 outside of the source.
    """
    return sample_labels(drawn.lattices, maps, device=torch.device(device))
