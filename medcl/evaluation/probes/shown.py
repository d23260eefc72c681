"""One volume shown plainly and with one thing changed, and what encoders make of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.augment.transforms.catalogue import IntensityTransform
from medcl.augment.transforms.gain import Gain
from medcl.augment.transforms.refusable import HuOffset
from medcl.augment.transforms.transform import Parameters
from medcl.augment.views import Drawn
from medcl.encoders.interface import Encoder
from medcl.geometry.affine import rotation
from medcl.store.rows import VolumeRow
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, source_of

Groups = Int[np.ndarray, " n"]
Group = tuple[str, str, Groups | None]
"""Name, title or why there is none, and the group of each volume, -1 for none."""

_FEWEST_PER_GROUP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How values of a modality are shifted by a known amount.

    Attributes:
        name: ``hu_offset`` or ``gain``.
        title: For people.
        reach: Largest amount either way: HU, or the logarithm of the factor.
        transform: What changes values.
    """

    name: str
    title: str
    reach: float
    transform: IntensityTransform

    def parameters(self, amount: float) -> Parameters:
        """Return what the transform would have drawn."""
        if self.name == "hu_offset":
            return {"offset_hu": (amount,)}
        return {"factor": (float(np.exp(amount)),)}


_OFFSET = Shift(
    name="hu_offset",
    title="density (offset of up to 50 HU)",
    reach=50.0,
    transform=HuOffset(offset_hu=(-50.0, 50.0)),
)
_GAIN = Shift(
    name="gain",
    title="brightness (gain of up to 25 %)",
    reach=float(np.log(1.25)),
    transform=Gain(factor=(0.8, 1.25)),
)


def shifts_of(policy: Policy) -> Shift | None:
    """Return how values are shifted: an offset on CT, a gain on MR and PET, nothing on shapes."""
    return {"CT": _OFFSET, "OT": None}.get(policy.modality, _GAIN)


@dataclass(frozen=True, slots=True)
class Shower:
    """Shows volumes to encoders.

    Attributes:
        store: Where the voxels are.
        policy: Gives grid and window.
        device: Where to compute.
    """

    store: Store
    policy: Policy
    device: torch.device

    def features(
        self, encoders: Sequence[Encoder], row: VolumeRow, variants: Sequence[Mapping[str, float]]
    ) -> list[Float[np.ndarray, "variants F"]]:
        """Return what encoders make of the middle of a volume, changed in several ways.

        Args:
            encoders: In evaluation mode, on the device.
            row: The volume.
            variants: Each ``mirror`` (left to right), ``turn`` (degrees about the long axis of the
                body), ``zoom`` (times) or ``shift`` (see `Shift`); empty for the plain view.

        Returns:
            Features of each encoder, one row per variant.
        """
        drawn = [self._changed(row, variant) for variant in variants]
        contents = read_boxes(self.store, row.key, [views.boxes(each)[0] for each in drawn])
        shown = []
        for each, (voxels, known), variant in zip(drawn, contents, variants, strict=True):
            view, _mask = views.render(each, [voxels], [known], device=self.device)
            # Flipped as it was sampled: interpolation must not betray the mirror image.
            shown.append(view.flip(2) if "mirror" in variant else view)
        batch = torch.cat(shown)
        with torch.no_grad():
            return [encoder(batch).double().cpu().numpy() for encoder in encoders]

    def _changed(self, row: VolumeRow, variant: Mapping[str, float]) -> Drawn:
        plain = views.plain(self.policy, [source_of(row)])
        linear = np.eye(3) * variant.get("zoom", 1.0)
        linear = rotation(np.array([0.0, 0.0, variant.get("turn", 0.0)]))[:3, :3] @ linear
        changed = replace(plain, poses=(replace(plain.poses[0], linear=linear),))
        shift = shifts_of(self.policy)
        if "shift" not in variant or shift is None:
            return changed
        return replace(
            changed,
            intensities={shift.name: shift.transform},
            parameters=({shift.name: shift.parameters(variant["shift"])},),
        )


def groups_of(rows: Sequence[VolumeRow]) -> list[Group]:
    """Return how volumes fall into groups that no disease makes: scanner and protocol.

    Args:
        rows: Volumes.

    Returns:
        Scanner maker, field strength or kernel, slice spacing; with why a group is missing.
    """
    spacing = np.array([max(row.spacing_mm) for row in rows])
    wide = ["wide" if value > np.median(spacing) else "narrow" for value in spacing]
    asked: list[tuple[str, str, Sequence[object]]] = [
        ("manufacturer", "maker of the scanner", [row.technical.manufacturer for row in rows]),
        ("field_strength", "field strength", [row.technical.field_strength_t for row in rows]),
        ("kernel", "reconstruction kernel", [row.technical.kernel for row in rows]),
        ("spacing", "slice spacing (above the median or not)", wide),
    ]
    return [
        (name, title, groups)
        if (groups := _grouped(rows, words)) is not None
        else (name, f"The volumes do not fall into groups by {title}.", None)
        for name, title, words in asked
    ]


def _grouped(rows: Sequence[VolumeRow], words: Sequence[object]) -> Groups | None:
    """Return group numbers, -1 for rare and unknown ones, or ``None`` for less than two groups."""
    patients: Counter[object] = Counter()
    for word in {(row.patient_key, word) for row, word in zip(rows, words, strict=True)}:
        patients[word[1]] += 1
    large = sorted(
        (str(word), word)
        for word, count in patients.items()
        if count >= _FEWEST_PER_GROUP and word is not None
    )
    if len(large) < 2:
        return None
    numbers = {word: number for number, (_, word) in enumerate(large)}
    return np.array([numbers.get(word, -1) for word in words])
