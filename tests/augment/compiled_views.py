"""Makes views with and without a compiler and prints how they differ, as JSON.

    python -m tests.augment.compiled_views

A script of its own: the checks of shapes that the tests put around every function cannot be
compiled.
"""

import json
import sys

import numpy as np
import torch
from torch._dynamo.utils import counters

from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.gain import Gamma
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.views import boxes, draw, render

POLICY = Policy(
    name="everything",
    modality="MR_WEIGHTED",
    grid=ViewGrid(size_voxels=(16, 14, 12), spacing_mm=(1.0, 1.1, 1.2)),
    window=PercentileWindow(),
    transforms=(
        Crop(min_overlap=0.3),
        Rotation(max_degrees=30.0),
        Gamma(exponent=(0.8, 1.25), probability=0.5),
        Blur(sigma_mm=(0.3, 0.7), probability=0.5),
        GaussianNoise(sd_hu=(0.01, 0.03), probability=0.5),
    ),
)


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    shapes = [(30, 28, 26), (22, 40, 24), (18, 17, 33), (25, 25, 25), (14, 13, 11), (50, 20, 31)]
    volumes = [rng.integers(0, 1000, (1, *shape)).astype(np.int16) for shape in shapes]
    sources = [
        Source(word=str(number), shape=shape, affine=np.eye(4), low=20.0, high=950.0)
        for number, shape in enumerate(shapes)
    ]
    drawn = draw(POLICY, sources, seed=1, step=2, view=0)
    cuts = boxes(drawn)
    voxels = [volume[:, *box.slices] for volume, box in zip(volumes, cuts, strict=True)]
    plain, plain_mask = render(drawn, voxels)
    made, mask = render(drawn, voxels, compiled=True)
    alone = [
        render(drawn.row(n), [voxels[n]], compiled=True)[0] for n in reversed(range(len(shapes)))
    ]
    graphs = counters["stats"]["unique_graphs"]
    again = draw(POLICY, sources, seed=1, step=3, view=1)
    other = [volume[:, *box.slices] for volume, box in zip(volumes, boxes(again), strict=True)]
    render(again, other, compiled=True)
    found = {
        "off": (made - plain).abs().max().item(),
        "masks_differ_at": int((mask != plain_mask).sum()),
        "seen": mask.float().mean().item(),
        "alone_is_equal": torch.equal(torch.cat(alone[::-1]), made),
        "graphs": graphs,
        "later_graphs": counters["stats"]["unique_graphs"] - graphs,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
