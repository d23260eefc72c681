"""Exceptions of parsers of untrusted bytes → refusals that repeat nothing of what was parsed."""

from collections.abc import Iterator
from contextlib import contextmanager

from medcl.io.quiet import quiet
from medcl.io.refusal import ReasonCode, RefusedSeries

_PASSED_ON = (RefusedSeries, KeyboardInterrupt, SystemExit, GeneratorExit)


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Run a parser of untrusted bytes: silent, and any exception becomes a refusal.

    Only the class of the exception is kept, because its text may hold a header value or a path.

    Args:
        what: What is being parsed, for the refusal's sentence.

    Yields:
        Nothing.

    Raises:
        RefusedSeries: Anything was raised inside the block.

    Example:
        >>> with refusing("The header"):
        ...     float("DOE^JOHN")
        Traceback (most recent call last):
            ...
        medcl.io.refusal.RefusedSeries: DECODE_FAILED: The header: ValueError.
    """
    with quiet():
        try:
            yield
        # A panic of a decoder written in Rust is no Exception.
        except BaseException as error:
            if isinstance(error, _PASSED_ON):
                raise
            raise RefusedSeries(_code(error), f"{what}: {type(error).__name__}.") from None


def _code(error: BaseException) -> ReasonCode:
    if isinstance(error, MemoryError | RecursionError):
        return ReasonCode.LIMIT_EXCEEDED
    # By name, because pydicom takes a third of a second to load.
    if type(error).__name__ == "InvalidDicomError":
        return ReasonCode.NOT_IMAGE
    if isinstance(error, FileNotFoundError | PermissionError):
        return ReasonCode.UNREADABLE
    return ReasonCode.DECODE_FAILED
