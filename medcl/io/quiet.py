"""Silence at the source: warnings and log lines of readers print header values and file names."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import ModuleType

_TALKATIVE = ("pydicom", "nibabel.global")


@contextmanager
def quiet() -> Iterator[None]:
    """Run pydicom or nibabel without any line that could hold a patient's data.

    pydicom prints the raw value of a malformed element both as a warning and as a log line, and
    the file name of a short file. Inside the block values are not validated, nothing is warned
    and nothing is logged.

    Yields:
        Nothing.

    Example:
        >>> with quiet():
        ...     logging.getLogger("pydicom").warning("DOE^JOHN")
    """
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    were_disabled = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    # Without pydicom there is nothing to set; a block that needs it has loaded it before.
    config = sys.modules.get("pydicom.config")
    try:
        with warnings.catch_warnings(), _unvalidated(config) if config else nullcontext():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, was_disabled in zip(loggers, were_disabled, strict=True):
            logger.disabled = was_disabled


@contextmanager
def _unvalidated(config: ModuleType) -> Iterator[None]:
    settings = config.settings
    reading, writing = settings.reading_validation_mode, settings.writing_validation_mode
    settings.reading_validation_mode = config.IGNORE
    settings.writing_validation_mode = config.IGNORE
    try:
        yield
    finally:
        settings.reading_validation_mode = reading
        settings.writing_validation_mode = writing
