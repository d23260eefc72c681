"""A linear probe for label maps: what frozen maps know about single voxels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression

from medcl.adaptation.cases import SegmentationCase, SegmentationTask
from medcl.adaptation.features import frozen
from medcl.adaptation.probe import folded
from medcl.adaptation.segment import OVERLAP, Canvas, Measure, canvas_of, measured
from medcl.augment import views
from medcl.augment.policy import Policy
from medcl.encoders.linear_decoder import LinearDecoder, Pyramid, features_at
from medcl.errors import RequestError
from medcl.runtime import seeds
from medcl.store.rows import VolumeRow

VOXELS_PER_CLASS = 8192
"""Voxels of each class that are learnt from at most, over all labelled volumes."""

INVERSE_STRENGTH = 100.0
"""C of the regression, for every encoder and every number of labels.

Of 1, 100 and 10,000 the best for an untrained and for a pretrained encoder alike, with 1, 3 and 10
labelled patients; tried on training patients of the hippocampus.
"""

_WINDOWS = 4
_LEANINGS = np.arange(0.0, 6.01, 0.25)
"""By how much the logit of the background may be lowered."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ProbedSegmenter:
    """What came of a probe.

    Attributes:
        network: What makes the maps, unchanged, and the linear map of them.
        cases: One per test volume.
    """

    network: LinearDecoder
    cases: list[SegmentationCase]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Sample:
    """Some voxels of one volume; ``weights`` say how many voxels each stands for."""

    features: Float[np.ndarray, "n F"]
    targets: Int[np.ndarray, " n"]
    weights: Float[np.ndarray, " n"]


