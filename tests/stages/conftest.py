"""One small hospital taken all the way, once per session; tests look at what it left."""

import json

import pytest

from pipelines.synthetic_hospital.archive import write_hospital
from tests.stages.small_site import PRETRAIN, STUDY, Site, medcl


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    made = Site(folder, write_hospital(folder, patients=24, seed=3))
    store = str(made.store)
    study = STUDY.replace("RUNS", str(made.runs))
    assert medcl("keys", "new", made.key) == 0
    archive = str(made.hospital.archive)
    assert medcl("ingest", archive, "--store", store, "--key-file", made.key) == 0
    labels = str(made.hospital.labels_csv)
    words = ("--store", store, "--name", "horseshoe", "--key-file", made.key)
    assert medcl("labels", "add", labels, *words) == 0
    assert medcl("audit", made.settings("audit", "volumes: 4\nviews_per_volume: 1\n")) == 0
    assert medcl("pretrain", made.settings("pretrain", PRETRAIN)) == 0
    assert medcl("study", made.settings("study", study)) == 0
    return made


@pytest.fixture
def last_line(capsys):
    """Return a reader of the JSON that a command wrote as its last line."""

    def read() -> dict:
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return read
