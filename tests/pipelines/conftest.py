from pathlib import Path

import pytest

from pipelines.synthetic_hospital import HospitalSummary, write_hospital


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> HospitalSummary:
    folder: Path = tmp_path_factory.mktemp("hospital")
    return write_hospital(folder, patients=20, seed=5)
