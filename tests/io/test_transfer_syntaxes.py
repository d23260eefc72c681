"""All lossless transfer syntaxes decode to the same pixels."""

import tomllib
from pathlib import Path

import numpy as np

from medcl.io.dicom.checks import CODECS_EXTRA, check_slice
from medcl.io.dicom.header import read_slice_headers
from medcl.io.dicom.pixels import stored_planes
from medcl.io.refusal import ReasonCode

LOSSLESS = (".2", ".2.1", ".2.1.99", ".2.2", ".2.5", ".2.4.57", ".2.4.70", ".2.4.80", ".2.4.90")


def plane(path: Path) -> np.ndarray:
    (header,) = read_slice_headers(path)
    assert check_slice(header) is None
    return next(stored_planes(path, [header]))


def test_all_lossless_syntaxes_give_the_same_pixels(test_data: Path) -> None:
    folder = test_data / "dicom" / "transfer_syntaxes"
    expected = plane(folder / "CTImage.dcm")
    assert expected.std() > 100
    for end in LOSSLESS:
        (path,) = folder.glob(f"*Syntax_1.2.840.10008.1{end}.dcm")
        np.testing.assert_array_equal(plane(path), expected)


def test_lossy_copies_are_marked_derived(test_data: Path) -> None:
    for end in ("50", "51", "53", "55", "81", "91"):
        (path,) = (test_data / "dicom" / "transfer_syntaxes").glob(
            f"*_1.2.840.10008.1.2.4.{end}.dcm"
        )
        refusal = check_slice(read_slice_headers(path)[0])
        assert refusal is not None
        assert refusal.code == ReasonCode.DERIVED


def test_twelve_bit_jpeg_is_refused_even_where_derived_is_accepted(test_data: Path) -> None:
    (path,) = (test_data / "dicom" / "transfer_syntaxes").glob("*_1.2.840.10008.1.2.4.51.dcm")
    refusal = check_slice(read_slice_headers(path)[0], accept=frozenset({ReasonCode.DERIVED}))
    assert refusal is not None
    assert refusal.code == ReasonCode.UNSUPPORTED_SYNTAX
    assert f"medcl[{CODECS_EXTRA}]" in refusal.detail


def test_the_extra_that_a_refusal_names_exists_and_is_no_default() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    assert project["optional-dependencies"][CODECS_EXTRA][0].startswith("pylibjpeg-libjpeg")
    assert not [one for one in project["dependencies"] if one.startswith("pylibjpeg-libjpeg")]
