"""Being asked to stop, by a person (Ctrl-C) or by a scheduler (SIGTERM, SIGUSR1).

`stops_raise` ends whatever runs, as Ctrl-C does; `stop_requests` only notes the wish, for loops
that have something to save; `stops_held` puts it off to the end of a short block that must not be
cut.
Outside the main thread Python takes no signals; there all three do nothing.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """Whether somebody asked this process to stop.

    Attributes:
        number: The first signal that came; ``None`` while there was none.
    """

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.number: int | None = None

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self.number is not None

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """Note the wish; a second Ctrl-C no longer waits for the step to end.

        Args:
            number: The signal.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed before.
        """
        if number == signal.SIGINT and self.is_set:
            raise KeyboardInterrupt
        self.number = self.number or number


@contextmanager
def stops_raise() -> Iterator[None]:
    """Let every wish to stop raise KeyboardInterrupt while the block runs.

    By default SIGTERM and SIGUSR1 end a process on the spot: what it had begun elsewhere, such as a
    run in MLflow, would look as if it went on for ever.

    Example:
        >>> try:
        ...     with stops_raise():
        ...         signal.raise_signal(signal.SIGTERM)
        ... except KeyboardInterrupt:
        ...     print("stopped")
        stopped
    """
    with _handled(_raise):
        yield


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Listen for SIGTERM, SIGUSR1 and SIGINT while the block runs.

    Yields:
        The request to look at after each step.

    Example:
        >>> with stop_requests() as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stop.is_set
        True
    """
    request = StopRequest()
    with _handled(request.receive):
        yield request


@contextmanager
def stops_held() -> Iterator[None]:
    """Put off a wish to stop until the block has ended; a second Ctrl-C does not wait.

    Example:
        >>> with stop_requests() as outer:
        ...     with stops_held():
        ...         signal.raise_signal(signal.SIGTERM)
        ...         print(outer.is_set)
        ...     print(outer.is_set)
        False
        True
    """
    with stop_requests() as held:
        yield
    if held.number is not None:
        # Again, to whoever listens outside of the block.
        signal.raise_signal(held.number)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
