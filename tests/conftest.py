"""What every test may use."""

import os
from pathlib import Path

import pytest
import torch

# One thread: sums come out the same on every machine, and on a busy one threads of a tiny network
# wait for one another ten times longer than they compute.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real scans, kept outside the repository; tests that need them skip where they are absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MEDCL_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip("no real scans here: set MEDCL_TEST_DATA to their folder")
    return folder
