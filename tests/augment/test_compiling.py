import json
import logging
import subprocess
import sys

import pytest
import torch

from medcl.augment import compiling
from medcl.augment.compiling import Compiled, missing_compiler

needs_compiler = pytest.mark.skipif(
    missing_compiler("cpu") is not None, reason="no C++ compiler here"
)


@pytest.fixture(scope="module")
def compared():
    """What the script of compiled views printed: it needs a process without checks of shapes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.augment.compiled_views"],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return json.loads(done.stdout.splitlines()[-1])


@needs_compiler
def test_compiled_views_are_those_of_plain_torch_within_rounding(compared):
    assert compared["off"] < 2e-6
    assert compared["masks_differ_at"] == 0
    assert 0.2 < compared["seen"] < 0.99


@needs_compiler
def test_a_compiled_view_is_the_same_alone_in_a_batch_and_in_another_order(compared):
    assert compared["alone_is_equal"]


@needs_compiler
def test_boxes_of_other_shapes_need_no_other_kernels(compared):
    # Passes before and after the blur; a blur of values, and one of values with their weights.
    assert compared["graphs"] == 4
    assert compared["later_graphs"] == 0


def test_without_a_compiler_the_function_runs_as_it_is_and_one_sentence_says_so(
    monkeypatch, caplog
):
    monkeypatch.setattr(compiling, "missing_compiler", lambda _device: "nothing compiles here")
    compiling._log_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger=compiling.__name__):
        doubled = [Compiled(lambda x: 2 * x, "cpu")(torch.ones(2)) for _ in range(3)]
    assert all(torch.equal(each, torch.full((2,), 2.0)) for each in doubled)
    assert [record.message for record in caplog.records] == [
        "Views are made without compiling: nothing compiles here. Results are the same."
    ]


def test_a_compiler_that_fails_is_not_asked_again(monkeypatch, caplog):
    asked = []

    def failing(*_given, **_options):
        def run(*_tensors):
            asked.append(1)
            raise torch._dynamo.exc.TorchDynamoException("out of order")

        return run

    monkeypatch.setattr(compiling, "missing_compiler", lambda _device: None)
    monkeypatch.setattr(torch, "compile", failing)
    compiling._log_once.cache_clear()
    doubled = Compiled(lambda x: 2 * x, "cpu")
    with caplog.at_level(logging.WARNING, logger=compiling.__name__):
        results = [doubled(torch.ones(1)).item() for _ in range(3)]
    assert results == [2.0, 2.0, 2.0]
    assert len(asked) == 1
    assert len(caplog.records) == 1
