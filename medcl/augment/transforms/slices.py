"""Averages over slices: how much of each voxel lies in a slab of a given place and width."""

import torch
from jaxtyping import Float

Weights = Float[torch.Tensor, "B size taps"]
Row = Float[torch.Tensor, "B size"]


def slab_weights(
    offsets_mm: Row, width_mm: Float[torch.Tensor, "B 1"], *, spacing_mm: float, radius: int
) -> tuple[Weights, Row]:
    """Return how much of each voxel's neighbours lies in a slab, as parts of the slab.

    Args:
        offsets_mm: Centre of the slab relative to each voxel.
        width_mm: Width of the slab per view, above 0.
        spacing_mm: Size of a voxel along the axis.
        radius: Neighbours that are looked at on each side.

    Returns:
        Weights of the neighbours, and the part of the slab that lies inside of the view.

    Example:
        >>> weights, inside = slab_weights(
        ...     torch.zeros(1, 2), torch.full((1, 1), 2.0), spacing_mm=1.0, radius=1
        ... )
        >>> weights[0, 0].tolist(), inside[0].tolist()
        ([0.25, 0.5, 0.25], [0.75, 0.75])
    """
    size, device = offsets_mm.shape[1], offsets_mm.device
    low, high = offsets_mm - width_mm / 2, offsets_mm + width_mm / 2
    middle = torch.arange(-radius, radius + 1, device=device) * spacing_mm
    first = torch.maximum(low[:, :, None], middle - spacing_mm / 2)
    last = torch.minimum(high[:, :, None], middle + spacing_mm / 2)
    place = torch.arange(size, device=device)
    start = -(place + 0.5) * spacing_mm
    end = (size - 0.5 - place) * spacing_mm
    inside = (torch.minimum(high, end) - torch.maximum(low, start)).clamp_min(0.0)
    return (last - first).clamp_min(0.0) / width_mm[:, :, None], inside / width_mm


def thick_weights(
    size: int,
    width_mm: Float[torch.Tensor, "B 1"],
    phase: Float[torch.Tensor, "B 1"],
    *,
    spacing_mm: float,
) -> Weights:
    """Return weights that average slices over a width and interpolate between them linearly.

    Slices of the given width lie side by side, so the average is the filter before decimation: no
    frequency beyond what the slices can carry is folded back.

    Args:
        size: Voxels along the axis.
        width_mm: Thickness and distance of the slices per view; a voxel or less changes nothing.
        phase: Where the first slice lies, in slices, from 0 to 1.
        spacing_mm: Size of a voxel along the axis.

    Returns:
        Shape ``(B, size, taps)``; each voxel's weights add up to 1 over the voxels of the view.

    Example:
        >>> thick_weights(4, torch.zeros(1, 1), torch.zeros(1, 1), spacing_mm=1.0).sum(2).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    is_thick = width_mm > spacing_mm
    width = torch.where(is_thick, width_mm, spacing_mm)
    place = torch.arange(size, device=width.device) * spacing_mm / width - phase
    part = place - torch.floor(place)
    radius = int(1.5 * float(width.max()) / spacing_mm) + 2
    below, inside_below = slab_weights(-part * width, width, spacing_mm=spacing_mm, radius=radius)
    above, inside_above = slab_weights(
        (1 - part) * width, width, spacing_mm=spacing_mm, radius=radius
    )
    whole = (1 - part) * inside_below + part * inside_above
    weights = (1 - part)[:, :, None] * below + part[:, :, None] * above
    weights = weights / whole.clamp_min(1e-6)[:, :, None]
    itself = torch.zeros_like(weights)
    itself[:, :, radius] = 1.0
    return torch.where(is_thick[:, :, None], weights, itself)
