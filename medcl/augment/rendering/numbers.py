"""Numbers: what differs from view to view, as two small tables that are moved in one go.

A reader fills them, so that the process that trains makes no tensor of single numbers, each of
which a GPU would have to be waited for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from medcl.augment.random_field import Words, seed_words
from medcl.augment.transforms.catalogue import IntensityTransform
from medcl.augment.transforms.transform import Parameters

Columns = tuple[tuple[str, int, int], ...]
"""Of each parameter of a transform: its name, its first column, and the one after its last."""

NUM_ENDS = 2
"""Columns before all parameters: the low and the high end of each volume's range."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Numbers:
    """What differs from view to view.

    Attributes:
        table: Ends of each volume's range, then the parameters of every transform.
        words: Seeds of each view's noise, see `medcl.augment.random_field.seed_words`.
        active: Per view and transform of intensity, whether it changes anything; on the CPU.
    """

    table: Float[torch.Tensor, "B K"]
    words: Words
    active: Bool[np.ndarray, "B S"]

    def __reduce__(self) -> tuple[object, ...]:
        """Return how another process gets them: by value, since they are small."""
        return _received, (self.table.numpy(), self.words.numpy(), self.active)

    def row(self, place: int) -> "Numbers":
        """Return the numbers of one view; nothing is copied."""
        here = slice(place, place + 1)
        return Numbers(table=self.table[here], words=self.words[here], active=self.active[here])

    def is_active(self, stream: int) -> bool:
        """Return whether a transform changes any view."""
        return bool(self.active[:, stream].any())

    def pinned(self) -> "Numbers":
        """Return the numbers in memory from which a GPU copies while other work goes on."""
        return replace(self, table=self.table.pin_memory(), words=self.words.pin_memory())

    def to(self, device: torch.device) -> "Numbers":
        """Return the numbers on a device."""
        table = self.table.to(device, non_blocking=True)
        return replace(self, table=table, words=self.words.to(device, non_blocking=True))

    def record(self, stream: torch.cuda.Stream) -> None:
        """Keep their memory on a GPU until a stream has used it."""
        self.table.record_stream(stream)
        self.words.record_stream(stream)

    @staticmethod
    def joined(parts: "Sequence[Numbers]") -> "Numbers":
        """Return the numbers of views of one policy as one."""
        return Numbers(
            table=torch.cat([part.table for part in parts]),
            words=torch.cat([part.words for part in parts]),
            active=np.concatenate([part.active for part in parts]),
        )


def _received(table: np.ndarray, words: np.ndarray, active: np.ndarray) -> Numbers:
    return Numbers(table=torch.from_numpy(table), words=torch.from_numpy(words), active=active)


def tabled(
    ranges: Sequence[tuple[float, float]],
    transforms: Mapping[str, IntensityTransform],
    drawn: Sequence[Mapping[str, Parameters]],
    seeds: Sequence[int],
) -> Numbers:
    """Return what was drawn as tables.

    Args:
        ranges: Low and high end of each view's volume.
        transforms: Of intensity, by their name in what was drawn.
        drawn: Parameters per view, by transform.
        seeds: Per view.

    Returns:
        The numbers, on the CPU.
    """
    still = {name: transform.identity() for name, transform in transforms.items()}
    rows = [
        [*ends, *(number for name in still for key in still[name] for number in row[name][key])]
        for ends, row in zip(ranges, drawn, strict=True)
    ]
    active = [[row[name] != identity for name, identity in still.items()] for row in drawn]
    return Numbers(
        table=torch.tensor(rows, dtype=torch.float32),
        words=seed_words(seeds),
        active=np.array(active, dtype=bool).reshape(len(rows), len(still)),
    )


def columns_of(transforms: Sequence[IntensityTransform]) -> tuple[Columns, ...]:
    """Return where in the table each transform finds its parameters.

    Example:
        >>> from medcl.augment.transforms.gain import Gain, Gamma
        >>> columns_of([Gain(factor=(0.9, 1.1)), Gamma(exponent=(0.8, 1.25))])
        ((('factor', 2, 3),), (('exponent', 3, 4),))
    """
    found, start = [], NUM_ENDS
    for transform in transforms:
        own = []
        for key, values in transform.identity().items():
            own.append((key, start, start + len(values)))
            start += len(values)
        found.append(tuple(own))
    return tuple(found)


def parameters_of(table: torch.Tensor, columns: Columns) -> dict[str, torch.Tensor]:
    """Return the parameters of one transform, a row per view."""
    return {key: table[:, first:end] for key, first, end in columns}
