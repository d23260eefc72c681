"""Time `medcl ingest`, dcm2niix and dicom2nifti on the same uncompressed DICOM, in turns.

    pip install 'medcl[bench]'
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_ingest.py

The archive is invented: noisy CT of 150 slices of 512 x 512 (the noise decides how long packing
takes). Every run is a whole command in a process of its own, start and imports included, that
writes into a new folder; the page cache is warm. Several series are taken in by one command, as
from an archive, and the first one alone by another: the difference says what each further series
takes, starts left out. medcl hashes, compresses and measures; the others are timed both without
compression and with theirs. One reading process of medcl uses two threads where there are cores
for them; two processes are compared with one at one thread each. Seconds of computing are those
of all processes together: on a busy machine their ratios hold better.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from medcl.io.dicom.writing import write_dicom_series
from medcl.volume import Volume

SLICES, PLANE = 150, 512
DICOM2NIFTI = (
    "import sys, dicom2nifti; dicom2nifti.convert_directory(sys.argv[1], sys.argv[2], "
    "compression=sys.argv[3] == 'gz', reorient=False)"
)


class Runs(NamedTuple):
    """Runs of one contestant: on all series, and on the first one alone."""

    all: list["Seconds"]
    one: list["Seconds"]


class Seconds(NamedTuple):
    """What a command took: by the clock, and of computing in all of its processes."""

    wall: float
    computing: float


Times = dict[str, Runs]


def scan(number: int) -> np.ndarray:
    """Return a trunk with lungs, spine and a table, as smooth and as noisy as a CT, in HU."""
    rng = np.random.default_rng(number)
    x, y = np.meshgrid(np.linspace(-1, 1, PLANE), np.linspace(-1, 1, PLANE), indexing="ij")
    volume = np.empty((PLANE, PLANE, SLICES), np.int16)
    for index in range(SLICES):
        z = 2 * index / SLICES - 1
        plane = np.full((PLANE, PLANE), -1000.0)
        plane[x**2 / 0.62 + y**2 / 0.36 < 1 - 0.1 * z**2] = -95.0
        plane[x**2 / 0.5 + y**2 / 0.27 < 1 - 0.1 * z**2] = 45.0
        for side in (-0.36, 0.36):
            plane[(x - side) ** 2 / 0.06 + y**2 / 0.12 < 1 - z**2] = -860.0
        plane[x**2 + (y - 0.34) ** 2 < 0.009] = 420.0
        plane[(np.abs(x) < 0.7) & (np.abs(y - 0.68) < 0.012)] = -300.0
        plane += 25 * np.sin(9 * x + number) * np.cos(7 * y) * (plane > -200)
        noise = rng.normal(0, 1, plane.shape)
        noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / np.sqrt(3)
        spread = np.where(plane > -1000, 18.0, 6.0)
        volume[:, :, index] = np.clip(np.rint(plane + spread * noise), -1024, 3071)
    return volume


def write_archive(folder: Path, *, num_series: int) -> None:
    """Write the series, one folder each."""
    affine = np.diag([-0.8, -0.8, 1.5, 1.0])
    for number in range(num_series):
        write_dicom_series(
            Volume(array=scan(number)[None], affine=affine, modality="CT", unit="HU"),
            folder / f"{number:03d}",
            patient_id=f"P{number}",
            study_uid=f"1.2.3.{number + 1}",
            series_uid=f"1.2.3.{number + 1}.1",
        )


def commands(archive: Path, key: Path, site: Path | None) -> dict[str, Callable[[Path], list[str]]]:
    """Return what each contestant runs, given an empty folder to write to."""
    if site is not None:
        os.environ["PYTHONPATH"] = f"{os.environ.get('PYTHONPATH', '')}:{site}"
    found = shutil.which("dcm2niix", path=str(site / "bin") if site else None)
    if found is None:
        raise SystemExit("dcm2niix is not there: pip install 'medcl[bench]'.")
    ingest = [sys.executable, "-m", "medcl.cli.main", "ingest", str(archive), "--json"]

    def medcl(workers: int, threads: int) -> Callable[[Path], list[str]]:
        more = ["--key-file", str(key), "--workers", str(workers), "--threads", str(threads)]
        return lambda out: [*ingest, "--store", str(out / "store"), *more]

    def dcm2niix(compression: str) -> Callable[[Path], list[str]]:
        words = ["-z", compression, "-b", "n", "-f", "%j", "-o"]
        return lambda out: [found, *words, str(out), str(archive)]

    def dicom2nifti(compression: str) -> Callable[[Path], list[str]]:
        run = [sys.executable, "-c", DICOM2NIFTI, str(archive)]
        return lambda out: [*run, str(out), compression]

    return {
        "medcl": medcl(1, threads=2),
        "medcl, 1 thread": medcl(1, threads=1),
        "medcl, 2 workers": medcl(2, threads=1),
        "dcm2niix -z n": dcm2niix("n"),
        "dcm2niix -z y": dcm2niix("y"),
        "dicom2nifti": dicom2nifti("no"),
        "dicom2nifti .gz": dicom2nifti("gz"),
    }


def seconds(command: Sequence[str]) -> Seconds:
    """Return how long a command takes; its output is shown where it fails."""
    before, start = computing_s(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return Seconds(elapsed, computing_s() - before)


def computing_s() -> float:
    """Return what all processes that ended below this one have computed, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(times: Times, *, num_series: int, series_bytes: int) -> None:
    """Print medians and ratios: of whole commands, and of each further series."""
    for what in Seconds._fields:
        whole = {
            name: median(getattr(one, what) for one in runs.all) for name, runs in times.items()
        }
        first = {
            name: median(getattr(one, what) for one in runs.one) for name, runs in times.items()
        }
        more = {name: (whole[name] - first[name]) / (num_series - 1) for name in times}
        print(f"\n{what}: {'all':>12} {'one series':>11} {'each further':>13}")
        for name in times:
            rate = series_bytes / more[name] / 1e6
            print(
                f"  {name:17} {whole[name]:6.2f} s {first[name]:9.2f} s {more[name]:11.3f} s"
                f"  ({rate:.0f} MB/s)"
            )
        for words, middle in (("all", whole), ("each further series", more)):
            one = middle["medcl"]
            ratios = {
                "medcl / dcm2niix -z n": one / middle["dcm2niix -z n"],
                "medcl / dcm2niix -z y": one / middle["dcm2niix -z y"],
                "dicom2nifti / medcl": middle["dicom2nifti"] / one,
                "dicom2nifti .gz / medcl": middle["dicom2nifti .gz"] / one,
                "one process / two, of 1 thread": middle["medcl, 1 thread"]
                / middle["medcl, 2 workers"],
            }
            told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
            print(f"  ratios, {words}: {told}")


def main() -> None:
    """Write the archive, run all contestants in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=4, help="series in the archive")
    parser.add_argument("--runs", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--site", type=Path, help="folder of pip install --target, if any")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive, key = Path(folder) / "archive", Path(folder) / "key"
        write_archive(archive, num_series=asked.series)
        series_bytes = sum(path.stat().st_size for path in (archive / "000").iterdir())
        medcl = [sys.executable, "-m", "medcl.cli.main"]
        subprocess.run([*medcl, "keys", "new", str(key)], check=True, capture_output=True)
        every, first = (commands(one, key, asked.site) for one in (archive, archive / "000"))
        times: Times = {name: Runs([], []) for name in every}
        for _ in range(asked.runs):
            for name, runs in times.items():
                for command, found in ((every[name], runs.all), (first[name], runs.one)):
                    out = Path(folder) / "out"
                    out.mkdir()
                    found.append(seconds(command(out)))
                    shutil.rmtree(out)
        print(f"{asked.series} series of {series_bytes / 1e6:.0f} MB, {asked.runs} runs in turns")
        report(times, num_series=asked.series, series_bytes=series_bytes)


if __name__ == "__main__":
    main()
