"""Time one against two reading processes of `medcl ingest` where each has half a core of its own.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_scaling.py

Two readers and the command that writes take three cores. Where there are only two, this says what
they would do with enough: each reader is confined to half the time of a core, by a control group
of the kernel (Linux, version 1 of control groups, root), so that three halves fit on two cores.
The archive and what a further series takes are those of bench_ingest.py; readers have one thread.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))

from bench_ingest import write_archive

CONTROL = Path("/sys/fs/cgroup/cpu")
PERIOD_US = 10_000
MOST_WORKERS = 2


@contextmanager
def half_cores() -> Iterator[list[Path]]:
    """Make a control group per reader; each may use a core half of the time."""
    groups = [CONTROL / f"medcl-reader-{number}" for number in range(MOST_WORKERS)]
    try:
        for group in groups:
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(PERIOD_US // 2))
        yield groups
    finally:
        for group in groups:
            if group.is_dir():
                group.rmdir()


def readers_of(parent: int) -> list[int]:
    """Return the reading processes that a command has started, not their children."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            above = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"medcl.stages.reader" in words and above == parent:
            found.append(int(process.name))
    return sorted(found)


def seconds(command: Sequence[str], groups: Sequence[Path], workers: int) -> float:
    """Return how long a command takes whose readers are confined as soon as they start."""
    start = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    placed: list[int] = []
    while running.poll() is None and len(placed) < workers:
        placed = readers_of(running.pid)
        for reader, group in zip(placed, groups, strict=False):
            (group / "cgroup.procs").write_text(str(reader))
        time.sleep(0.01)
    if running.wait():
        raise SystemExit(f"{' '.join(command)} failed.")
    return time.perf_counter() - start


def main() -> None:
    """Run both in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=9, help="series in the archive")
    parser.add_argument("--runs", type=int, default=3, help="runs of each")
    asked = parser.parse_args()
    if not os.access(CONTROL, os.W_OK):
        raise SystemExit(f"Control groups must be writable at {CONTROL}; they are not.")
    times: dict[tuple[int, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as name, half_cores() as groups:
        folder = Path(name)
        write_archive(folder / "archive", num_series=asked.series)
        medcl = [sys.executable, "-m", "medcl.cli.main"]
        subprocess.run(
            [*medcl, "keys", "new", str(folder / "key")], check=True, capture_output=True
        )
        for _ in range(asked.runs):
            for workers in (1, MOST_WORKERS):
                for is_whole in (True, False):
                    source = folder / "archive" if is_whole else folder / "archive" / "000"
                    command = [*medcl, "ingest", str(source), "--store", str(folder / "store")]
                    command += ["--key-file", str(folder / "key"), "--threads", "1", "--json"]
                    command += ["--workers", str(workers)]
                    took = seconds(command, groups, workers)
                    times.setdefault((workers, is_whole), []).append(took)
                    shutil.rmtree(folder / "store")
    further = {
        workers: (median(times[workers, True]) - median(times[workers, False])) / (asked.series - 1)
        for workers in (1, MOST_WORKERS)
    }
    for workers, further_s in further.items():
        print(
            f"{workers} readers of half a core: all {median(times[workers, True]):.2f} s, one "
            f"series {median(times[workers, False]):.2f} s, each further {further_s:.3f} s"
        )
    print(f"one / two, each further series: {further[1] / further[MOST_WORKERS]:.2f}")


if __name__ == "__main__":
    main()
