"""Files are whole or absent."""

import pytest

from medcl.errors import RequestError
from medcl.runtime import devices, files


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path):
    target = tmp_path / "kept.txt"
    files.write_bytes(target, b"old")

    def fail():
        with files.atomic_path(target) as path:
            path.write_bytes(b"new, but then")
            raise OSError(28, "no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_json_refuses_what_json_does_not_have(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "figures.json", {"auc": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_cuda_is_not_promised_where_there_is_none(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RequestError, match="no CUDA device"):
        devices.choose_device("cuda")
    assert devices.choose_device("auto").type == "cpu"
