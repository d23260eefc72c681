"""Rows of every rank on every rank, with the gradient that makes many processes equal to one."""

from typing import Any

import torch
from torch import distributed


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  (torch's own type)
        ctx.num_rows = len(rows)
        return _gather(rows)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        summed = gradient.contiguous().clone()
        distributed.all_reduce(summed)
        start = distributed.get_rank() * ctx.num_rows
        return summed[start : start + ctx.num_rows]


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows of all ranks, in the order of ranks; without other ranks, the rows given.

    The gradient of a row is the *sum* over ranks of what each rank's loss says about it. When
    every rank computes the loss over all rows, and the gradients of parameters are averaged over
    ranks as ``DistributedDataParallel`` does, the two cancel: loss and gradient are those of one
    process that holds the whole batch. Averaging here instead would scale gradients by one over
    the number of ranks, and a gather without gradient would bend them.

    Args:
        rows: Shape ``(N, ...)``, the same on every rank. Integers travel too, without gradient.

    Returns:
        Shape ``(W * N, ...)`` for ``W`` ranks.

    Example:
        >>> gather_rows(torch.ones(3, 2)).shape
        torch.Size([3, 2])
    """
    if num_ranks() == 1:
        return rows
    if rows.requires_grad:
        gathered: torch.Tensor = _GatherRows.apply(rows)  # type: ignore[no-untyped-call]
        return gathered
    return _gather(rows)


def num_ranks() -> int:
    """Return how many processes train together."""
    together = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if together else 1


def _gather(rows: torch.Tensor) -> torch.Tensor:
    parts = [torch.empty_like(rows) for _ in range(num_ranks())]
    distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
