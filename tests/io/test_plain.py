"""Plain files are read without pydicom, and say what they would say with it."""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.errors import InvalidDicomError
from pydicom.uid import ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from medcl.io.dicom import plain
from medcl.io.dicom.file import read_elements
from medcl.io.dicom.header import plain_header, read_slice_headers
from medcl.io.dicom.plain import read_plain
from medcl.io.dicom.tags import SEQUENCES, TAGS, implicit_type
from medcl.io.dicom.values import holds, text
from medcl.io.quiet import quiet
from medcl.io.refusal import RefusedSeries
from tests.fuzz.campaign import Breeder
from tests.fuzz.seeds import corpus_seeds

CORPUS = Path(pydicom.data.__file__).parent
CT = CORPUS / "test_files" / "CT_small.dcm"
MUTANTS = 300


def num_plain(paths: Iterable[Path]) -> int:
    """Return how many files are read as plain ones, after comparing each with pydicom."""
    count = 0
    for path in paths:
        header = plain_header(path)
        if header is not None:
            assert read_slice_headers(path) == [header], path.name
            count += 1
    return count


def files_below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def test_every_file_that_pydicom_brings_along_says_the_same_either_way() -> None:
    assert num_plain(files_below(CORPUS)) > 50


def test_every_real_scan_says_the_same_either_way(test_data: Path) -> None:
    assert num_plain(files_below(test_data / "dicom")) > 40


def test_hundreds_of_damaged_files_say_the_same_either_way(tmp_path: Path) -> None:
    breeder, count = Breeder(corpus_seeds(), seed=7), 0
    path = tmp_path / "damaged"
    for number in range(MUTANTS):
        for content in breeder.mutant(number).files:
            path.write_bytes(content)
            count += num_plain([path])
    assert count > MUTANTS / 4


def without_types(source: Path, target: Path) -> bool:
    """Write a classic image in implicit VR; return whether it is one and could be written."""
    with quiet():
        try:
            dataset = pydicom.dcmread(source)
            if "PixelData" not in dataset or dataset.file_meta.TransferSyntaxUID.is_compressed:
                return False
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
            dataset.save_as(target, implicit_vr=True, little_endian=True)
        except (AttributeError, InvalidDicomError, NotImplementedError, TypeError, ValueError):
            return False
    return True


def test_files_without_types_say_the_same_either_way(test_data: Path, tmp_path: Path) -> None:
    path, rng = tmp_path / "implicit", np.random.default_rng(0)
    num_written = num_sound = num_damaged = 0
    for source in files_below(CORPUS) + files_below(test_data / "dicom"):
        if not without_types(source, path):
            continue
        num_written += 1
        num_sound += num_plain([path])
        whole = path.read_bytes()
        for _ in range(4):
            content = bytearray(whole)
            for place in rng.integers(132, min(len(whole), 3000), 2):
                content[place] = rng.choice([rng.integers(256), content[place] ^ 1, 32, 0])
            path.write_bytes(content)
            num_damaged += num_plain([path])
    assert num_sound > 0.7 * num_written > 40
    assert num_damaged > 100


@pytest.mark.parametrize("encoding", ["explicit", "implicit"])
def test_all_elements_say_the_same_either_way(encoding: str, tmp_path: Path) -> None:
    path = CT if encoding == "explicit" else tmp_path / "implicit"
    assert encoding == "explicit" or without_types(CT, path)
    elements = read_plain(path, TAGS.values())
    whole = read_elements(path, tags=None).dataset
    assert elements is not None
    with quiet():
        for keyword in TAGS:
            source = whole.file_meta if TAGS[keyword] >> 16 == 2 else whole
            assert text(elements, keyword) == text(source, keyword), keyword
            assert holds(elements, keyword) == (keyword in source), keyword


def test_tags_and_types_are_those_of_the_standard() -> None:
    assert all(tag_for_keyword(keyword) == tag for keyword, tag in TAGS.items())
    assert {vr.decode() for vr in plain._LONG} == set(EXPLICIT_VR_LENGTH_32)
    for tag in TAGS.values():
        type_of_unsigned = implicit_type(tag, {TAGS["PixelRepresentation"]: "0"}, has_length=True)
        assert type_of_unsigned.decode() == dictionary_VR(tag).replace("US or SS", "US"), hex(tag)
    assert {dictionary_VR(tag) for tag in SEQUENCES} == {"SQ"}


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    length = (
        struct.pack("<HI", 0, len(value)) if vr in plain._LONG else struct.pack("<H", len(value))
    )
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr + length + value


def file_of(*elements: bytes, pixels: bytes = bytes(8)) -> bytes:
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1\0")
    head = element(0x00020000, b"UL", struct.pack("<I", len(meta)))
    return b"".join(
        [bytes(128), b"DICM", head, meta, *elements, element(0x7FE00010, b"OW", pixels)]
    )


ITEM, END = struct.pack("<HHI", 0xFFFE, 0xE000, 2**32 - 1), bytes.fromhex("fe ff 0d e0 00000000")
SEQUENCE = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, 2**32 - 1)
SEQUENCE_END = bytes.fromhex("fe ff dd e0 00000000")
PATIENT = element(0x00100020, b"LO", b" 47 11 ")


