"""Rendering: sampled voxels through the transforms of values to what a network sees.

Transforms that look at one voxel at a time are grouped into runs. A run is one function, so that
a compiler makes one pass over memory of it, normalisation and, on a GPU, sampling included.

```
sample → fill → begin → run ── blur ── run ── … ── finish → mask
└ GPU: ────── one kernel ───┘       └─ one kernel ─────────┘
          CPU: one kernel ──┘
```

torch's compiler makes poor code of sampling for CPUs, which have their own ways; see
`medcl.augment.interpolation.native` and `medcl.augment.interpolation.slabs`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch

from medcl.augment.compiling import Compiled, let_vary
from medcl.augment.contract import PolicyModality
from medcl.augment.grid import ViewGrid
from medcl.augment.interpolation.trilinear import trilinear
from medcl.augment.normalisation import Normalisation
from medcl.augment.random_field import Words
from medcl.augment.rendering.numbers import Columns, Numbers, parameters_of
from medcl.augment.rendering.sampling import Samplings, interpolated
from medcl.augment.taps import is_everywhere
from medcl.augment.transforms.catalogue import ValueTransform, is_pointwise
from medcl.augment.transforms.transform import Setting
from medcl.shapes import ViewMask, Views

FILL: Mapping[PolicyModality, float] = {
    "CT": -1024.0,
    "MR_WEIGHTED": 0.0,
    "MR_QUANTITATIVE": 0.0,
    "PT": 0.0,
    "OT": 0.0,
}
"""What lies outside of a volume before normalisation: air in HU, nothing elsewhere."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is the same for every batch of a policy, so that its kernels are made once.

    Attributes:
        grid: Size and spacing of the views.
        modality: What the volumes are.
        window: From physical values to what the network sees.
        channels: Of the views.
    """

    grid: ViewGrid
    modality: PolicyModality
    window: Normalisation
    channels: int


@dataclass(frozen=True, slots=True)
class Link:
    """One transform of values, its place in the policy, and where it finds its parameters."""

    transform: ValueTransform
    stream: int
    columns: Columns


Run = tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the voxels of views: what is compiled into one kernel.

    Attributes:
        look: Of the policy.
        run: Transforms that look at one voxel at a time, in order.
        is_last: Whether values are normalised after them.
    """

    look: Look
    run: Run
    is_last: bool

    def open(
        self,
        given: Samplings,
        table: torch.Tensor,
        words: Words,
    ) -> tuple[Views, ViewMask]:
        """Return sampled values after the run, and where they were measured."""
        look = self.look
        values, mask = trilinear(*given, view_shape=look.grid.size_voxels, channels=look.channels)
        return self.begin(values, mask, table, words), mask

    def begin(
        self,
        values: Views,
        mask: ViewMask,
        table: torch.Tensor,
        words: Words,
    ) -> Views:
        """Return values that were sampled before after the run."""
        if not self.is_last:
            # Else nobody looks beyond one voxel before `close` fills the very same ones.
            values = _filled(values, mask, FILL[self.look.modality])
        values = self.look.window.begin(values, table[:, 0], table[:, 1])
        return self.close(values, mask, table, words)

    def close(
        self,
        values: Views,
        mask: ViewMask,
        table: torch.Tensor,
        words: Words,
    ) -> Views:
        """Return values after the run."""
        for link in self.run:
            setting = _setting(self.look, link, words)
            values = link.transform.apply(values, parameters_of(table, link.columns), setting)
        return _filled(self.look.window.finish(values), mask, -1.0) if self.is_last else values


def finished(
    look: Look,
    links: Sequence[Link],
    given: Samplings,
    numbers: Numbers,
    *,
    is_measured: bool,
    compiled: bool,
) -> tuple[Views, ViewMask]:
    """Return views and their mask.

    Args:
        look: Of the policy.
        links: Transforms of values in order.
        given: What is sampled, and where.
        numbers: What was drawn, on the device.
        is_measured: Whether every voxel of every view is known to be measured, so that nobody has
            to look.
        compiled: Compile the kernels; else the same functions run as they are.

    Returns:
        Views ``(B, C, X, Y, Z)`` in the range of the window, -1 outside; mask
        ``(B, 1, X, Y, Z)``.
    """
    device = given[0].device.type
    first, *others = _groups(links)
    one = Pass(look, first if compiled else _active(first, numbers), is_last=not others)
    if device == "cpu":
        shape, channels = look.grid.size_voxels, look.channels
        values, mask = interpolated(given, view_shape=shape, channels=channels, compiled=compiled)
        begun = _kernel(one, "begin", device) if compiled else one.begin
        values = begun(values, mask, numbers.table, numbers.words)
    else:
        if compiled:
            let_vary(*given, numbers.table, numbers.words)
        opened = _kernel(one, "open", device) if compiled else one.open
        values, mask = opened(given, numbers.table, numbers.words)
    measured = None if is_measured else mask
    while others:
        (lone,), run, *others = others
        values = _alone(look, lone, values, measured, numbers, compiled=compiled)
        one = Pass(look, run if compiled else _active(run, numbers), is_last=not others)
        if one.run or one.is_last:
            closed = _kernel(one, "close", device) if compiled else one.close
            values = closed(values, mask, numbers.table, numbers.words)
    return values, mask


def _filled(values: Views, mask: ViewMask, fill: float) -> Views:
    """Return values with something else where the mask is false."""
    if torch.compiler.is_compiling() or values.device.type != "cpu":
        return torch.where(mask, values, fill)
    # Most views lie within their volume; to look takes a tenth of the time.
    return values if is_everywhere(mask) else torch.where(mask, values, fill)


@lru_cache(maxsize=64)
def _kernel(one: Pass, part: Literal["open", "begin", "close"], device: str) -> Callable[..., Any]:
    """Return the compiled pass; it is kept for as long as the process lives."""
    return Compiled(getattr(one, part), device)


def _groups(links: Sequence[Link]) -> list[Run]:
    """Return runs, which may be empty, and between them the transforms that stand alone."""
    groups: list[Run] = [()]
    for link in links:
        if is_pointwise(link.transform):
            groups[-1] += (link,)
        else:
            groups += [(link,), ()]
    return groups


def _active(run: Run, numbers: Numbers) -> Run:
    return tuple(link for link in run if numbers.is_active(link.stream))


def _alone(
    look: Look,
    link: Link,
    values: Views,
    measured: ViewMask | None,
    numbers: Numbers,
    *,
    compiled: bool,
) -> Views:
    if not numbers.is_active(link.stream):
        return values
    setting = _setting(look, link, numbers.words, measured=measured, compiled=compiled)
    return link.transform.apply(values, parameters_of(numbers.table, link.columns), setting)


def _setting(
    look: Look,
    link: Link,
    seeds: Words,
    *,
    measured: ViewMask | None = None,
    compiled: bool = False,
) -> Setting:
    return Setting(
        spacing_mm=look.grid.spacing_mm,
        seeds=seeds,
        stream=link.stream,
        modality=look.modality,
        window=look.window,
        measured=measured,
        compiled=compiled,
    )
