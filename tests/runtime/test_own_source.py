"""The hash of the source is of every source file of the package, and of nothing else."""

from pathlib import Path

import pytest

import medcl
from medcl.runtime import own_source


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name in ("a.py", "room/b.py", "room/c.cpp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(own_source, "_ROOT", tmp_path)

    def digest() -> str:
        own_source.source_digest.cache_clear()
        return own_source.source_digest()

    yield tmp_path, digest
    own_source.source_digest.cache_clear()


@pytest.mark.parametrize("name", ["a.py", "room/b.py", "room/c.cpp"])
def test_a_changed_moved_or_missing_source_file_is_another_hash(package, name):
    folder, digest = package
    seen = {digest()}
    path = folder / name
    path.write_text("changed")
    seen.add(digest())
    path.rename(path.with_stem("moved"))
    seen.add(digest())
    path.with_stem("moved").unlink()
    seen.add(digest())
    assert len(seen) == 4


def test_what_is_compiled_or_kept_beside_is_no_source(package):
    folder, digest = package
    before = digest()
    for name in ("__pycache__/a.pyc", "py.typed", "notes.txt", "room/d.pyi"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert digest() == before


def test_it_is_of_this_package():
    assert Path(medcl.__file__).parent == own_source._ROOT
