"""Being asked to stop: finish the step, save, return."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """Whether somebody asked this process to stop.

    A scheduler sends SIGTERM or SIGUSR1 before it takes the machine away, a person presses Ctrl-C.
    """

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.is_set = False

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """Note the wish; a second Ctrl-C no longer waits for the step to end.

        Args:
            number: The signal.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed before.
        """
        if number == signal.SIGINT and self.is_set:
            raise KeyboardInterrupt
        self.is_set = True


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Listen for SIGTERM, SIGUSR1 and SIGINT while the block runs.

    Outside the main thread Python takes no signals; there the request is simply never set.

    Yields:
        The request to look at after each step.

    Example:
        >>> with stop_requests() as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stop.is_set
        True
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request.receive) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
