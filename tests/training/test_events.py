import math

from medcl.training.events import EventLog, read_events


def test_events_are_appended_over_several_openings(tmp_path):
    path = tmp_path / "events.jsonl"
    for step in (1, 2):
        with EventLog(path) as log:
            log.write("step", step=step)
    assert [event["step"] for event in read_events(path)] == [1, 2]


def test_a_torn_line_is_left_out_and_the_next_one_is_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind": "step", "step": 1}\n{"kind": "st')
    with EventLog(path) as log:
        log.write("resumed", step=1)
    assert [event["kind"] for event in read_events(path)] == ["step", "resumed"]


def test_a_number_json_does_not_have_becomes_null(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.write("diverged", loss=math.nan, metrics={"std": math.inf, "alignment": 0.5})
    (event,) = read_events(path)
    assert event["loss"] is None
    assert event["metrics"] == {"std": None, "alignment": 0.5}


def test_a_run_without_a_file_has_no_events(tmp_path):
    assert list(read_events(tmp_path / "events.jsonl")) == []
