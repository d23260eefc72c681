"""A series is split as far as it must be, and no further."""

from dataclasses import replace

import pytest
from pydicom.dataset import FileDataset

from medcl.ingest.grouping import stacks_of
from medcl.io.dicom.file import Elements
from medcl.io.dicom.header import slice_header
from medcl.io.dicom.slice_header import SOFT_KEYS, SliceHeader

SLICES = 5


def plane(depth: int, *, time: float | None = None, **soft: str) -> SliceHeader:
    dataset = FileDataset("", {})
    dataset.SOPClassUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.4", "MR"
    dataset.Rows, dataset.Columns, dataset.PixelSpacing = 8, 9, [1.0, 1.0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.ImagePositionPatient = [0, 0, 3.0 * depth]
    header = slice_header(Elements(dataset, is_whole=True))
    words = tuple(soft.get(name, "") for name in SOFT_KEYS)
    return replace(header, soft=words, content_time=time)


def sizes_and_words(headers: list[SliceHeader], **options: bool) -> dict[tuple[str, ...], int]:
    stacks = stacks_of(headers, **options)
    assert sorted(place for stack in stacks for place in stack.planes) == list(range(len(headers)))
    return {stack.words: len(stack.planes) for stack in stacks}


def test_a_plain_series_is_one_stack_whatever_its_soft_words_say() -> None:
    headers = [plane(z, acquisition=str(z), echo=str(z % 2), time=float(z)) for z in range(SLICES)]
    assert sizes_and_words(headers) == {(): SLICES}


@pytest.mark.parametrize("key", SOFT_KEYS)
def test_repeated_positions_are_split_by_the_key_that_tells_them_apart(key: str) -> None:
    headers = [plane(z, **{key: str(value)}) for z in range(SLICES) for value in (10, 20, 30)]
    assert sizes_and_words(headers) == {(key, str(value)): SLICES for value in (10, 20, 30)}


def test_the_first_key_that_works_is_taken() -> None:
    headers = [
        plane(z, temporal="1", echo=str(value), trigger=str(value), acquisition=str(z))
        for z in range(SLICES)
        for value in (1, 2)
    ]
    assert set(sizes_and_words(headers)) == {("echo", "1"), ("echo", "2")}


def test_two_keys_together_split_what_one_does_not() -> None:
    headers = [
        plane(z, temporal=str(t), echo=str(e))
        for z in range(SLICES)
        for t in (1, 2)
        for e in (1, 2)
    ]
    found = sizes_and_words(headers)
    assert set(found.values()) == {SLICES}
    assert len(found) == 4
    assert all(words[0] == "temporal+echo" for words in found)


def test_a_key_that_some_planes_lack_is_not_taken() -> None:
    headers = [plane(z, echo=str(value)) for z in range(SLICES) for value in (1, 2)]
    headers[3] = replace(headers[3], soft=("",) * len(SOFT_KEYS))
    assert sizes_and_words(headers) == {(): 2 * SLICES}


def test_time_alone_splits_where_every_position_is_filled_equally_often() -> None:
    sweeps = [plane(z, time=100.0 * t + z) for t in range(3) for z in range(SLICES)]
    found = stacks_of(sweeps)
    assert [stack.words for stack in found] == [("time", "0"), ("time", "1"), ("time", "2")]
    assert found[1].planes == tuple(range(SLICES, 2 * SLICES))
    assert sizes_and_words(sweeps[:-1]) == {(): 3 * SLICES - 1}


def test_equal_times_split_nothing() -> None:
    twice = [plane(z, time=1.0) for z in range(SLICES) for _ in range(2)]
    assert sizes_and_words(twice) == {(): 2 * SLICES}


def test_pieces_too_small_to_be_volumes_are_not_made() -> None:
    headers = [plane(z, echo="1") for z in range(SLICES)] + [plane(0, echo="2")]
    assert sizes_and_words(headers) == {(): SLICES + 1}


def test_orientations_part_a_classic_series_only_where_asked_for() -> None:
    upright = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    turned = [
        replace(plane(z), orientation=upright, position_mm=(0.0, 3.0 * z, 0.0)) for z in range(4)
    ]
    headers = [plane(z) for z in range(SLICES)] + turned
    assert sizes_and_words(headers) == {(): SLICES + 4}
    assert sorted(sizes_and_words(headers, by_orientation=True).values()) == [4, SLICES]
    enhanced = [replace(one, sop_class="1.2.840.10008.5.1.4.1.1.4.1") for one in headers]
    assert sorted(sizes_and_words(enhanced).values()) == [4, SLICES]


def test_sizes_part_a_classic_series_only_where_asked_for() -> None:
    wide = [replace(plane(z), columns=20) for z in range(4)]
    headers = [plane(z) for z in range(SLICES)] + wide
    # Two sizes at one position are two planes at one position.
    assert sizes_and_words(headers) == {(): SLICES + 4}
    found = sizes_and_words(headers, by_size=True)
    assert found == {("size", "0"): SLICES, ("size", "1"): 4}


def test_words_do_not_depend_on_the_order_of_files() -> None:
    upright = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    turned = [
        replace(plane(z), orientation=upright, position_mm=(0.0, 3.0 * z, 0.0)) for z in range(4)
    ]
    headers = [plane(z) for z in range(SLICES)] + turned
    forward = sizes_and_words(headers, by_orientation=True)
    assert sizes_and_words(headers[::-1], by_orientation=True) == forward
