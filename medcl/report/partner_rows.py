"""Rows of a contact sheet that show two series of a patient at one place."""

from dataclasses import replace

import numpy as np

from medcl.augment.drawing.pose import Pose
from medcl.augment.partner import OtherSeries
from medcl.augment.policy import Policy
from medcl.augment.views import draw
from medcl.report.contact_sheet import Panel, SheetRow
from medcl.report.grey_windows import default_windows
from medcl.report.sheet_rows import Shown, middle_depth, picture_of

_FIELDS = 6


def partner_rows(
    policy: Policy, first: Shown, second: Shown, *, case: int, seed: int = 0
) -> list[SheetRow]:
    """Return a volume, its partner at the same place, and both in fields in turn.

    Where outlines run on from field to field, both series show one place.

    Args:
        policy: Gives grid and window.
        first: A volume.
        second: Another series of the patient in the same frame.
        case: Number of the pair on the sheet, from 1.
        seed: Of the place, which is that of a second view as pretraining draws it.

    Returns:
        One row, or none where the partner does not show the place.
    """
    asking = replace(policy, partner=OtherSeries(probability=1.0))
    others = [[second.source]]
    drawn = draw(asking, [first.source], seed=seed, step=0, view=1, others=others)
    if drawn.sources[0] is not second.source:
        return []
    there = replace(drawn, poses=(Pose(drawn.poses[0].centre_mm, np.eye(3)),), intensities={})
    here = replace(there, sources=(first.source,))
    one, other = picture_of(here, first), picture_of(there, second)
    depth = middle_depth(one)
    panels = one.panel(depth, here), other.panel(depth, there)
    return [
        SheetRow(
            case=case,
            original=panels[0],
            views=(
                ("another series, same place", panels[1]),
                ("both in fields in turn", _in_turn(*panels)),
            ),
            spacing_mm=there.grid.spacing_mm[:2],
            window=default_windows(policy)[0],
            note="two series of one patient",
        )
    ]


def _in_turn(one: Panel, other: Panel) -> Panel:
    """Return a chequered plane of both."""
    x, y = (np.arange(size) * _FIELDS // size for size in one.plane.shape)
    is_other = (x[:, None] + y[None, :]) % 2 == 1
    return Panel(
        plane=np.where(is_other, other.plane, one.plane),
        mask=np.where(is_other, other.mask, one.mask),
    )
