import pytest

from medcl.runtime.schedules import warmup_cosine


def test_the_rate_rises_to_its_peak_and_falls_to_the_floor():
    factors = [warmup_cosine(s, steps=100, warmup_steps=10, floor=0.1) for s in range(100)]
    assert factors[:10] == sorted(factors[:10])
    assert factors[0] > 0
    assert factors[10] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] == pytest.approx(0.1, abs=1e-3)


def test_half_way_through_the_cosine_the_rate_is_half():
    assert warmup_cosine(55, steps=100, warmup_steps=10) == pytest.approx(0.5)


def test_without_warm_up_the_first_step_is_at_the_peak():
    assert warmup_cosine(0, steps=1, warmup_steps=0) == 1.0
