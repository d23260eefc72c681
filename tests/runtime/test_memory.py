"""A process that computes keeps the memory that it has freed."""

import subprocess
import sys

import pytest

LARGE_ARRAYS = """
import resource
import numpy as np
from medcl.runtime.memory import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
for _ in range(50):
    np.ones(4 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(kept):
    command = [sys.executable, "-c", LARGE_ARRAYS.format(kept=kept)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is of glibc on Linux")
def test_large_arrays_are_not_cleared_by_the_kernel_again_and_again():
    assert page_faults(kept=True) < page_faults(kept=False) / 4
