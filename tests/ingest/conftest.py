"""A small archive with one of every flaw."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

from medcl.ingest.identity import Keyring
from medcl.io.dicom.writing import write_dicom_series
from medcl.volume import Volume

SLICES = 5


def cut_inside_sequence(content: bytes) -> bytes:
    """A file that ends inside a sequence of undefined length, where pydicom drops all elements."""
    head = content.split(b"\xe0\x7f\x10\x00")[0]
    return head + b"\x40\x00\x75\x02SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4


@pytest.fixture
def keyring() -> Keyring:
    return Keyring(bytes(range(32)))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write a random CT as a series below ``archive``; ``number`` makes its identifiers."""

    def write_series(folder: str, number: int, **options: object) -> list[Path]:
        values = np.random.default_rng(number).integers(-1024, 2000, (1, 6, 5, SLICES), np.int16)
        ct = Volume(array=values, affine=np.diag([1, 1, 2, 1.0]), modality="CT", unit="HU")
        arguments = {
            "patient_id": f"PID-{number}",
            "study_uid": f"1.2.{number}",
            "series_uid": f"1.2.{number}.9",
            "file_names": [f"{number}_{name}" for name in ("e", "b", "a", "d", "c")],
            **options,
        }
        return write_dicom_series(ct, tmp_path / "archive" / folder, **arguments)  # type: ignore[arg-type]

    return write_series


@pytest.fixture
def archive(tmp_path: Path, write: Callable[..., list[Path]]) -> Path:
    """Two good series in one folder, one across two folders, and every flaw."""
    root = tmp_path / "archive"
    write("shared", 1)
    write("shared", 2)
    for path in write("half", 3)[::2]:
        (root / "other half").mkdir(exist_ok=True)
        path.rename(root / "other half" / path.name)
    write("gap", 4)[2].unlink()
    repeated = write("repeat", 5)[1]
    (root / "repeat" / "again").write_bytes(repeated.read_bytes())
    short = write("short", 6)[4]
    short.write_bytes(short.read_bytes()[:-20])
    headless = write("headless", 7)[4]
    headless.write_bytes(cut_inside_sequence(headless.read_bytes()))
    write("screen", 8, extra={"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"})
    mark = pydicom.dcmread(write("scout", 9)[0])
    mark.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    mark.ImagePositionPatient, mark.SOPInstanceUID = [0, 0, -50], "1.2.9.9.77"
    mark.save_as(root / "scout" / "scout")
    (root / "notes.dcm").write_text("no image")
    (root / "empty.dcm").touch()
    (root / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x10\x00UI\x14\x00")
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "link").symlink_to(root / "notes.dcm")
    return root
