"""Encoders, projectors, objectives and the contrastive method from their settings."""

import torch

from medcl.augment.policy import Policy
from medcl.config.encoder import (
    Densenet121Config,
    EncoderConfig,
    ResidualConfig,
    ResnetConfig,
    SegresnetConfig,
    SwinUnetrConfig,
)
from medcl.config.objective import DclConfig, NtXentConfig, ObjectiveConfig, ProjectorConfig
from medcl.encoders.families import build_encoder
from medcl.encoders.heads import projector
from medcl.encoders.interface import Encoder
from medcl.errors import RequestError
from medcl.methods.contrastive import ContrastiveMethod, Objective
from medcl.objectives.dcl import DCL
from medcl.objectives.nt_xent import NTXent
from medcl.runtime.seeds import derive_seed


def encoder_of(settings: EncoderConfig, *, in_channels: int, seed: int) -> Encoder:
    """Return an encoder with fresh weights.

    Args:
        settings: The family and its options.
        in_channels: ``C`` of the views.
        seed: Decides the weights.

    Returns:
        The encoder, on the CPU, in training mode.

    Example:
        >>> from medcl.config.encoder import ResidualConfig
        >>> encoder_of(ResidualConfig(name="residual", width=8), in_channels=1, seed=0).num_features
        64
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "encoder weights") >> 1)
        match settings:
            case ResidualConfig():
                return build_encoder(
                    "residual",
                    in_channels=in_channels,
                    width=settings.width,
                    blocks=settings.blocks,
                    stem_stride=settings.stem_stride,
                    norm=settings.norm,
                )
            case ResnetConfig():
                return build_encoder(
                    settings.name,
                    in_channels=in_channels,
                    width=settings.width,
                    stem_stride=settings.stem_stride,
                    norm=settings.norm,
                )
            case Densenet121Config():
                return build_encoder("densenet121", in_channels=in_channels, norm=settings.norm)
            case SegresnetConfig():
                return build_encoder(
                    "segresnet",
                    in_channels=in_channels,
                    width=settings.width,
                    norm=settings.norm,
                )
            case SwinUnetrConfig():
                return build_encoder("swin_unetr", in_channels=in_channels, width=settings.width)


def require_sizes(encoder: Encoder, policy: Policy, *, to_pyramid: bool = False) -> None:
    """Refuse views that an encoder cannot take, before any is made.

    Args:
        encoder: Takes the views.
        policy: Says how large they are; local ones are only looked at for pooled features.
        to_pyramid: The encoder is asked for its inner maps.

    Raises:
        RequestError: A view is too small for the encoder, or not a multiple of what it takes.

    Example:
        >>> from medcl.config.encoder import ResidualConfig
        >>> from medcl.augment.defaults import ct_strict
        >>> from medcl.augment.grid import ViewGrid
        >>> small = encoder_of(ResidualConfig(name="residual", width=8), in_channels=1, seed=0)
        >>> grid = ViewGrid(size_voxels=(32, 32, 32), spacing_mm=(2.0, 2.0, 2.0))
        >>> require_sizes(small, ct_strict(grid=grid))
    """
    sizes = {"policy.grid.size_voxels": policy.grid.size_voxels}
    if policy.local is not None and not to_pyramid:
        sizes["policy.local.size_voxels"] = policy.local.size_voxels
    for setting, size in sizes.items():
        if (objection := encoder.objection(size, to_pyramid=to_pyramid)) is not None:
            raise RequestError(f"{setting} must suit the encoder: {objection}")


def objective_of(settings: ObjectiveConfig) -> Objective:
    """Return the loss that settings name.

    Example:
        >>> from medcl.config.objective import DclConfig
        >>> objective_of(DclConfig(name="dcl", temperature=0.1))
        DCL(temperature=0.1)
    """
    match settings:
        case NtXentConfig():
            return NTXent(temperature=settings.temperature)
        case DclConfig():
            return DCL(temperature=settings.temperature)


def method_of(
    *,
    encoder: EncoderConfig,
    head: ProjectorConfig,
    objective: ObjectiveConfig,
    in_channels: int,
    seed: int,
) -> ContrastiveMethod:
    """Return the contrastive method with fresh weights.

    Args:
        encoder: What is kept after pretraining.
        head: The projector.
        objective: The loss.
        in_channels: ``C`` of the views.
        seed: Decides all weights.

    Returns:
        The method, on the CPU.
    """
    network = encoder_of(encoder, in_channels=in_channels, seed=seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "projector weights") >> 1)
        embeddings = projector(
            network.num_features,
            num_embeddings=head.num_embeddings,
            width=head.width,
            depth=head.depth,
            norm=head.norm,
        )
    return ContrastiveMethod(network, embeddings, objective_of(objective))
