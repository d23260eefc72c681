"""Measure everything that needs a GPU, in one run of about four minutes.

    python tests/benchmarks/bench_gpu.py [--small] [--out FILE.json] [--only SECTION ...]

It writes its own store of 192-voxel volumes and prints a table and one line of JSON. A section
that fails is recorded with its sentence, and the others go on. Without a GPU, or with ``--small``,
it runs the same code on little data: a test of this script, not a measurement. It needs torch,
numpy, blosc2 and what medcl's store needs; MONAI is compared with where it is installed.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from medcl.augment import compiling, views
from medcl.augment.compiling import missing_compiler
from medcl.augment.drawing.source import Source
from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import PercentileWindow
from medcl.augment.policy import Policy
from medcl.augment.rendering import rendering
from medcl.augment.rendering.rendering import Look, finished
from medcl.augment.rendering.sampling import samplings
from medcl.augment.rendering.strip import Strip
from medcl.augment.rendering.strip_building import strip_of
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.catalogue import Transform
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.gain import Gain, Gamma
from medcl.augment.transforms.noise import GaussianNoise
from medcl.augment.transforms.rotation import Rotation

Result = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    volume: int
    view: int
    volumes: int
    pairs: int
    kernel_views: int
    steps: int
    workers: int
    width: int
    monai_views: int


FULL = Size(192, 96, 64, 32, 128, 12, max(1, (os.cpu_count() or 2) - 2), 64, 96)
SMALL = Size(48, 32, 8, 4, 4, 2, 2, 8, 4)


def device_of(name: str) -> torch.device:
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else "cpu")


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_each(action: Callable[[], object], device: torch.device, *, least_s: float) -> float:
    """Return the seconds of one call, among enough that the device is never idle for long."""
    for _ in range(3):
        action()
    wait(device)
    start = time.perf_counter()
    action()
    wait(device)
    once = max(time.perf_counter() - start, 1e-5)
    samples = []
    for _ in range(5):
        count = max(3, int(least_s / once / 5))
        start = time.perf_counter()
        for _ in range(count):
            action()
        wait(device)
        samples.append((time.perf_counter() - start) / count)
    return float(np.median(samples))


def body(number: int, length: int) -> np.ndarray:
    """Return smooth structures and texture from 0 to 1000, as noisy as an MR, int16."""
    rng = np.random.default_rng(number)
    x, y, z = np.ogrid[0:length, 0:length, 0:length]
    phase = rng.uniform(0, 6, 3)
    smooth = np.sin(x / 9 + phase[0]) * np.cos(y / 7 + phase[1]) * np.sin(z / 11 + phase[2])
    noise = rng.standard_normal((length,) * 3, dtype=np.float32) * 25
    return np.clip(450 + 280 * smooth + noise, 0, 1000).astype(np.int16)[None]


def packed_body(job: tuple[int, int]) -> object:
    from medcl.ingest.outcome import Accepted, Technical
    from medcl.store.packing import pack
    from medcl.volume import Volume

    number, length = job
    volume = Volume(array=body(number, length), affine=np.eye(4), modality="MR", unit="a.u.")
    return pack(
        Accepted(
            key=f"{number + 1:032x}",
            patient_key=f"{number + 1:016x}" * 2,
            study_key=f"{number + 1:032x}",
            volume=volume,
            technical=Technical(),
            num_files=1,
            fingerprint="f",
        )
    )


def everything(size: int, *, blur: bool = True) -> Policy:
    transforms: list[Transform] = [
        Crop(min_overlap=0.5),
        Rotation(max_degrees=10.0),
        Gain(factor=(0.9, 1.1)),
        Gamma(exponent=(0.8, 1.25)),
        *([Blur(sigma_mm=(0.3, 0.7))] if blur else []),
        GaussianNoise(sd_hu=(0.01, 0.03)),
    ]
    return Policy(
        name="everything",
        modality="MR_WEIGHTED",
        grid=ViewGrid(size_voxels=(size,) * 3, spacing_mm=(1.0, 1.0, 1.0)),
        window=PercentileWindow(),
        transforms=tuple(transforms),
    )


def without(policy: Policy, *kinds: type[Transform]) -> Policy:
    """Return a policy that lacks some transforms."""
    kept = tuple(each for each in policy.transforms if not isinstance(each, kinds))
    return replace(policy, transforms=kept)


def batch_of(policy: Policy, size: Size, count: int) -> tuple[views.Drawn, Strip]:
    """Return drawn views and the boxes they need, from a few volumes in memory."""
    arrays = [body(number, size.volume) for number in range(min(4, count))]
    sources = [
        Source(word=f"v{n}", shape=arrays[0].shape[1:], affine=np.eye(4), low=0.0, high=1000.0)
        for n in range(count)
    ]
    drawn = views.draw(policy, sources, seed=0, step=0, view=0)
    voxels = [arrays[n % len(arrays)][:, *box.slices] for n, box in enumerate(views.boxes(drawn))]
    return drawn, strip_of(drawn.lattices, voxels, [None] * count)


class Bench:
    """The sections; each returns figures."""

    def __init__(self, size: Size, device: torch.device, folder: Path) -> None:
        self.size, self.device, self.folder = size, device, folder
        self.bandwidth_gb_s = float("nan")
        self.least_s = 1.0 if device.type == "cuda" else 0.02

    def machine(self) -> Result:
        """Say what this runs on."""
        name = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else "CPU: no figure below means much"
        )
        return {
            "device": name,
            "torch": torch.__version__,
            "cores": os.cpu_count() or 0,
            "compiler": missing_compiler(self.device.type) or "present",
        }

    def bandwidth(self) -> Result:
        """Copy within the device's memory, counting bytes read and written."""
        count = 2**30 if self.device.type == "cuda" else 2**24
        source = torch.randint(0, 255, (count,), dtype=torch.uint8, device=self.device)
        target = torch.empty_like(source)
        spent = seconds_each(lambda: target.copy_(source), self.device, least_s=self.least_s)
        self.bandwidth_gb_s = 2 * count / spent / 1e9
        return {"copy_gb_s": self.bandwidth_gb_s}

    def kernel(self) -> Result:
        """Time sampling, gain, gamma, noise, normalisation and mask in one kernel, without host."""
        return self._kernel(everything(self.size.view, blur=False))

    def kernel_without_noise(self) -> Result:
        """Time `kernel` without its noise."""
        return self._kernel(without(everything(self.size.view, blur=False), GaussianNoise))

    def kernel_sampling(self) -> Result:
        """Time `kernel` with sampling, gain and normalisation alone."""
        return self._kernel(without(everything(self.size.view, blur=False), GaussianNoise, Gamma))

    def kernel_tuned(self) -> Result:
        """Time `kernel` with its block sizes tried out by torch's compiler instead of presumed."""
        options = compiling.options_for(self.device.type)
        tuning = {"coordinate_descent_tuning": True} if self.device.type == "cuda" else {}
        rendering._kernel.cache_clear()
        try:
            with mock.patch.dict(options, tuning):
                return self.kernel()
        finally:
            rendering._kernel.cache_clear()

    def kernel_with_blur(self) -> Result:
        """Time the same with a blur in the middle: four kernels instead of one."""
        return self._kernel(everything(self.size.view))

    def _kernel(self, policy: Policy) -> Result:
        drawn, strip = batch_of(policy, self.size, self.size.kernel_views)
        look = Look(drawn.grid, drawn.modality, drawn.window, strip.channels)
        links = views.links_of(drawn)
        given = samplings(strip, device=self.device)
        numbers = views.numbers_of(drawn).to(self.device)
        is_measured = strip.is_measured
        start = time.perf_counter()

        def made() -> tuple[torch.Tensor, torch.Tensor]:
            return finished(look, links, given, numbers, is_measured=is_measured, compiled=True)

        values, mask = made()
        wait(self.device)
        first_s = time.perf_counter() - start
        spent = seconds_each(made, self.device, least_s=self.least_s)
        moved = strip.voxels.nbytes + values.nbytes + mask.nbytes
        floor = moved / (self.bandwidth_gb_s * 1e9)
        count = len(drawn.sources)
        result = {
            "first_call_s": first_s,
            "views": count,
            "all_measured": is_measured,
            "us_per_view": spent / count * 1e6,
            "views_per_s": count / spent,
            "mb_per_view": moved / count / 1e6,
            "gb_s": moved / spent / 1e9,
            "fraction_of_copy_bandwidth": floor / spent,
        }
        with suppress(Exception):
            result["kernels_us_per_view"] = self._kernel_times(made, count)
        return result

    def _kernel_times(self, made: Callable[[], object], count: int) -> dict[str, float]:
        if self.device.type != "cuda":
            return {}
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA]) as trace:
            for _ in range(5):
                made()
            wait(self.device)
        rows = sorted(trace.key_averages(), key=lambda row: -row.device_time_total)
        return {row.key[:60]: row.device_time_total / 5 / count for row in rows[:8]}

    def eager(self) -> Result:
        """Time the same views without a compiler."""
        drawn, strip = batch_of(everything(self.size.view), self.size, self.size.kernel_views // 4)
        there = strip.to(self.device)
        spent = seconds_each(
            lambda: views.render(drawn, there, device=self.device), self.device, least_s=0.3
        )
        return {"views_per_s": len(drawn.sources) / spent}

    def render(self) -> Result:
        """Time `render` as training calls it, voxels on the device, Python included."""
        drawn, strip = batch_of(everything(self.size.view), self.size, self.size.kernel_views)
        there, numbers = strip.to(self.device), views.numbers_of(drawn).to(self.device)

        def made() -> object:
            return views.render(drawn, there, numbers=numbers, device=self.device, compiled=True)

        spent = seconds_each(made, self.device, least_s=self.least_s)
        wait(self.device)
        start = time.perf_counter()
        for _ in range(5):
            made()
        host_s = (time.perf_counter() - start) / 5
        wait(self.device)
        return {
            "views": len(drawn.sources),
            "views_per_s": len(drawn.sources) / spent,
            "host_ms": host_s * 1e3,
        }

    def agreement(self) -> Result:
        """Compare the same views made here compiled and on the CPU as they are."""
        drawn, strip = batch_of(everything(self.size.view), self.size, 4)
        here, mask = views.render(drawn, strip, device=self.device, compiled=True)
        plain, plain_mask = views.render(drawn, strip, device=self.device)
        cpu, cpu_mask = views.render(drawn, strip, device="cpu")
        off = (here.cpu() - cpu).abs()
        return {
            "largest_difference_cpu": off.max().item(),
            "mean_difference_cpu": off.mean().item(),
            "largest_difference_eager": (here - plain).abs().max().item(),
            "masks_differ_at": int((mask.cpu() != cpu_mask).sum() + (mask != plain_mask).sum()),
            "range": [cpu.min().item(), cpu.max().item()],
        }

    def alone(self) -> Result:
        """Compare views made alone, by kernels of their own, with the same views in a batch."""
        drawn, strip = batch_of(everything(self.size.view), self.size, 4)
        here, _ = views.render(drawn, strip, device=self.device, compiled=True)
        alone = [
            views.render(drawn.row(n), strip.row(n), device=self.device, compiled=True)[0]
            for n in range(4)
        ]
        return {"largest_difference": (torch.cat(alone) - here).abs().max().item()}

    def recompiles(self) -> Result:
        """Count kernels that are made anew for other batch sizes and other boxes."""
        from torch._dynamo.utils import counters

        policy = everything(self.size.view)
        before = counters["stats"]["unique_graphs"]
        for count in (2, 3, 5, 8):
            drawn, strip = batch_of(policy, self.size, count)
            views.render(drawn, strip, device=self.device, compiled=True)
        wait(self.device)
        return {"new_graphs": counters["stats"]["unique_graphs"] - before}

    def store(self) -> Result:
        """Write the store that the next sections read."""
        from medcl.store.store import Store

        start = time.perf_counter()
        jobs = [(number, self.size.volume) for number in range(self.size.volumes)]
        context = multiprocessing.get_context("spawn")
        with (
            Store.create(self.folder / "store", key_fingerprint="0" * 16) as store,
            ProcessPoolExecutor(self.size.workers, mp_context=context) as pool,
        ):
            for packed in pool.map(packed_body, jobs):
                store.add_packed(packed)  # type: ignore[arg-type]
        files = list((self.folder / "store").rglob("*.b2nd"))
        size_mb = sum(file.stat().st_size for file in files) / 1e6
        return {
            "volumes": len(files),
            "mb": size_mb,
            "of_raw": size_mb * 1e6 / (len(files) * 2 * self.size.volume**3),
            "write_s": time.perf_counter() - start,
        }

    def feeding(self) -> Result:
        """Time what processors do for a full batch whose cohort is on the device; needs no GPU."""
        from medcl.store.store import Store
        from medcl.training.portions import Reading
        from medcl.training.readers import Readers

        store = Store.open(self.folder / "store", verify="never")
        shape = (FULL.volume,) * 3
        volumes = [replace(row, shape=shape, body=None) for row in store.rows()]
        rows = [volumes[number % len(volumes)] for number in range(FULL.pairs)]
        starts = {row.key: number * FULL.volume**3 for number, row in enumerate(volumes)}
        reading = Reading(store=store, policy=everything(FULL.view), seed=0, starts=starts)
        count, num_views = 20, 2 * len(rows)
        reading.portion(rows, 0)
        start = time.process_time()
        for step in range(count):
            reading.portion(rows, step)
        reader_s = (time.process_time() - start) / count
        readers = Readers(reading, kind="processes", workers=2, volumes=volumes, example=rows)
        try:
            readers.batch(readers.submit(rows, 0), pin=False)
            start = time.process_time()
            for step in range(count):
                readers.batch(readers.submit(rows, step), pin=False)
            feeding_s = (time.process_time() - start) / count
        finally:
            readers.close()
            readers.release()
        return {
            "views": num_views,
            "reader_ms": reader_s * 1e3,
            "feeding_ms": feeding_s * 1e3,
            "views_per_s_of_a_reader": num_views / reader_s,
            "views_per_s_fed": num_views / feeding_s,
        }

    def reader(self, kind: str, *, cache_gib: float = 0.0) -> Any:
        from medcl.store.store import Store
        from medcl.training.batches import BatchReader
        from medcl.training.sampler import PatientSampler

        # Each process would hash each file once; a long run hardly notices, a short one would.
        store = Store.open(self.folder / "store", verify="never")
        pairs = self.size.pairs
        return BatchReader(
            store=store,
            policy=everything(self.size.view),
            sampler=PatientSampler(store.rows(), batch_size=pairs, seed=0),
            rows=slice(0, pairs),
            seed=0,
            workers=self.size.workers,
            prefetch_steps=8,
            device=self.device,
            kind=kind,  # type: ignore[arg-type]
            compiled=True,
            cache_gib=cache_gib,
        )

    def end_to_end(self) -> Result:
        """Draw, read, copy and make views, with nothing else to do."""
        return self._end_to_end("processes", self.size.steps * 4)

    def end_to_end_cached(self) -> Result:
        """Do the same with the cohort kept on the device."""
        return self._end_to_end("processes", self.size.steps * 6, cache_gib=16.0)

    def end_to_end_threads(self) -> Result:
        """Do the same with threads instead of processes, reading from the store."""
        return self._end_to_end("threads", self.size.steps // 2)

    def _end_to_end(self, kind: str, steps: int, *, cache_gib: float = 0.0) -> Result:
        warm = 6 if self.device.type == "cuda" else 2
        waited, rendered = [], []
        with self.reader(kind, cache_gib=cache_gib).batches(0, steps + warm) as batches:
            begun = time.perf_counter()
            start = begun
            for number in range(steps + warm):
                if number == warm:
                    wait(self.device)
                    start = time.perf_counter()
                before = time.perf_counter()
                batch = next(batches)
                waited.append(time.perf_counter() - before)
                before = time.perf_counter()
                batch.render(self.device)
                rendered.append(time.perf_counter() - before)
            wait(self.device)
            spent = time.perf_counter() - start
        return {
            "views_per_s": steps * 2 * self.size.pairs / spent,
            "waited_share": sum(waited[warm:]) / spent,
            "host_ms_per_render": float(np.median(rendered[warm:])) * 1e3,
            "start_s": start - begun,
        }

    def training(self) -> Result:
        """Take the same step of pretraining on real data and on tensors that never change."""
        return self._training(cache_gib=0.0)

    def training_cached(self) -> Result:
        """Do the same with the cohort kept on the device."""
        return self._training(cache_gib=16.0)

    def _training(self, *, cache_gib: float) -> Result:
        from medcl.encoders.heads import projector
        from medcl.encoders.resnet import resnet
        from medcl.methods.contrastive import ContrastiveMethod
        from medcl.objectives.nt_xent import NTXent

        torch.manual_seed(0)
        encoder = resnet(depth=18, width=self.size.width)
        head = projector(encoder.num_features, num_embeddings=128)
        method = ContrastiveMethod(encoder, head, NTXent(temperature=0.2)).to(self.device)
        optimizer = torch.optim.AdamW(method.parameters(), 1e-4)
        is_gpu = self.device.type == "cuda"

        def step(first: torch.Tensor, second: torch.Tensor, ids: torch.Tensor) -> None:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=is_gpu):
                loss = method(first, second, ids).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        shape = (self.size.pairs, 1, *(self.size.view,) * 3)
        resident = [torch.rand(shape, device=self.device) for _ in range(2)]
        ids = torch.arange(self.size.pairs, device=self.device)
        steps, waited, rendered = self.size.steps, [], []
        times: dict[str, list[float]] = {"resident": [], "real": []}
        with self.reader("processes", cache_gib=cache_gib).batches(0, 3 * steps + 3) as batches:
            for _ in range(3):
                step(resident[0], resident[1], ids)
                first, second, keys, *_ = next(batches).render(self.device)
                step(first, second, keys)
            wait(self.device)
            for _ in range(3):
                start = time.perf_counter()
                for _ in range(steps):
                    step(resident[0], resident[1], ids)
                wait(self.device)
                times["resident"].append((time.perf_counter() - start) / steps)
                start = time.perf_counter()
                for _ in range(steps):
                    before = time.perf_counter()
                    batch = next(batches)
                    waited.append(time.perf_counter() - before)
                    before = time.perf_counter()
                    first, second, keys, *_ = batch.render(self.device)
                    rendered.append(time.perf_counter() - before)
                    step(first, second, keys)
                wait(self.device)
                times["real"].append((time.perf_counter() - start) / steps)
        real, still = (float(np.median(times[kind])) for kind in ("real", "resident"))
        return {
            "step_ms_resident": still * 1e3,
            "step_ms_real": real * 1e3,
            "real_over_resident": real / still,
            "views_per_s": 2 * self.size.pairs / real,
            "waited_share": sum(waited) / (sum(times["real"]) * steps),
            "host_ms_per_render": float(np.median(rendered)) * 1e3,
            "pairs": self.size.pairs,
        }

    def monai_on_cpu_workers(self) -> Result:
        """Make views by MONAI in worker processes from boxes in memory: reading costs nothing."""
        from torch.utils.data import DataLoader

        count = self.size.monai_views * 2
        loader = DataLoader(
            MonaiViews(self.size, count),
            batch_size=8,
            num_workers=self.size.workers,
            multiprocessing_context="spawn",
            worker_init_fn=one_thread,
            persistent_workers=True,
        )
        for batch in loader:
            batch.to(self.device)
        start = time.perf_counter()
        for batch in loader:
            batch.to(self.device)
        wait(self.device)
        spent = time.perf_counter() - start
        del loader
        return {"views_per_s": count / spent}

    def monai_on_device(self) -> Result:
        """Make views by MONAI's array transforms of tensors on the device, one after the other."""
        chain = monai_chain(self.size.view)
        length = self.size.view + self.size.view // 8
        box = torch.from_numpy(body(0, length).astype(np.float32)).to(self.device)
        spent = seconds_each(lambda: chain(box), self.device, least_s=self.least_s)
        return {"views_per_s": 1 / spent}


def monai_chain(size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    from monai import transforms as mt

    turn = float(np.radians(10))
    return mt.Compose(
        [
            mt.RandAffine(
                prob=1.0,
                rotate_range=(turn,) * 3,
                spatial_size=(size,) * 3,
                mode="bilinear",
                padding_mode="border",
            ),
            mt.ScaleIntensityRange(0.0, 1000.0, 0.0, 1.0, clip=False),
            mt.RandScaleIntensity(factors=0.1, prob=1.0),
            mt.RandAdjustContrast(prob=1.0, gamma=(0.8, 1.25)),
            mt.RandGaussianSmooth((0.3, 0.7), (0.3, 0.7), (0.3, 0.7), prob=1.0),
            mt.RandGaussianNoise(prob=1.0, std=0.02),
            mt.ScaleIntensityRange(0.0, 1.0, -1.0, 1.0, clip=False),
        ]
    )


def one_thread(_number: int) -> None:
    torch.set_num_threads(1)


class MonaiViews(torch.utils.data.Dataset[torch.Tensor]):
    """Boxes of one volume in memory, changed by MONAI."""

    def __init__(self, size: Size, count: int) -> None:
        self._size, self._count = size, count
        self._volume = torch.from_numpy(body(0, size.volume).astype(np.float32))
        self._chain: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> torch.Tensor:
        self._chain = self._chain or monai_chain(self._size.view)
        length = self._size.view + self._size.view // 8
        first = place % (self._size.volume - length + 1)
        inner = slice(first, first + length)
        view = self._chain(self._volume[:, inner, inner, inner].clone())
        return torch.as_tensor(view).as_subclass(torch.Tensor)


SECTIONS = (
    "machine",
    "bandwidth",
    "store",
    "feeding",
    "end_to_end_cached",
    "training_cached",
    "render",
    "kernel_with_blur",
    "training",
    "end_to_end",
    "agreement",
    "kernel",
    "kernel_tuned",
    "kernel_without_noise",
    "kernel_sampling",
    "monai_on_cpu_workers",
    "monai_on_device",
    "recompiles",
    "alone",
    "eager",
    "end_to_end_threads",
)


def lines(name: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from lines(f"{name}.{key}", inner)
    else:
        yield f"{name:60} {value:,.4g}" if isinstance(value, float) else f"{name:60} {value}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--budget-s", type=float, default=165.0, help="begin no section later")
    parser.add_argument("--only", nargs="*", choices=SECTIONS)
    asked = parser.parse_args()
    device = device_of(asked.device)
    size = SMALL if asked.small or device.type == "cpu" else FULL
    size = replace(size, pairs=asked.pairs or size.pairs)
    results: Result = {}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="medcl-bench-") as name:
        bench = Bench(size, device, Path(name))
        for section in asked.only or SECTIONS:
            start = time.perf_counter()
            if start - begun > asked.budget_s:
                results[section] = {"skipped": "no time was left"}
                continue
            print(f"[{start - begun:6.1f} s] {section} …", flush=True)
            try:
                found = getattr(bench, section)()
            except BaseException as error:  # noqa: BLE001 - the other sections go on
                if isinstance(error, KeyboardInterrupt):
                    break
                traceback.print_exc()
                found = {"failed": f"{type(error).__name__}: {str(error)[:500]}"}
            found["took_s"] = time.perf_counter() - start
            results[section] = found
            print("\n".join(lines(section, found)), flush=True)
            if asked.out is not None:
                asked.out.write_text(json.dumps(results))
            if device.type == "cuda":
                torch.cuda.empty_cache()
    print(json.dumps(results))
    failed = [section for section, found in results.items() if "failed" in found]
    print(f"failed: {', '.join(failed)}" if failed else "every section ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
