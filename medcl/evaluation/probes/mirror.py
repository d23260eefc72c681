"""How alike a volume and its mirror image are to an encoder, without any probe."""

from dataclasses import dataclass

import numpy as np

from medcl.evaluation.probes.linear_probe import Features, Values

TURN_DEGREES = 10.0
"""What the mirror image is compared with: the volume turned by so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """How alike a volume and its mirror image are to the encoder, beside one that is turned.

    Attributes:
        cos_mirrored: Mean cosine of features of a volume and its mirror image, features centred
            over volumes.
        cos_rotated: Likewise of a volume and itself turned by 10 degrees.
        difference: Mean of rotated minus mirrored; near 0 where sides look alike.
        difference_interval: Its 95 % interval, by bootstrap over patients.
        sentence: What it means.
    """

    cos_mirrored: float
    cos_rotated: float
    difference: float
    difference_interval: tuple[float, float]
    sentence: str


def mirror_of(features: Features, owners: Values) -> Mirror:
    """Return how a mirror image looks to an encoder.

    Args:
        features: Per volume, of its plain view, its mirror image and the turned one.
        owners: Patient of each volume.

    Returns:
        Cosines and what they mean.
    """
    centred = features[:, :3] - features[:, :1].mean(axis=0)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-12)
    mirrored = (unit[:, 0] * unit[:, 1]).sum(axis=-1)
    rotated = (unit[:, 0] * unit[:, 2]).sum(axis=-1)
    gap = rotated - mirrored
    per_patient = np.array([gap[owners == owner].mean() for owner in np.unique(owners)])
    picks = np.random.default_rng(0).integers(0, len(per_patient), (1000, len(per_patient)))
    low, high = np.percentile(per_patient[picks].mean(axis=1), [2.5, 97.5]).tolist()
    seen = "a mirror image looks less like the volume than a turned one: side is seen"
    if low <= 0:
        seen = "a mirror image looks as much like the volume as a turned one: side is not seen"
    return Mirror(
        cos_mirrored=float(mirrored.mean()),
        cos_rotated=float(rotated.mean()),
        difference=float(per_patient.mean()),
        difference_interval=(low, high),
        sentence=(
            f"Cosine of a volume with its mirror image {mirrored.mean():.2f}, with itself turned "
            f"by {TURN_DEGREES:g} degrees {rotated.mean():.2f} (difference {gap.mean():.2f} "
            f"[{low:.2f}, {high:.2f}]): {seen}."
        ),
    )
