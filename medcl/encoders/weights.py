"""Weights into an encoder, with a strict account of every key."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from medcl.encoders.interface import Encoder
from medcl.errors import CheckpointError

_NAMED = 3


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What became of each key.

    Attributes:
        loaded: In both, same shape: taken.
        missing: In the encoder only: left at their fresh values.
        unexpected: In the file only: ignored.
        mismatched: In both, other shape or kind of number: left at their fresh values.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]

    @property
    def is_full_match(self) -> bool:
        """Whether every key of both sides was taken."""
        return not (self.missing or self.unexpected or self.mismatched)

    def __str__(self) -> str:
        """Return counts, with the first few names of what was not taken.

        Example:
            >>> print(KeyReport(("a", "b"), ("c",), (), ()))
            2 loaded, 1 missing (c), 0 unexpected, 0 mismatched
        """
        parts = [f"{len(self.loaded)} loaded"]
        for kind in ("missing", "unexpected", "mismatched"):
            names: tuple[str, ...] = getattr(self, kind)
            more = ", …" if len(names) > _NAMED else ""
            parts.append(
                f"{len(names)} {kind}" + (f" ({', '.join(names[:_NAMED])}{more})" if names else "")
            )
        return ", ".join(parts)


def encoder_weights(encoder: Encoder) -> dict[str, torch.Tensor]:
    """Return the encoder's tensors by the names they have in the MONAI class.

    Args:
        encoder: On any device.

    Returns:
        Contiguous copies on the CPU, by name.
    """
    return {
        encoder.monai.prefix + name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in encoder.network.state_dict().items()
    }


def load_weights(
    encoder: Encoder, weights: Mapping[str, torch.Tensor], *, allow_partial: bool = False
) -> KeyReport:
    """Put tensors into an encoder, in place; nothing is changed when they are refused.

    Args:
        encoder: To be changed.
        weights: By the names of the MONAI class, see `encoder_weights`.
        allow_partial: Take what fits and report the rest, instead of refusing.

    Returns:
        What became of each key.

    Raises:
        CheckpointError: The keys do not all match and ``allow_partial`` is off, or none match.
    """
    prefix = encoder.monai.prefix
    own = {prefix + name: tensor for name, tensor in encoder.network.state_dict().items()}
    shared = [name for name in own if name in weights]
    fits = [name for name in shared if _fit(own[name], weights[name])]
    report = KeyReport(
        loaded=tuple(fits),
        missing=tuple(name for name in own if name not in weights),
        unexpected=tuple(name for name in weights if name not in own),
        mismatched=tuple(name for name in shared if name not in fits),
    )
    if not fits or not (report.is_full_match or allow_partial):
        family = encoder.description["name"]
        raise CheckpointError(f"Weights must match every key of the {family} encoder: {report}.")
    taken = {name.removeprefix(prefix): weights[name] for name in fits}
    encoder.network.load_state_dict(taken, strict=False)
    return report


def _fit(own: torch.Tensor, given: torch.Tensor) -> bool:
    return own.shape == given.shape and own.is_floating_point() == given.is_floating_point()
