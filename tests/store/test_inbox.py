"""What reading processes leave in an inbox becomes a file of the store, or nothing at all."""

import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from medcl.errors import InputError
from medcl.store.inbox import ROOM, Inbox
from medcl.store.packing import pack
from medcl.store.store import Store


def left(inbox, packed):
    """Return a packed volume whose files lie in an inbox."""
    contents = {"voxels": packed.voxels, "mask": packed.mask}
    return replace(
        packed,
        **{
            name: inbox.found(inbox.leave(content), len(content))
            for name, content in contents.items()
            if content is not None
        },
    )


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_files_of_an_inbox_become_the_same_store_as_bytes(store, make_accepted, tmp_path):
    accepted = make_accepted(0, masked=True)
    other = Store.create(tmp_path / "other", key_fingerprint=store.key_fingerprint)
    assert other.add(accepted) == "added"
    with store.inbox() as inbox:
        assert store.add_packed(left(inbox, pack(accepted))) == "added"
        assert names_in(inbox.folder) == []
    assert not (store.folder / ROOM).exists()
    assert store.digest == other.digest
    assert store.verify() == []
    files = list(store.folder.rglob("*.b2nd"))
    assert len(files) == 2
    assert {path.stat().st_mode for path in files} == {
        path.stat().st_mode for path in other.folder.rglob("*.b2nd")
    }


def test_what_the_store_does_not_take_is_removed_at_once(store, make_accepted):
    store.add(make_accepted(0))
    twin = make_accepted(1, array=make_accepted(0).volume.array)
    with store.inbox() as inbox:
        assert store.add_packed(left(inbox, pack(make_accepted(0)))) == "unchanged"
        assert store.add_packed(left(inbox, pack(twin))) == "refused"
        assert names_in(inbox.folder) == []


def test_what_a_killed_run_left_is_removed_by_the_next_writer(store, make_accepted):
    waiting = store.folder / ROOM / ("a" * 32)
    waiting.mkdir(parents=True)
    (waiting / ("b" * 32)).write_bytes(b"voxels of a run that was killed")
    store.add(make_accepted(0))
    assert not (store.folder / ROOM).exists()
    assert store.verify() == []


def test_an_inbox_that_is_not_there_or_takes_no_file_of_this_size_says_so(tmp_path):
    assert Inbox(tmp_path / "absent", 0o600).leave(b"voxels") is None
    inbox = Inbox(tmp_path, 0o600)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        assert inbox.leave(bytes(2000)) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []


def test_only_plain_files_of_the_length_that_was_told_are_taken(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    inbox = Inbox(folder, 0o600)
    name = inbox.leave(b"voxels")
    assert inbox.found(name, 6).read_bytes() == b"voxels"
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / ("c" * 32)).symlink_to(tmp_path / "secret")
    for other, num_bytes in ((name, 7), ("../secret", 6), ("c" * 32, 6), ("d" * 32, 6)):
        with pytest.raises(InputError, match="is not there"):
            inbox.found(other, num_bytes)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_compressing_beside_the_rest_changes_nothing(make_accepted, dtype):
    array = np.random.default_rng(0).normal(0, 300, (2, 41, 36, 35)).astype(dtype)
    accepted = make_accepted(0, array=np.asfortranarray(array), masked=True)
    plain = pack(accepted)
    with ThreadPoolExecutor(1) as beside:
        both = pack(accepted, beside=beside)
    assert (both.voxels, both.mask) == (plain.voxels, plain.mask)
    for field in ("sha256", "mask_sha256", "content_sha256", "perceptual_hash", "quality", "body"):
        assert getattr(both.row, field) == getattr(plain.row, field), field
