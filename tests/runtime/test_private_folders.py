"""Private folders are gone when their process is done with them, or killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from medcl.runtime import private_folders
from medcl.runtime.private_folders import private_folder, remove_abandoned

HOLD = """
import sys, time
from medcl.runtime.private_folders import private_folder
with private_folder() as folder:
    (folder / "inner").mkdir()
    (folder / "inner" / "head.nii").write_bytes(b"head")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Let all temporary files lie in a folder of the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_the_users_own_and_gone_after_the_block(temporary):
    with private_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "head.nii").write_bytes(b"head")
    assert list(temporary.iterdir()) == []


def test_a_folder_is_gone_after_an_error(temporary):
    with pytest.raises(KeyboardInterrupt), private_folder():
        raise KeyboardInterrupt
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(temporary):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert holder.stdout is not None
    left = Path(holder.stdout.readline().strip())
    with private_folder() as mine:
        assert remove_abandoned() == 0
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
        assert (left / "inner" / "head.nii").is_file()
        assert remove_abandoned() == 1
        assert list(temporary.iterdir()) == [mine]


def test_an_empty_folder_that_was_never_locked_is_removed(temporary):
    (temporary / "medcl-private-abc").mkdir(mode=0o700)
    assert remove_abandoned() == 1
    assert list(temporary.iterdir()) == []


def test_what_others_can_look_into_or_a_link_is_not_ours_to_remove(temporary, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").touch()
    (temporary / "medcl-private-link").symlink_to(elsewhere)
    (temporary / "medcl-private-open").mkdir()
    (temporary / "medcl-private-open").chmod(0o755)
    assert remove_abandoned() == 0
    assert (elsewhere / "lock").exists()


def test_threads_that_make_and_remove_at_once_keep_their_own_folders(temporary):
    failures = []

    def work():
        for number in range(60):
            with private_folder() as folder:
                (folder / "file").write_text(str(number))
                remove_abandoned()
                if (folder / "file").read_text() != str(number):
                    failures.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(temporary.iterdir()) == []


def test_a_folder_that_cannot_be_locked_is_not_left_behind(temporary, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(private_folders.fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks"), private_folder():
        pass
    assert list(temporary.iterdir()) == []
