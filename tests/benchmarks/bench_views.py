"""Time one 96-voxel view with every transform on: medcl, MONAI, TorchIO, batchgeneratorsv2.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_views.py [--size 96] [--turns 15]

All take turns in one process on one thread; medians of the time on the clock and of the time on
the processor are printed: where others use the machine, only the latter means much. Libraries that
are not installed are left out (``pip install -e '.[bench]'``).

The work is the same: rotation by 8 degrees and magnification by 1.05 in one linear interpolation to
the same number of voxels, range → [0, 1], gain 1.1, gamma 0.9, Gaussian blur of 0.7 voxels,
Gaussian noise of 0.02, [0, 1] → [-1, 1] with clipping. Where they differ, the others have the
lighter part: they get float32 voxels that are already cut out (medcl int16), TorchIO, which cannot
change the shape, gets the 96 voxels and not the box around the turned view, and only medcl draws
parameters of distributions, keeps a mask of measured voxels and derives noise from an address. The
means, spreads and roughness of all four outputs are printed and must agree within a tenth.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation
from medcl.augment.transforms.scale import Scale
from medcl.augment.views import boxes, draw, render
from medcl.runtime.memory import keep_freed_memory

DEGREES, ZOOM, GAIN, GAMMA, SIGMA, NOISE = 8.0, 1.05, 1.1, 0.9, 0.7, 0.02
RANGE = 1000.0

Made = Callable[[], torch.Tensor]


def scan(length: int) -> np.ndarray:
    """Return smooth structures and texture from 0 to 1000, shape ``(1, length, …)`` int16."""
    rng = np.random.default_rng(0)
    x, y, z = np.ogrid[0:length, 0:length, 0:length]
    smooth = np.sin(x / 9) * np.cos(y / 7) * np.sin(z / 11 + x / 23)
    noisy = 450 + 280 * smooth + rng.normal(0, 40, (length,) * 3)
    return np.clip(noisy, 0, RANGE).astype(np.int16)[None]


def medcl_views(voxels: np.ndarray, size: int, *, compiled: bool) -> Made:
    policy = Policy(
        name="everything",
        modality="MR_WEIGHTED",
        grid=ViewGrid(size_voxels=(size,) * 3, spacing_mm=(1.0, 1.0, 1.0)),
        window=PercentileWindow(),
        transforms=(
            Rotation(max_degrees=DEGREES),
            Scale(zoom=(ZOOM, ZOOM)),
            Gain(factor=(GAIN, GAIN)),
            Gamma(exponent=(GAMMA, GAMMA)),
            Blur(sigma_mm=(SIGMA, SIGMA)),
            GaussianNoise(sd_hu=(NOISE, NOISE)),
        ),
    )
    source = Source(word="scan", shape=voxels.shape[1:], affine=np.eye(4), low=0.0, high=RANGE)
    ahead = draw(policy, [source], seed=0, step=0, view=0)
    (box,) = boxes(ahead)
    inner = np.ascontiguousarray(voxels[:, *box.slices])

    def made() -> torch.Tensor:
        drawn = draw(policy, [source], seed=0, step=0, view=0)
        return render(drawn, [inner], compiled=compiled)[0][0]

    return made


def monai_views(voxels: np.ndarray, size: int) -> Made:
    from monai import transforms as mt

    turn = math.radians(DEGREES)
    chain = mt.Compose(
        [
            mt.RandAffine(
                prob=1.0,
                rotate_range=((turn, turn), (0.0, 0.0), (0.0, 0.0)),
                scale_range=((1 / ZOOM - 1, 1 / ZOOM - 1),) * 3,
                spatial_size=(size,) * 3,
                mode="bilinear",
                padding_mode="border",
            ),
            mt.ScaleIntensityRange(0.0, RANGE, 0.0, 1.0, clip=False),
            mt.RandScaleIntensity(factors=(GAIN - 1, GAIN - 1), prob=1.0),
            mt.RandAdjustContrast(prob=1.0, gamma=(GAMMA, GAMMA)),
            mt.RandGaussianSmooth((SIGMA, SIGMA), (SIGMA, SIGMA), (SIGMA, SIGMA), prob=1.0),
            mt.RandGaussianNoise(prob=1.0, std=NOISE, sample_std=False),
            mt.ScaleIntensityRange(0.0, 1.0, -1.0, 1.0, clip=False),
            mt.Lambda(lambda view: view.clamp(-1.0, 2.0)),
        ]
    )
    given = torch.from_numpy(voxels.astype(np.float32))
    return lambda: chain(given).as_tensor()


def torchio_views(voxels: np.ndarray, size: int) -> Made:
    import SimpleITK as sitk
    import torchio as tio

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    chain = tio.Compose(
        [
            tio.RandomAffine(
                scales=(ZOOM, ZOOM),
                degrees=(DEGREES, DEGREES, 0, 0, 0, 0),
                isotropic=True,
                default_pad_value="minimum",
            ),
            tio.Lambda(lambda view: view * (GAIN / RANGE)),
            tio.RandomGamma(log_gamma=(math.log(GAMMA), math.log(GAMMA))),
            tio.RandomBlur(std=(SIGMA, SIGMA)),
            tio.RandomNoise(mean=(0, 0), std=(NOISE, NOISE)),
            tio.Lambda(lambda view: (view * 2.0 - 1.0).clamp_(-1.0, 2.0)),
        ]
    )
    given = torch.from_numpy(_middle(voxels, size).astype(np.float32))
    return lambda: chain(given)


def batchgenerators_views(voxels: np.ndarray, size: int) -> Made:
    from batchgeneratorsv2.transforms.intensity.brightness import MultiplicativeBrightnessTransform
    from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
    from batchgeneratorsv2.transforms.intensity.gaussian_noise import GaussianNoiseTransform
    from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
    from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform

    turn = math.radians(DEGREES)
    chain = [
        SpatialTransform(
            (size,) * 3,
            0,
            random_crop=False,
            p_rotation=1.0,
            rotation=lambda *_, dim, **__: turn if dim == 0 else 0.0,
            p_scaling=1.0,
            scaling=(1 / ZOOM, 1 / ZOOM),
            p_synchronize_scaling_across_axes=1.0,
            padding_mode_image="border",
        ),
        lambda image: {"image": image.mul_(1 / RANGE)},
        MultiplicativeBrightnessTransform((GAIN, GAIN), synchronize_channels=True),
        GammaTransform((GAMMA, GAMMA), 0.0, True, 1.0, 0.0),
        GaussianBlurTransform((SIGMA, SIGMA), True, True),
        GaussianNoiseTransform((NOISE, NOISE)),
        lambda image: {"image": image.mul_(2.0).sub_(1.0).clamp_(-1.0, 2.0)},
    ]
    given = torch.from_numpy(voxels.astype(np.float32))

    def made() -> torch.Tensor:
        content = {"image": given}
        for transform in chain:
            content = transform(**content)
        return content["image"]

    return made


def _middle(voxels: np.ndarray, size: int) -> np.ndarray:
    first = (voxels.shape[1] - size) // 2
    inner = slice(first, first + size)
    return voxels[:, inner, inner, inner]


def likeness(view: torch.Tensor) -> dict[str, float]:
    """Return mean, spread and roughness of the middle of a view."""
    edge = view.shape[-1] // 8
    inner = view[0, edge:-edge, edge:-edge, edge:-edge].double()
    rough = (inner[1:] - inner[:-1]).std()
    return {"mean": inner.mean().item(), "sd": inner.std().item(), "rough": rough.item()}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--turns", type=int, default=15)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as every command of medcl does on a CPU; all four gain from it
    voxels = scan(asked.size + asked.size // 2)
    box = _middle(voxels, asked.size + asked.size // 8)  # what the turned view needs
    makers: dict[str, Callable[[], Made]] = {
        "medcl": lambda: medcl_views(voxels, asked.size, compiled=True),
        "medcl, not compiled": lambda: medcl_views(voxels, asked.size, compiled=False),
        "MONAI": lambda: monai_views(box, asked.size),
        "TorchIO": lambda: torchio_views(voxels, asked.size),
        "batchgeneratorsv2": lambda: batchgenerators_views(box, asked.size),
    }
    made: dict[str, Made] = {}
    for name, maker in makers.items():
        try:
            made[name] = maker()
        except ImportError as error:
            print(f"{name} is left out: {error}")
    first_s: dict[str, float] = {}
    looks: dict[str, dict[str, float]] = {}
    for name, make in made.items():
        start = time.perf_counter()
        looks[name] = likeness(make())
        first_s[name] = time.perf_counter() - start
        make()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in made}
    for _ in range(asked.turns):
        for name, make in made.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            make()
            spent = time.perf_counter() - start, time.process_time() - start_cpu
            times[name].append(spent)
    wall, cpu = (
        {name: float(np.median([row[kind] for row in rows])) * 1e3 for name, rows in times.items()}
        for kind in range(2)
    )
    load = os.getloadavg()[0]
    print(f"one {asked.size}³ view, one thread, medians of {asked.turns} turns, load {load:.1f}")
    print(f"{'':20} {'wall':>8} {'':>8} {'CPU':>8} {'':>8} {'first':>8}")
    for name in made:
        look = ", ".join(f"{key} {value:+.3f}" for key, value in looks[name].items())
        print(
            f"{name:20} {wall[name]:5.1f} ms {wall[name] / wall['medcl']:6.2f} x"
            f" {cpu[name]:5.1f} ms {cpu[name] / cpu['medcl']:6.2f} x {first_s[name]:6.1f} s  {look}"
        )
    unlike = [
        name
        for name, look in looks.items()
        if any(abs(look[key] - looks["medcl"][key]) > 0.1 * looks["medcl"]["sd"] for key in look)
    ]
    result = {"wall_ms": wall, "cpu_ms": cpu, "looks": looks, "load": load, "unlike": unlike}
    print(json.dumps(result))
    if unlike:
        print(f"not the same work: {', '.join(unlike)}", file=sys.stderr)
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
