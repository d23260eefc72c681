"""Time every transform alone: what deciding a pair of views costs, and what making one costs.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_transforms.py [--size 96] [--turns 15]
        [--compiled] [--only motion,displacement]

All take turns in one process on one thread, and medians of the time on the processor are printed:
of drawing two views of one volume that overlap by half and hold a body, per view, and of rendering
one of them. ``crop`` has no other transform: what the others take beyond it is theirs. Each turn
draws anew, so that chance of a transform is in its median.
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import torch

from medcl.augment.contract import PolicyModality
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.anisotropic_scale import AnisotropicScale
from medcl.augment.transforms.bias_field import BiasField
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.count_noise import CountNoise
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.cutout import Cutout
from medcl.augment.transforms.displacement import Displacement
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.ghosting import Ghosting
from medcl.augment.transforms.gibbs import Gibbs
from medcl.augment.transforms.kernel_change import KernelChange
from medcl.augment.transforms.low_resolution import LowResolution
from medcl.augment.transforms.monotone_map import MonotoneMap
from medcl.augment.transforms.motion import Motion
from medcl.augment.transforms.noise import GaussianNoise, RicianNoise
from medcl.augment.transforms.partial_fov import PartialFov
from medcl.augment.transforms.respiratory_blur import RespiratoryBlur
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.transforms.shear import Shear
from medcl.augment.transforms.slice_dropout import SliceDropout
from medcl.augment.transforms.thick_slice import ThickSlice
from medcl.augment.transforms.translation import Translation
from medcl.augment.transforms.window_jitter import WindowJitter
from medcl.augment.views import Drawn, boxes, draw, render
from medcl.geometry.boxes import Box
from medcl.runtime.memory import keep_freed_memory

EACH: dict[str, tuple[PolicyModality, Transform | None]] = {
    "crop": ("CT", None),
    "rotation": ("CT", Rotation(max_degrees=10.0)),
    "scale": ("CT", Scale(zoom=(0.97, 1.03))),
    "anisotropic_scale": ("PT", AnisotropicScale(zoom=(0.97, 1.03))),
    "shear": ("CT", Shear(max_degrees=2.0)),
    "translation": ("CT", Translation(max_mm=6.0)),
    "displacement": ("CT", Displacement(max_fraction=0.2, spacing_mm=30.0)),
    "gaussian_noise": ("CT", GaussianNoise(sd_hu=(5.0, 20.0))),
    "gaussian_noise, grain": ("CT", GaussianNoise(sd_hu=(5.0, 20.0), peak_per_mm=0.25)),
    "rician_noise": ("MR_WEIGHTED", RicianNoise(sd_fraction=(0.01, 0.05))),
    "count_noise": ("PT", CountNoise(liver_cov=(0.05, 0.12))),
    "blur": ("CT", Blur(sigma_mm=(0.3, 0.8))),
    "kernel_change": ("CT", KernelChange(high_band_gain=(0.6, 1.6))),
    "thick_slice": ("CT", ThickSlice(thickness_mm=(2.0, 5.0))),
    "low_resolution": ("MR_WEIGHTED", LowResolution(voxel_mm=(2.0, 4.0))),
    "slice_dropout": ("MR_WEIGHTED", SliceDropout(fraction=(0.05, 0.1))),
    "respiratory_blur": ("PT", RespiratoryBlur(range_mm=(5.0, 10.0))),
    "gain": ("MR_WEIGHTED", Gain(factor=(0.8, 1.2))),
    "gamma": ("MR_WEIGHTED", Gamma(exponent=(0.8, 1.25))),
    "monotone_map": ("MR_WEIGHTED", MonotoneMap(slope=(1.0, 1.5))),
    "bias_field": ("MR_WEIGHTED", BiasField(strength=(0.05, 0.2))),
    "ghosting": ("MR_WEIGHTED", Ghosting(intensity=(0.05, 0.2))),
    "motion": ("MR_WEIGHTED", Motion(degrees=(0.0, 3.0), mm=(0.0, 3.0))),
    "gibbs": ("MR_WEIGHTED", Gibbs(alpha=(0.1, 0.4))),
    "window_jitter": ("CT", WindowJitter()),
    "partial_fov": ("CT", PartialFov(length_fraction=(0.1, 0.25), lateral_mm=(2.0, 10.0))),
    "cutout": ("CT", Cutout(fraction=(0.05, 0.1), off_lesion=False)),
}


def policy_of(modality: PolicyModality, transform: Transform | None, size: int) -> Policy:
    crop = Crop(min_overlap=0.5, min_body_fraction=0.5)
    return Policy(
        name="alone",
        modality=modality,
        grid=ViewGrid(size_voxels=(size,) * 3, spacing_mm=(1.0, 1.0, 1.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(crop,) if transform is None else (crop, transform),
    )


def pair(policy: Policy, source: Source, step: int) -> tuple[Drawn, Drawn]:
    first = draw(policy, [source], seed=0, step=step, view=0)
    return first, draw(policy, [source], seed=0, step=step, view=1, first=first)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--only", default="", help="names of transforms, with commas between them")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    names = [name for name in EACH if not asked.only or name in ("crop", *asked.only.split(","))]
    length = 2 * asked.size
    voxels = np.random.default_rng(0).normal(0, 200, (1, *(length,) * 3)).astype(np.int16)
    body = Box((length // 10,) * 3, (length - length // 10,) * 3)
    source = Source(word="scan", shape=voxels.shape[1:], affine=np.eye(4), body=body)
    policies = {name: policy_of(*EACH[name], asked.size) for name in names}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(-1, asked.turns):
        for name, policy in policies.items():
            start = time.process_time()
            drawn, _ = pair(policy, source, turn + 1)
            drawn_s = (time.process_time() - start) / 2
            (box,) = boxes(drawn)
            inner = np.ascontiguousarray(voxels[:, *box.slices])
            start = time.process_time()
            render(drawn, [inner], compiled=asked.compiled)
            if turn >= 0:
                times[name].append((drawn_s, time.process_time() - start))
    medians = {name: (np.median(rows, axis=0) * 1e3).tolist() for name, rows in times.items()}
    print(f"one {asked.size}³ view, one thread, medians of {asked.turns}, load", end=" ")
    print(f"{os.getloadavg()[0]:.1f}")
    print(f"{'':24} {'draw':>9} {'render':>9} {'beyond crop':>12}")
    for name, (drawn_ms, made_ms) in medians.items():
        beyond = made_ms - medians["crop"][1]
        print(f"{name:24} {drawn_ms:6.2f} ms {made_ms:6.1f} ms {beyond:9.1f} ms")
    print(json.dumps(medians))
    return 0


if __name__ == "__main__":
    sys.exit(main())
