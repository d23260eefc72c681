"""MLflow may be away while the work is done."""

import sqlite3

from tests.stages.small_site import PRETRAIN, medcl


def test_a_dead_server_costs_no_stage_its_work_and_is_told_later(site, capsys, monkeypatch):
    """Each ends well, and the same command sends what MLflow missed."""
    pretrain = site.settings("away", PRETRAIN)
    tune = site.settings(
        "away_tuned",
        "label_set: horseshoe\nkind: classification\ntask: shape\nadaptation: probe\n"
        f"test: {{fraction: 0.4, seed: 0}}\nencoder: {site.runs}/pretrain/encoder\n",
    )
    study = str(site.runs / "study")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert medcl("pretrain", pretrain) == 0
    for words in (("finetune", tune), ("report", study)):
        capsys.readouterr()
        assert medcl(*words) == 0
        assert "MLflow could not be reached" in capsys.readouterr().out
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert not {"away", "away_tuned"} & _runs_in_mlflow(site)
    for words in (("pretrain", pretrain), ("finetune", tune), ("report", study)):
        capsys.readouterr()
        assert medcl(*words) == 0
        assert "could not be reached" not in capsys.readouterr().out
    assert {"away", "away_tuned"} <= _runs_in_mlflow(site)


def _runs_in_mlflow(site) -> set[str]:
    with sqlite3.connect(site.runs / "mlflow.db") as database:
        return {name for (name,) in database.execute("SELECT name FROM runs")}
