"""Time random 96-voxel crops of a 320 x 320 x 256 int16 volume: store, NIfTI, memory map, MONAI.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_store.py

All are measured in turns in one process, opening included, on a warm page cache. MONAI's
`PersistentDataset` has its cache filled before; it loads the whole tensor and cuts the crop out.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
from monai.data import PersistentDataset
from monai.transforms import Compose, EnsureChannelFirst, LoadImage, RandSpatialCrop

from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Accepted, Technical
from medcl.store.store import Store
from medcl.volume import Volume

SHAPE, CROP = (320, 320, 256), 96


def scan() -> np.ndarray:
    """Return air around a noisy ellipsoid, as smooth and as noisy as a CT."""
    rng = np.random.default_rng(0)
    x, y, z = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
    body = np.where(x**2 / 0.8 + y**2 / 0.5 + z**2 / 2 < 1, 40.0, -1000.0)
    return (body + 60 * np.sin(9 * x) * np.cos(7 * y) + rng.normal(0, 12, SHAPE)).astype(np.int16)


def seconds(action: Callable[[tuple[slice, slice, slice]], np.ndarray], box: Box) -> float:
    start = time.perf_counter()
    found = action(box.slices)
    assert found.sum(dtype=np.float64) != 0
    return time.perf_counter() - start


def main() -> None:
    array = scan()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        volume = Volume(array=array[None], affine=np.eye(4), modality="CT", unit="HU")
        accepted = Accepted(
            key="a" * 32,
            patient_key="b" * 32,
            study_key="c" * 32,
            volume=volume,
            technical=Technical(),
            num_files=1,
            fingerprint="f",
        )
        store = Store.create(folder / "store", key_fingerprint="f" * 16)
        start = time.perf_counter()
        store.add(accepted)
        add_s = time.perf_counter() - start
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / "scan.nii.gz")
        np.save(folder / "scan.npy", array)
        (stored,) = (folder / "store").rglob("*.b2nd")
        sizes_mb = [path.stat().st_size / 1e6 for path in (stored, folder / "scan.nii.gz")]

        def from_store(where: tuple[slice, slice, slice]) -> np.ndarray:
            lower, upper = [part.start for part in where], [part.stop for part in where]
            return store.read_box("a" * 32, Box(tuple(lower), tuple(upper)))[0]

        def from_nifti(where: tuple[slice, slice, slice]) -> np.ndarray:
            return np.asarray(nibabel.load(folder / "scan.nii.gz").dataobj[where], np.float32)

        def from_map(where: tuple[slice, slice, slice]) -> np.ndarray:
            return np.load(folder / "scan.npy", mmap_mode="r")[where].astype(np.float32)

        monai = PersistentDataset(
            [str(folder / "scan.nii.gz")],
            Compose(
                [
                    LoadImage(image_only=True, dtype=np.int16),
                    EnsureChannelFirst(),
                    RandSpatialCrop((CROP,) * 3, random_size=False),
                ]
            ),
            cache_dir=folder / "monai",
        )
        monai[0]

        def from_monai(_: tuple[slice, slice, slice]) -> np.ndarray:
            return np.asarray(monai[0][0], np.float32)

        first_s = seconds(from_store, Box((0, 0, 0), (CROP, CROP, CROP)))
        rng = np.random.default_rng(1)
        names = ("store", "nii.gz", "memory map", "MONAI cache")
        times: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(40):
            lower = [int(rng.integers(0, length - CROP + 1)) for length in SHAPE]
            box = Box(tuple(lower), tuple(low + CROP for low in lower))
            times["store"].append(seconds(from_store, box))
            times["memory map"].append(seconds(from_map, box))
            if turn < 8:
                times["nii.gz"].append(seconds(from_nifti, box))
                times["MONAI cache"].append(seconds(from_monai, box))
        middle = {name: float(np.median(values)) * 1e3 for name, values in times.items()}
        print(f"write {add_s:.2f} s, {sizes_mb[0]:.1f} MB (nii.gz {sizes_mb[1]:.1f} MB)")
        print(f"first crop, hash check included: {first_s * 1e3:.1f} ms")
        print("median crop: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in middle.items()))
        print(
            f"store is {middle['nii.gz'] / middle['store']:.0f} x faster than nii.gz, "
            f"{middle['MONAI cache'] / middle['store']:.0f} x faster than MONAI's cache "
            f"and takes {middle['store'] / middle['memory map']:.2f} x the time of the memory map"
        )


if __name__ == "__main__":
    main()
