"""Compare steps of pretraining on real data with the same steps on tensors that never change.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_pretrain.py [--data FOLDER] [--rounds 6]

Real data are views of AdrenalMNIST3D (``--data``, with one ``.npz`` as MedMNIST has it) or,
without it, of 64-voxel volumes that are made up; both are read from a store that is written first.
All kinds of steps take turns in one process:

- resident: forward, backward and optimiser on two batches of random tensors that stay in memory;
- real: the batch is read ahead by `BatchReader`, its views are made, then the same step.

On a CPU making views takes the time of the cores that train, so two ratios are printed: of all of
it, and of the time without making views, which is what reading, decompressing, drawing and waiting
cost a step. Processor time is printed beside the time on the clock, for machines that are shared.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.blur import Blur
from medcl.augment.transforms.crop import Crop
from medcl.augment.transforms.rotation import Rotation
from medcl.encoders.heads import projector
from medcl.encoders.residual import residual
from medcl.ingest.outcome import Accepted, Technical
from medcl.methods.contrastive import ContrastiveMethod
from medcl.objectives.nt_xent import NTXent
from medcl.runtime.memory import keep_freed_memory
from medcl.store.store import Store
from medcl.training.batches import BatchReader
from medcl.training.readers import ReaderKind
from medcl.training.sampler import PatientSampler
from medcl.volume import Volume

VIEW, COUNT = 48, 64


def volumes(data: Path | None) -> list[np.ndarray]:
    """Return 64 volumes of 64 voxels per axis, int16 from 0 to 1000."""
    if data is not None:
        (file,) = data.glob("*.npz")
        with np.load(file) as content:
            found = content["train_images"][:COUNT]
        return [(each > 0).astype(np.int16) * 1000 for each in found]
    rng = np.random.default_rng(0)
    x, y, z = np.ogrid[0:64, 0:64, 0:64]
    smooth = np.sin(x / 9) * np.cos(y / 7) * np.sin(z / 11)
    return [
        (450 + 280 * smooth + rng.normal(0, 30, smooth.shape)).astype(np.int16)
        for _ in range(COUNT)
    ]


def build_store(folder: Path, data: Path | None) -> Store:
    store = Store.create(folder, key_fingerprint="0" * 16)
    for number, array in enumerate(volumes(data), 1):
        volume = Volume(array=array[None], affine=np.eye(4), modality="CT", unit="HU")
        accepted = Accepted(
            key=f"{number:032x}",
            patient_key=f"{number:016x}" * 2,
            study_key=f"{number:032x}",
            volume=volume,
            technical=Technical(),
            num_files=1,
            fingerprint="f",
        )
        store.add(accepted, accept_duplicates=True)
    store.close()
    return Store.open(folder)


def main() -> int:  # noqa: PLR0915 - one measurement from top to bottom
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--readers", choices=("threads", "processes"), default="threads")
    parser.add_argument("--no-compile", action="store_true")
    asked = parser.parse_args()
    keep_freed_memory()
    device = torch.device("cpu")
    policy = Policy(
        name="benchmark",
        modality="CT",
        grid=ViewGrid(size_voxels=(VIEW,) * 3, spacing_mm=(1.0, 1.0, 1.0)),
        window=FixedWindow(low=0.0, high=1000.0),
        transforms=(Crop(min_overlap=0.5), Rotation(max_degrees=10.0), Blur(sigma_mm=(0.0, 0.6))),
    )
    torch.manual_seed(0)
    encoder = residual(width=asked.width)
    head = projector(encoder.num_features, num_embeddings=64)
    method = ContrastiveMethod(encoder, head, NTXent(temperature=0.2))
    optimizer = torch.optim.AdamW(method.parameters(), 1e-4)

    def step(first: torch.Tensor, second: torch.Tensor, ids: torch.Tensor) -> None:
        method(first, second, ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    resident = [torch.rand(asked.pairs, 1, VIEW, VIEW, VIEW) for _ in range(2)]
    resident_ids = torch.arange(asked.pairs)
    wall: dict[str, list[float]] = {"resident": [], "real": [], "views": [], "waiting": []}
    cpu: dict[str, list[float]] = {"resident": [], "real": [], "views": []}
    with tempfile.TemporaryDirectory() as name:
        store = build_store(Path(name) / "store", asked.data)
        kind: ReaderKind = asked.readers
        reader = BatchReader(
            store=store,
            policy=policy,
            sampler=PatientSampler(store.rows(), batch_size=asked.pairs, seed=0),
            rows=slice(0, asked.pairs),
            seed=0,
            workers=asked.workers,
            prefetch_steps=2,
            kind=kind,
            compiled=not asked.no_compile,
        )
        total = asked.rounds * asked.steps + 2
        with reader.batches(0, total) as batches:
            for _ in range(2):
                first, second, ids, *_ = next(batches).render(device)
                step(first, second, ids)
                step(resident[0], resident[1], resident_ids)
            for _ in range(asked.rounds):
                start, start_cpu = time.perf_counter(), time.process_time()
                for _ in range(asked.steps):
                    step(resident[0], resident[1], resident_ids)
                wall["resident"].append((time.perf_counter() - start) / asked.steps)
                cpu["resident"].append((time.process_time() - start_cpu) / asked.steps)
                start, start_cpu = time.perf_counter(), time.process_time()
                made = made_cpu = waited = 0.0
                for _ in range(asked.steps):
                    before = time.perf_counter()
                    batch = next(batches)
                    waited += time.perf_counter() - before
                    before, before_cpu = time.perf_counter(), time.thread_time()
                    first, second, ids, *_ = batch.render(device)
                    made += time.perf_counter() - before
                    made_cpu += time.thread_time() - before_cpu
                    step(first, second, ids)
                wall["real"].append((time.perf_counter() - start) / asked.steps)
                cpu["real"].append((time.process_time() - start_cpu) / asked.steps)
                wall["views"].append(made / asked.steps)
                cpu["views"].append(made_cpu / asked.steps)
                wall["waiting"].append(waited / asked.steps)
    clock = {key: float(np.median(values)) for key, values in wall.items()}
    spent = {key: float(np.median(values)) for key, values in cpu.items()}
    rows = {
        "clock": (clock, clock["real"] - clock["views"]),
        "processor": (spent, spent["real"] - spent["views"]),
    }
    for label, (times, rest) in rows.items():
        parts = ", ".join(f"{key} {value * 1e3:.0f} ms" for key, value in times.items())
        print(
            f"{label}: {parts}; real / resident {times['real'] / times['resident']:.3f}, "
            f"without making views {rest / times['resident']:.3f}"
        )
    print(f"share of steps spent waiting {clock['waiting'] / clock['real']:.4f}")
    print(json.dumps({"wall_s": clock, "cpu_s": spent, "load": os.getloadavg()[0]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
