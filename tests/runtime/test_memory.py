"""A process that computes keeps the memory that it has freed."""

import subprocess
import sys

import pytest

LARGE_ARRAY = """
from pathlib import Path
import numpy as np
from medcl.runtime.memory import keep_freed_memory

def resident_pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

if {kept}:
    assert keep_freed_memory()
before = resident_pages()
large = np.ones(4 << 20)
del large
print((resident_pages() - before) * 4096)
"""


def bytes_left(kept):
    command = [sys.executable, "-c", LARGE_ARRAY.format(kept=kept)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is of glibc on Linux")
def test_the_memory_of_a_large_array_stays_with_the_process_when_it_is_freed():
    array = 8 * (4 << 20)
    assert bytes_left(kept=True) > 0.9 * array
    assert bytes_left(kept=False) < 0.5 * array