def probe_segmentation(
    maps: Pyramid,
    task: SegmentationTask,
    *,
    policy: Policy,
    seed: int,
    device: torch.device,
    measure: Measure,
) -> ProbedSegmenter:
    """Fit a logistic regression on the maps at voxels of labelled volumes, and measure the others.

    Of each class as many voxels are drawn from every labelled volume, and each counts for as many
    as it was drawn from, so that the regression sees classes as frequent as they are. Maps of one
    level are brought to one common spread, so that the penalty means the same for all levels. A
    voxel need not be foreground with more than one half of probability for the best Dice: how much
    the background is held back is chosen by the Dice of the voxels that were learnt from.

    Args:
        maps: An encoder, or `medcl.adaptation.voxel_baseline.VoxelPyramid`; on ``device``. Nothing
            in it is trained.
        task: Labelled subset and test volumes.
        policy: Grid and window of the views; none of its transforms is used.
        seed: Of the voxels that are drawn.
        device: Where to compute.
        measure: Dice of each foreground class for a predicted and a true map.

    Returns:
        The probe as a network, and how well it did on each test volume.

    Raises:
        RequestError: A map holds a class that the task does not know, or all voxels are of one.

    References:
        Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016,
        arXiv:1610.01644; of dense features: Oquab et al., "DINOv2", 2023, arXiv:2304.07193.
    """
    share = -(-VOXELS_PER_CLASS // len(task.train))
    assert isinstance(maps, torch.nn.Module)
    with frozen(maps):
        samples = [
            _sample(maps, task, row, policy=policy, seed=seed, share=share, device=device)
            for row in task.train
        ]
        network = _fitted(maps, samples, num_classes=task.num_classes).to(device)
        cases = measured(network, task, policy=policy, device=device, measure=measure)
    return ProbedSegmenter(network=network, cases=cases)


def _sample(
    maps: Pyramid,
    task: SegmentationTask,
    row: VolumeRow,
    *,
    policy: Policy,
    seed: int,
    share: int,
    device: torch.device,
) -> _Sample:
    canvas = canvas_of(store=task.store, row=row, policy=policy, device=device)
    labels = task.store.read_label_map(task.label_set, row.key)
    if (highest := int(labels.max())) >= task.num_classes:
        raise RequestError(
            f"Label maps must hold classes from 0 to {task.num_classes - 1}; a map of the labelled "
            f"subset holds class {highest}."
        )
    (box,) = views.boxes(canvas.drawn)
    cut = np.asarray(labels[box.slices])
    wanted = views.render_labels(canvas.drawn, [cut], device=torch.device("cpu"))[0].numpy()
    wanted = np.where(canvas.mask[0, 0].cpu().numpy(), wanted, -1).ravel()
    draw = seeds.generator(seed, "probe", row.key)
    chosen, weights = [], []
    for value in range(task.num_classes):
        every = np.flatnonzero(wanted == value)
        some = np.sort(draw.permutation(every)[:share])
        chosen.append(some)
        weights.append(np.full(len(some), len(every) / max(1, len(some))))
    flat = np.concatenate(chosen)
    places = np.stack(np.unravel_index(flat, canvas.views.shape[2:]), axis=1)
    return _Sample(
        features=_features(maps, canvas, places, policy.grid.size_voxels),
        targets=wanted[flat],
        weights=np.concatenate(weights),
    )


def _features(
    maps: Pyramid, canvas: Canvas, places: Int[np.ndarray, "n 3"], size: tuple[int, int, int]
) -> Float[np.ndarray, "n F"]:
    """Return the maps at places of the canvas, each seen from the window it is most central in."""
    found = np.zeros((len(places), sum(maps.pyramid_channels)), np.float32)
    jobs = list(_windows(places, canvas.views.shape[2:], size))
    for first in range(0, len(jobs), _WINDOWS):
        some = jobs[first : first + _WINDOWS]
        cuts = [
            canvas.views[
                :, :, *(slice(at, at + step) for at, step in zip(start, size, strict=True))
            ]
            for start, _ in some
        ]
        made = maps.pyramid(torch.cat(cuts))
        for row, (start, members) in enumerate(some):
            inside = torch.from_numpy(places[members] - np.asarray(start)).to(made[0])
            found[members] = features_at(made, row, inside, size).float().cpu().numpy()
    return found


def _windows(
    places: Int[np.ndarray, "n 3"], shape: Sequence[int], size: tuple[int, int, int]
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield the start of each window that some place is most central in, and which places."""
    starts, nearest = [], []
    for axis, (length, step) in enumerate(zip(shape, size, strict=True)):
        stride = max(1, int(step * (1 - OVERLAP)))
        along = np.unique([*range(0, length - step, stride), length - step])
        off = np.abs(places[:, axis, None] - (along + (step - 1) / 2))
        starts.append(along.tolist())
        nearest.append(off.argmin(axis=1))
    which = np.stack(nearest, axis=1)
    for index in product(*(range(len(along)) for along in starts)):
        members = np.flatnonzero((which == index).all(axis=1))
        if len(members):
            yield tuple(starts[axis][index[axis]] for axis in range(3)), members


def _fitted(maps: Pyramid, samples: Sequence[_Sample], *, num_classes: int) -> LinearDecoder:
    features = np.concatenate([sample.features for sample in samples]).astype(np.float64)
    targets = np.concatenate([sample.targets for sample in samples])
    weights = np.concatenate([sample.weights for sample in samples])
    known = np.unique(targets)
    if len(known) < 2:
        raise RequestError(
            f"A probe must see voxels of at least two classes; all {len(targets)} are of one."
        )
    weights *= len(weights) / weights.sum()
    centre = np.average(features, axis=0, weights=weights)
    scale = _spreads(features - centre, weights, maps.pyramid_channels)
    regression = LogisticRegression(C=INVERSE_STRENGTH, max_iter=1000)
    regression.fit((features - centre) / scale, targets, sample_weight=weights)
    probe = folded(regression, num_classes=num_classes, centre=centre, scale=scale)
    bias = probe.bias.copy()
    bias[0] -= _leaning(features @ probe.weight.T + bias, targets, weights)
    return LinearDecoder(maps, probe.weight, bias)


def _leaning(
    logits: Float[np.ndarray, "n K"],
    targets: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
) -> float:
    """Return by how much to lower the background for the best mean Dice, the least of equals."""
    found = []
    for leaning in _LEANINGS:
        picked = (logits - np.eye(1, logits.shape[1])[0] * leaning).argmax(axis=1)
        dice = []
        for value in np.unique(targets[targets > 0]):
            is_found, is_true = picked == value, targets == value
            both = 2 * weights[is_found & is_true].sum()
            dice.append(both / (weights[is_found].sum() + weights[is_true].sum()))
        found.append(np.mean(dice))
    return float(_LEANINGS[int(np.argmax(found))])


def _spreads(
    centred: Float[np.ndarray, "n F"], weights: Float[np.ndarray, " n"], channels: Sequence[int]
) -> Float[np.ndarray, " F"]:
    """Return one divisor per column, the same within a level, that makes variances sum to 1."""
    variances = np.average(centred**2, axis=0, weights=weights)
    parts = np.split(variances, np.cumsum(channels)[:-1])
    divisors = [np.sqrt(part.sum() * len(parts)) or 1.0 for part in parts]
    return np.repeat(divisors, channels)
