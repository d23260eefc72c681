"""Rows of a contact sheet, drawn by the same code that feeds the network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.pose import Pose
from medcl.augment.transform import Parameters
from medcl.augment.views import Drawn, Source, boxes, draw, render
from medcl.report.contact_sheet import LUNG, SOFT_TISSUE, GreyWindow, SheetRow
from medcl.shapes import ValidityMask, VolumeArray

_Planes = tuple[np.ndarray, np.ndarray]


def default_windows(policy: Policy) -> tuple[GreyWindow, ...]:
    """Return the fixed clinical windows of a modality.

    CT has soft tissue and lung; weighted MR the range of each volume; others the policy's window.
    """
    if policy.modality == "CT":
        return SOFT_TISSUE, LUNG
    if isinstance(policy.window, FixedWindow):
        unit = "SUV" if policy.modality == "PT" else ""
        low, high = policy.window.low, policy.window.high
        return (GreyWindow(name="window of the policy", low=low, high=high, unit=unit),)
    return (GreyWindow(name="1st to 99th percentile", low=-1.0, high=1.0),)


def sheet_rows(
    policy: Policy,
    source: Source,
    array: VolumeArray,
    *,
    case: int,
    validity: ValidityMask | None = None,
    seed: int = 0,
    step: int = 0,
    corners: bool = False,
) -> list[SheetRow]:
    """Draw two views of a volume and return their middle planes, one row per window.

    Args:
        policy: How views are drawn.
        source: Geometry and range of the volume.
        array: Its voxels, ``(C, X, Y, Z)``; the first channel is shown.
        case: Number of the volume on the sheet, from 1.
        validity: True where voxels were measured, or ``None``.
        seed: Seed of the draw.
        step: Step of the draw; another number gives other views.
        corners: Draw the ends of all ranges.

    Returns:
        Rows for `write_contact_sheet`.
    """
    first, second = (
        draw(policy, [source], seed=seed, step=step, view=view, corners=corners) for view in (0, 1)
    )
    # The place of the first view, neither turned nor scaled nor changed.
    still = replace(first, poses=(Pose(first.poses[0].centre_mm, np.eye(3)),), intensities={})
    planes = [_middle(drawn, array, validity) for drawn in (still, first, second)]
    note = ("corner draw" if corners else "random draw") + "\n" + _words(first.parameters[0])
    return [
        SheetRow(
            case=case,
            original=planes[0][0],
            view_a=planes[1][0],
            view_b=planes[2][0],
            masks=(planes[0][1], planes[1][1], planes[2][1]),
            spacing_mm=policy.grid.spacing_mm[:2],
            window=window,
            note=note,
        )
        for window in default_windows(policy)
    ]


def _middle(drawn: Drawn, array: VolumeArray, validity: ValidityMask | None) -> _Planes:
    (box,) = boxes(drawn)
    known = None if validity is None else [validity[box.slices]]
    # Nobody marks lesions here: views that keep off them take them to be anywhere.
    views, mask = render(drawn, [array[:, *box.slices]], known, [None])
    middle = views.shape[-1] // 2
    plane = views[0, 0, :, :, middle].numpy().astype(float)
    if isinstance(drawn.window, FixedWindow):
        low, high = drawn.window.low, drawn.window.high
        plane = (plane + 1) / 2 * (high - low) + low
    return plane, mask[0, 0, :, :, middle].numpy()


def _words(parameters: Mapping[str, Parameters]) -> str:
    """Return what was drawn for a view, one transform per line, the unchanged ones left out."""
    lines: Sequence[str] = [
        f"a: {name.replace('_', ' ')} {value}"
        for name, drawn in parameters.items()
        if (value := _value(name, drawn))
    ]
    return "\n".join(lines)


def _value(name: str, drawn: Parameters) -> str:
    key, values = next(iter(drawn.items()))
    units = {"degrees": " deg", "sd_hu": " HU", "offset_hu": " HU", "sigma_mm": " mm"}
    if key in {"zoom", "factor", "exponent", "fraction"}:
        return "" if values == (1.0,) else f"{values[0]:.3f}"
    if key == "sign":
        return "yes" if values[0] < 0 else ""
    size = float(np.linalg.norm(values))
    shown = float(np.abs(values).sum()) if name.startswith("bias_field") else size
    return f"{shown:.3g}{units.get(key, ' mm' if key == 'offset_mm' else '')}" if size > 0 else ""
