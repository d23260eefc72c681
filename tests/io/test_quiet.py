"""Readers say nothing, and the settings of pydicom are as before afterwards."""

import logging
import warnings

import pytest
from pydicom import config

from medcl.io.quiet import quiet


def test_no_warning_and_no_log_line_gets_out(caplog: pytest.LogCaptureFixture) -> None:
    before = (config.settings.reading_validation_mode, config.settings.writing_validation_mode)
    with quiet():
        warnings.warn("DOE^JOHN", UserWarning, stacklevel=1)
        for name in ("pydicom", "nibabel.global"):
            logging.getLogger(name).error("DOE^JOHN")
        assert config.settings.reading_validation_mode == config.IGNORE
    assert "DOE" not in caplog.text
    assert before == (
        config.settings.reading_validation_mode,
        config.settings.writing_validation_mode,
    )
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard again", UserWarning, stacklevel=1)
