"""A file that asks for too much costs itself, with LIMIT_EXCEEDED; everything else is taken in."""

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from medcl.ingest import archive as archive_steps
from medcl.io.limits import MAX_FILE_BYTES, MAX_INFLATED_BYTES
from medcl.io.refusal import ReasonCode
from medcl.runtime.confinement import ChildLimits
from medcl.store.store import Store
from tests.stages.ingest_process import Archive, small_archive

MIB = 2**20


def slice_of(archive: Archive) -> pydicom.FileDataset:
    """Return a sound slice, of a series of its own."""
    image = pydicom.dcmread(sorted((archive.folder / "s0").iterdir())[0])
    image.SeriesInstanceUID, image.SOPInstanceUID = "1.2.3.77", "1.2.3.77.1"
    return image


def written(image: pydicom.FileDataset) -> bytes:
    file = BytesIO()
    image.save_as(file)
    return file.getvalue()


def deflated(image: pydicom.FileDataset, size: int) -> bytes:
    """Return a small file that inflates to ``size`` bytes of zeros before its pixels."""
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    sound = written(image)
    start = sound.index(b"1.2.840.10008.1.2.1.99") + 22
    length = struct.unpack_from("<I", sound, 140)[0]
    start = 144 + length
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(struct.pack("<HH2sHI", 0x0009, 0x1001, b"OB", 0, size))
    for _ in range(size // MIB):
        packed += packer.compress(bytes(MIB))
    return sound[:start] + packed + packer.flush()


def nested(image: pydicom.FileDataset) -> bytes:
    head = struct.pack("<HH2sHIHHI", 0x0040, 0x0275, b"SQ", 0, 2**32 - 1, 0xFFFE, 0xE000, 2**32 - 1)
    ends = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    content = written(image)
    at = content.rindex(b"\xe0\x7f\x10\x00")
    return content[:at] + head * 1000 + ends * 1000 + content[at:]


def wide(image: pydicom.FileDataset) -> bytes:
    image.Rows = image.Columns = 65_535
    return written(image)


def sparse(path: Path, head: bytes) -> None:
    path.write_bytes(head)
    os.truncate(path, MAX_FILE_BYTES + 1)


def huge_nifti(path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    content = bytearray(image.to_bytes())
    content[42:48] = struct.pack("<3h", 30_000, 30_000, 30_000)
    path.write_bytes(bytes(content))


BOMBS: dict[str, Callable[[Archive, Path], object]] = {
    "inflated size": lambda a, p: p.write_bytes(
        deflated(slice_of(a), MAX_INFLATED_BYTES + 8 * MIB)
    ),
    "nesting depth": lambda a, p: p.write_bytes(nested(slice_of(a))),
    "pixels of a slice": lambda a, p: p.write_bytes(wide(slice_of(a))),
    "voxels of a volume": lambda _, p: huge_nifti(p),
    "size of a DICOM file": lambda a, p: sparse(p, written(slice_of(a))),
    "size of a NIfTI file": lambda _, p: sparse(
        p, nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)).to_bytes()
    ),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[str], int]]:
    """Volumes, codes and files of an ingest of all bombs, each bomb in a folder of its own."""
    folder = tmp_path_factory.mktemp("bombs")
    site = small_archive(folder)
    found = {}
    for number, (name, make) in enumerate(BOMBS.items()):
        place = site.folder / f"bomb{number}"
        place.mkdir()
        make(site, place / "bomb")
        Archive(place, site.key_file).ingest(folder / f"store{number}")
        counts = Store.open(folder / f"store{number}").counts()
        codes = [str(code) for code in counts.refused_by_reason]
        found[name] = (counts.accepted.series, codes, counts.discovered.files)
    site.ingest(folder / "everything")
    counts = Store.open(folder / "everything").counts()
    codes = [str(code) for code in counts.refused_by_reason]
    found["everything"] = (counts.accepted.series, sorted(codes), counts.discovered.files)
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_for_its_size(
    outcomes: dict[str, tuple[int, list[str], int]], name: str
) -> None:
    assert outcomes[name] == (0, ["LIMIT_EXCEEDED"], 1)


def test_what_lies_beside_bombs_is_taken_in(
    outcomes: dict[str, tuple[int, list[str], int]],
) -> None:
    accepted, codes, files = outcomes["everything"]
    assert accepted == 5
    assert codes == ["LIMIT_EXCEEDED", "MISSING_SLICES", "NOT_IMAGE"]
    assert files == 29 + 2 + len(BOMBS)


def endless(image: pydicom.FileDataset) -> bytes:
    """Return a file of millions of empty elements."""
    content = written(image)
    at = content.rindex(b"\xe0\x7f\x10\x00")
    return content[:at] + struct.pack("<HH2sH", 0x0041, 0x1001, b"LO", 0) * 4_000_000 + content[at:]


def limited_details(store: Path) -> list[str]:
    return [
        row.detail for row in Store.open(store).refusals() if row.code == ReasonCode.LIMIT_EXCEEDED
    ]


@pytest.mark.slow
def test_a_file_that_takes_too_much_memory_or_computing_costs_itself_alone(tmp_path: Path) -> None:
    site = small_archive(tmp_path)
    (site.folder / "memory").write_bytes(deflated(slice_of(site), 400 * MIB))
    (site.folder / "computing").write_bytes(endless(slice_of(site)))
    limits = ChildLimits(memory_bytes=300 * MIB, cpu_s=2, wall_s=300)
    site.ingest(tmp_path / "store", limits=limits)
    assert len(Store.open(tmp_path / "store").rows()) == 5
    computing, memory = sorted(limited_details(tmp_path / "store"), reverse=True)
    assert "2 s of computing" in computing
    assert "MemoryError" in memory


@pytest.mark.slow
def test_a_file_that_keeps_its_reader_waiting_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = small_archive(tmp_path)
    waiting = site.folder / "waiting"
    waiting.write_bytes(bytes(400))
    find = archive_steps.find

    def found_then_replaced(*words: object, **named: object) -> None:
        find(*words, **named)  # type: ignore[arg-type]
        waiting.unlink()
        os.mkfifo(waiting)  # whoever opens it now waits for ever

    monkeypatch.setattr(archive_steps, "find", found_then_replaced)
    site.ingest(tmp_path / "store", limits=ChildLimits(wall_s=10))
    assert len(Store.open(tmp_path / "store").rows()) == 5
    (detail,) = limited_details(tmp_path / "store")
    assert "more than 10 s" in detail
