"""One small hospital taken all the way, once per session; tests look at what it left."""

import json

import pytest

from tests.stages.small_site import (
    AUDIT,
    Site,
    medcl,
    on_record,
    pretrain_and_study,
    small_site,
)


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    with on_record(folder):
        made = small_site(folder, with_canaries=True)
        assert medcl("audit", made.settings("audit", AUDIT)) == 0
        pretrain_and_study(made)
    return made


@pytest.fixture
def last_line(capsys):
    """Return a reader of the JSON that a command wrote as its last line."""

    def read() -> dict:
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return read