@pytest.mark.parametrize(
    ("elements", "is_plain"),
    [
        ([PATIENT], True),
        ([SEQUENCE, ITEM, PATIENT, END, ITEM, END, SEQUENCE_END, PATIENT], True),
        ([SEQUENCE, ITEM, SEQUENCE, SEQUENCE_END, END, SEQUENCE_END, PATIENT], True),
        ([SEQUENCE, ITEM, PATIENT, SEQUENCE_END, PATIENT], False),
        ([SEQUENCE * 40, ITEM, END, SEQUENCE_END * 40, PATIENT], False),
        ([(SEQUENCE + ITEM) * 12, (END + SEQUENCE_END) * 12, PATIENT], False),
        ([PATIENT, PATIENT], False),
        ([element(0x00080005, b"CS", b"ISO_IR 192"), PATIENT], True),
        ([element(0x00080005, b"CS", b"ISO_IR 13 "), PATIENT], False),
        ([element(0x00080005, b"CS", b"\\ISO 2022 IR 87 "), PATIENT], False),
        ([element(0x00100020, b"LO", b"M\xfcller")], False),
        ([element(0x00100020, b"LO", b"a\0b ")], False),
        ([element(0x00100020, b"UN", b"4711")], False),
        ([element(0x00100020, b"ZZ", b"4711")], False),
        ([element(0x00200032, b"DS", b"1\\2.5\\-3e1 ")], True),
        ([element(0x00200032, b"DS", b"1\\2.5\\x ")], False),
        ([element(0x00280010, b"US", b"\1\2")], True),
        ([element(0x00280010, b"US", b"\1\2\3")], False),
        ([element(0x00100020, b"LO", b"1" * 2000)], False),
        ([element(0x00091010, b"OB", bytes(20_000)), PATIENT], True),
        ([element(0x00091010, b"OB", bytes(400_000)), PATIENT], False),
    ],
)
def test_only_what_leaves_no_doubt_is_plain(
    elements: list[bytes], is_plain: bool, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(file_of(*elements))
    assert (plain_header(path) is not None) == is_plain
    num_plain([path])


def untyped(tag: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack(
        "<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length
    ) + (value)


def untyped_file_of(*elements: bytes) -> bytes:
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2\0")
    head = element(0x00020000, b"UL", struct.pack("<I", len(meta)))
    pixels = untyped(0x7FE00010, bytes(8))
    return b"".join([bytes(128), b"DICM", head, meta, *elements, pixels])


CT_IMAGE, NAMED = untyped(0x00080060, b"CT"), untyped(0x00100020, b"4711")
ITEMS = ITEM + NAMED + END + SEQUENCE_END
SIGNED, LOWEST = untyped(0x00280103, b"\1\0"), untyped(0x00280120, b"\0\x80")
NO_LENGTH = 2**32 - 1


@pytest.mark.parametrize(
    ("elements", "is_plain"),
    [
        ([CT_IMAGE, NAMED], True),
        ([CT_IMAGE, untyped(0x00081140, ITEMS, NO_LENGTH), NAMED], True),
        ([CT_IMAGE, untyped(0x00081140, ITEM + NAMED + END), NAMED], True),
        ([CT_IMAGE, NAMED, untyped(0x300A0010, ITEMS, NO_LENGTH)], False),
        ([CT_IMAGE, NAMED, untyped(0x300A0010, ITEM + NAMED + END)], True),
        ([CT_IMAGE, untyped(0x00091001, ITEMS, NO_LENGTH), NAMED], True),
        ([CT_IMAGE, untyped(0x00091001, NAMED + SEQUENCE_END, NO_LENGTH), NAMED], False),
        ([CT_IMAGE, untyped(0x00100020, ITEMS, NO_LENGTH)], False),
        ([CT_IMAGE, NAMED, SIGNED, LOWEST], True),
        ([CT_IMAGE, NAMED, LOWEST], False),
        ([CT_IMAGE, untyped(0x00190010, b"SIEMENS MR HEADER "), NAMED], False),
        ([CT_IMAGE, NAMED, untyped(0x00190010, b"SIEMENS MR HEADER ")], True),
        ([CT_IMAGE, NAMED, untyped(0x0019100C, b"1000")], False),
        ([element(0x00080060, b"CS", b"CT"), PATIENT], False),
        ([CT_IMAGE, untyped(0x00082111, bytes(0x4344)), NAMED], True),
        ([untyped(0x00082111, bytes(0x4344)), NAMED], False),
    ],
)
def test_of_files_without_types_too_only_what_leaves_no_doubt_is_plain(
    elements: list[bytes], is_plain: bool, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(untyped_file_of(*elements))
    assert (plain_header(path) is not None) == is_plain
    num_plain([path])


@pytest.mark.parametrize("tail", [bytes(10), b"rest", element(0xFFFCFFFC, b"OB", bytes(4))])
def test_what_follows_the_pixels_is_judged_as_ever(tail: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(file_of(PATIENT) + tail)
    assert num_plain([path]) == (tail != b"rest")
    path.write_bytes(file_of(PATIENT)[:-1])
    assert num_plain([path]) == 0


def test_a_file_that_is_none_is_left_to_pydicom(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"text", bytes(128) + b"DICM", CT.read_bytes()[:3000]):
        path.write_bytes(content)
        assert plain_header(path) is None
    path.write_bytes(b"text")
    with pytest.raises(RefusedSeries):
        read_slice_headers(path)
