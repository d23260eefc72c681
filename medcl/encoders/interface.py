"""What every encoder gives: pooled features for a view, and a pyramid for a decoder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from medcl.shapes import Features, Views

Stages = Callable[[nn.Module, torch.Tensor], list[torch.Tensor]]
"""``(network, views) -> maps``, fine to coarse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MonaiCall:
    """How anyone makes the same network with MONAI alone.

    Attributes:
        network: Class in ``monai.networks.nets``.
        options: Its keyword arguments.
        adaptations: Python statements on ``network`` that follow, each on one line.
        prefix: Where the encoder's weights sit in that class, ``""`` or ``"part."``.
    """

    network: str
    options: Mapping[str, object]
    adaptations: tuple[str, ...] = ()
    prefix: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The maps an encoder makes and the view sizes it takes.

    Attributes:
        channels: Channels of each map, fine to coarse; the last one is ``F``.
        strides: Voxels of the view per voxel of each map, fine to coarse.
        feature_multiple: View sizes must be a multiple of it for pooled features; for the pyramid
            they must be a multiple of the coarsest stride.
        smallest: Fewest voxels along any axis.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    feature_multiple: int = 1
    smallest: int = 1


class Encoder(nn.Module):
    """A MONAI network that is asked for its features and its inner maps.

    The features are the mean over the coarsest map. No layer looks from one sample to another
    unless the family was built with ``norm="batch"``, so that a feature depends on its own view
    alone: in chunks, over ranks and at evaluation it is the same.

    Attributes:
        network: The MONAI module; holds every parameter.
        in_channels: ``C`` of the views.
        num_features: ``F``.
        pyramid_channels: Channels of each map, fine to coarse.
        pyramid_strides: Voxels of the view per voxel of each map, fine to coarse.
        size_multiple: View sizes for `pyramid` must be a multiple of it.
        monai: How to make the same network with MONAI alone.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        stages: Stages,
        layout: Layout,
        description: Mapping[str, object],
        in_channels: int,
        monai: MonaiCall,
    ) -> None:
        """Wrap a network; families call this, others call `medcl.encoders.families`."""
        super().__init__()
        self.network = network
        self.in_channels = in_channels
        self.num_features = layout.channels[-1]
        self.pyramid_channels = layout.channels
        self.pyramid_strides = layout.strides
        self.size_multiple = layout.strides[-1]
        self.monai = monai
        self._stages = stages
        self._layout = layout
        self._description = dict(description)

    def forward(self, views: Views) -> Features:
        """Return one feature vector per view.

        Args:
            views: Shape ``(B, C, X, Y, Z)``, normalised as the policy says, without unit.

        Returns:
            Shape ``(B, F)``: the coarsest map averaged over space.

        Raises:
            ValueError: The channels or the size are not what this encoder takes.
        """
        self._check(views, to_pyramid=False)
        return self._stages(self.network, views)[-1].mean(dim=(2, 3, 4))

    def pyramid(self, views: Views) -> list[torch.Tensor]:
        """Return the inner maps, fine to coarse.

        Args:
            views: Shape ``(B, C, X, Y, Z)``; sizes are multiples of ``size_multiple``.

        Returns:
            For each level ``l`` a map of shape ``(B, pyramid_channels[l], X / s, Y / s, Z / s)``
            with ``s = pyramid_strides[l]``.

        Raises:
            ValueError: The channels or the size are not what this encoder takes.
        """
        self._check(views, to_pyramid=True)
        return self._stages(self.network, views)

    @property
    def description(self) -> dict[str, object]:
        """Name and options, JSON values only; `medcl.encoders.families.rebuild` takes it."""
        return dict(self._description)

    def objection(self, size: Sequence[int], *, to_pyramid: bool = False) -> str | None:
        """Return why views of a size cannot be taken, as a sentence, or ``None`` if they can.

        Args:
            size: Voxels per axis.
            to_pyramid: Ask for the inner maps, not for pooled features.
        """
        multiple = self.size_multiple if to_pyramid else self._layout.feature_multiple
        if min(size) >= self._layout.smallest and not any(voxels % multiple for voxels in size):
            return None
        steps = f", in multiples of {multiple}" if multiple > 1 else ""
        return (
            f"{self._description['name']} takes views of at least {self._layout.smallest} voxels "
            f"per axis{steps}, got {' x '.join(map(str, size))}."
        )

    def _check(self, views: torch.Tensor, *, to_pyramid: bool) -> None:
        if views.shape[1] != self.in_channels:
            name = self._description["name"]
            raise ValueError(
                f"{name} takes views of {self.in_channels} channels, got {views.shape[1]}."
            )
        objection = self.objection(views.shape[2:], to_pyramid=to_pyramid)
        if objection is not None:
            raise ValueError(objection)
