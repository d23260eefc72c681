"""Asked to stop, a process ends at once, after a step, or after a block that must not be cut."""

import signal
import threading

import pytest

from medcl.runtime.stopping import stop_requests, stops_held, stops_raise


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_sets_the_request_and_lets_the_step_finish(number):
    with stop_requests() as stop:
        assert not stop.is_set
        signal.raise_signal(number)
        assert stop.is_set


def test_a_second_ctrl_c_stops_at_once():
    with stop_requests() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.is_set


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_requests():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_is_installed():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with stop_requests() as stop:
            seen.append((stop.is_set, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_where_nothing_has_to_be_saved_every_wish_ends_the_block(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stops_raise():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_wish_that_is_held_is_heard_after_the_block_by_whoever_listens(number):
    reached = []

    def work():
        with stops_held():
            signal.raise_signal(number)
            reached.append("end of the block")
        reached.append("what follows")

    with pytest.raises(KeyboardInterrupt), stops_raise():
        work()
    assert reached == ["end of the block"]
    with stop_requests() as stop, stops_held():
        signal.raise_signal(number)
    assert stop.is_set


def test_an_error_in_a_held_block_is_not_hidden_by_the_wish():
    def work():
        with stops_held():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError("x")

    with stops_raise(), pytest.raises(ValueError, match="x"):
        work()
