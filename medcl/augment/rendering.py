"""Rendering: sampled voxels through the transforms of values to what a network sees.

Transforms that look at one voxel at a time are grouped into runs. A run is one function, so that
a compiler makes one pass over memory of it, sampling and normalisation included.

```
sample → fill → begin → run ── blur ── run ── … ── finish → mask
└────────── one kernel ─────┘       └─ one kernel ─────────┘
```
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch

from medcl.augment.catalogue import ValueTransform, is_pointwise
from medcl.augment.compiling import Compiled, let_vary
from medcl.augment.contract import PolicyModality
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import Normalisation
from medcl.augment.sampling import Samplings
from medcl.augment.transform import Setting
from medcl.augment.trilinear import trilinear
from medcl.shapes import ViewMask, Views

Batched = Mapping[str, torch.Tensor]
"""Parameters of one transform, a row per view."""

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
    """One transform of values and its place in the policy."""

    transform: ValueTransform
    stream: int


Run = tuple[Link, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Numbers:
    """What differs from view to view, on the device.

    Attributes:
        low: Low end of each volume's range.
        high: High end of each volume's range.
        seeds: Of each view's noise.
        words: The same on the device.
        parameters: What was drawn, by stream; a stream is missing where nothing was drawn for
            any view.
    """

    low: torch.Tensor
    high: torch.Tensor
    seeds: tuple[int, ...]
    words: torch.Tensor
    parameters: Mapping[int, Batched]


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
        low: torch.Tensor,
        high: torch.Tensor,
        seeds: torch.Tensor,
        parameters: Sequence[Batched],
    ) -> tuple[Views, ViewMask]:
        """Return sampled values after the run, and where they were measured."""
        look = self.look
        values, mask = trilinear(*given, view_shape=look.grid.size_voxels, channels=look.channels)
        values = torch.where(mask, values, FILL[look.modality])
        values = look.window.begin(values, low, high)
        return self.close(values, mask, seeds, parameters), mask

    def close(
        self,
        values: Views,
        mask: ViewMask,
        seeds: torch.Tensor,
        parameters: Sequence[Batched],
    ) -> Views:
        """Return values after the run."""
        for link, batched in zip(self.run, parameters, strict=True):
            setting = _setting(self.look, link, seeds)
            values = link.transform.apply(values, batched, setting)
        return torch.where(mask, self.look.window.finish(values), -1.0) if self.is_last else values


def finished(
    look: Look, links: Sequence[Link], given: Samplings, numbers: Numbers, *, compiled: bool
) -> tuple[Views, ViewMask]:
    """Return views and their mask.

    Args:
        look: Of the policy.
        links: Transforms of values in order.
        given: What is sampled, and where.
        numbers: What was drawn.
        compiled: Compile the kernels; else the same functions run as they are.

    Returns:
        Views ``(B, C, X, Y, Z)`` in the range of the window, -1 outside; mask
        ``(B, 1, X, Y, Z)``.
    """
    device = given[0].device.type
    if compiled:
        if device == "cpu":
            # Its compiler makes vectors of float32, but not of int16.
            given = (given[0].float(), *given[1:])
        _let_vary(given, numbers, device)
    first, *others = _groups(links)
    one = Pass(look, first if compiled else _active(first, numbers), is_last=not others)
    opened = _kernel(one, "open", device) if compiled else one.open
    values, mask = opened(given, numbers.low, numbers.high, numbers.words, _drawn(one.run, numbers))
    while others:
        (lone,), run, *others = others
        values = _alone(look, lone, values, mask, numbers, compiled=compiled)
        one = Pass(look, run if compiled else _active(run, numbers), is_last=not others)
        if one.run or one.is_last:
            closed = _kernel(one, "close", device) if compiled else one.close
            values = closed(values, mask, numbers.words, _drawn(one.run, numbers))
    return values, mask


@lru_cache(maxsize=64)
def _kernel(one: Pass, part: Literal["open", "close"], device: str) -> Callable[..., Any]:
    """Return the compiled pass; it is kept for as long as the process lives."""
    return Compiled(one.open if part == "open" else one.close, device)


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
    return tuple(link for link in run if link.stream in numbers.parameters)


def _drawn(run: Run, numbers: Numbers) -> tuple[dict[str, torch.Tensor], ...]:
    """Return the parameters of a run; those that nobody drew change nothing."""
    count = len(numbers.low)
    found = []
    for link in run:
        if (batched := numbers.parameters.get(link.stream)) is None:
            batched = {
                key: torch.tensor([value] * count, device=numbers.low.device)
                for key, value in link.transform.identity().items()
            }
        found.append(dict(batched))
    return tuple(found)


def _alone(
    look: Look, link: Link, values: Views, measured: ViewMask, numbers: Numbers, *, compiled: bool
) -> Views:
    if link.stream not in numbers.parameters:
        return values
    setting = _setting(look, link, numbers.seeds, measured=measured, compiled=compiled)
    return link.transform.apply(values, numbers.parameters[link.stream], setting)


def _setting(
    look: Look,
    link: Link,
    seeds: tuple[int, ...] | torch.Tensor,
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


def _let_vary(given: Samplings, numbers: Numbers, device: str) -> None:
    let_vary(given[0], given[1])
    if device != "cpu":
        let_vary(*given[2:], numbers.low, numbers.high, numbers.words)
        let_vary(*(rows for batched in numbers.parameters.values() for rows in batched.values()))
