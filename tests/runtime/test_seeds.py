"""Seeds depend on all their words and on nothing else."""

import subprocess
import sys

import numpy as np
import pytest

from medcl.runtime.seeds import derive_seed, generator


def test_word_borders_and_types_count():
    words = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), (1, "1"), ("1", 1), (1, 1), (11,)]
    assert len({derive_seed(*some) for some in words}) == len(words)


def test_another_process_gets_the_same_seed():
    code = "from medcl.runtime.seeds import derive_seed; print(derive_seed(3, 'view', 7))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(shown.stdout) == derive_seed(3, "view", 7)


def test_neighbouring_steps_are_unrelated():
    draws = np.array([generator(0, step).random() for step in range(2000)])
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.08
    assert draws.mean() == pytest.approx(0.5, abs=0.03)
