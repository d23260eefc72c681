"""Thousands of damaged files: each is the volume that SimpleITK reads too, or has a reason code."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz.campaign import Breeder, run
from tests.fuzz.judge import Judge
from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.seeds import Seed, corpus_seeds, shared_seeds

QUICK, FULL = 150, 5000


def check(seeds: list[Seed], count: int, folder: Path) -> Counter[str]:
    """Run mutants and return how they ended, after asserting that each kept the rule."""
    ends: Counter[str] = Counter()
    for one, verdict in run(Breeder(seeds, seed=0), range(count), folder):
        assert not verdict.problem, f"mutant {one.number}, {one.name}: {verdict.problem}"
        assert verdict.volumes or verdict.codes
        assert "crashed" not in verdict.died, f"mutant {one.number}, {one.name}: {verdict.died}"
        ends.update(verdict.codes)
        ends["volumes"] += verdict.volumes
        ends["compared"] += verdict.compared
        ends[one.name.split()[0]] += 1
    return ends


def test_hundreds_of_damaged_files_end_as_the_right_volume_or_a_reason(tmp_path: Path) -> None:
    ends = check(corpus_seeds(), QUICK, tmp_path)
    assert ends["compared"] > QUICK / 8
    assert ends["DECODE_FAILED"] > 5
    assert ends["PIXEL_TRUNCATED"] > 5
    assert all(ends[mutation.__name__] for mutation in MUTATIONS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thousands_of_damaged_files_end_as_the_right_volume_or_a_reason(tmp_path: Path) -> None:
    """With ``MEDCL_TEST_DATA`` over real scans too; `tests.fuzz.campaign` says what failed."""
    real = os.environ.get("MEDCL_TEST_DATA")
    seeds = corpus_seeds() + (shared_seeds(Path(real)) if real else [])
    ends = check(seeds, FULL, tmp_path)
    assert ends["compared"] > FULL / 8
    assert len(ends) > 30


def test_sound_files_of_every_coding_are_read_as_simpleitk_reads_them(tmp_path: Path) -> None:
    judge = Judge(tmp_path)
    seen = {}
    for seed in corpus_seeds():
        if seed.is_series and "test_files/" in seed.name:
            verdict = judge.judge(seed.files)
            assert not verdict.problem, seed.name
            assert verdict.volumes == verdict.compared
            seen[seed.name.rpartition("/")[2]] = verdict
    judge.close()
    refused = {name: verdict.codes for name, verdict in seen.items() if not verdict.compared}
    assert refused == {
        "JPEG-lossy.dcm": ["UNSUPPORTED_SYNTAX"],
        "JPGExtended.dcm": ["UNSUPPORTED_SYNTAX"],
        "JPEG2000-embedded-sequence-delimiter.dcm": ["DECODE_FAILED"],
        "MR_truncated.dcm": ["PIXEL_TRUNCATED"],
    }
    assert len(seen) > 15


def test_the_judge_notices_a_volume_that_is_not_what_the_files_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that never complains would let everything pass."""
    seed = next(seed for seed in corpus_seeds() if seed.name == "series test_files/CT_small.dcm")
    judge = Judge(tmp_path)
    decoded = judge._decoded
    assert not judge.judge(seed.files).problem
    monkeypatch.setattr(judge, "_decoded", lambda got: (decoded(got)[0] + 1, None))
    assert "voxels differ" in judge.judge(seed.files).problem
    monkeypatch.setattr(judge, "_decoded", lambda got: (decoded(got)[0][..., ::-1], None))
    assert "voxels differ" in judge.judge(seed.files).problem
    judge.close()
