"""Readers say nothing, and the settings of pydicom are as before afterwards."""

import logging
import warnings

import pydicom
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


def test_a_malformed_value_that_pydicom_would_print_is_not_printed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = pydicom.dataelem.RawDataElement(
        pydicom.tag.Tag("SOPInstanceUID"), "UI", 8, b"DOE^JOHN", 0, False, True
    )
    dataset = pydicom.Dataset()
    with warnings.catch_warnings(record=True) as aloud, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        pydicom.dataelem.convert_raw_data_element(raw)
    assert "DOE^JOHN" in " ".join(str(one.message) for one in aloud)
    with (
        warnings.catch_warnings(record=True) as silent,
        caplog.at_level(logging.DEBUG),
        quiet(),
    ):
        warnings.simplefilter("always")
        caplog.clear()
        dataset[raw.tag] = raw
        assert str(dataset.SOPInstanceUID) == "DOE^JOHN"
    assert silent == []
    assert caplog.text == ""
