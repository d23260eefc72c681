"""Words become classes, and only those that were meant."""

import pytest

from medcl.errors import InputError
from medcl.io.labels.object import LabelObject, Segment
from medcl.stages.segment_classes import (
    ClassWords,
    choose,
    parse_classes,
    require_numbers_agree,
)

LIVER = Segment(number=4, name="Liver (JD)", code="SCT:10200004", meaning="Liver")
SPLEEN = Segment(number=7, name="SPLEEN_2")


def described(*segments: Segment, kind: str = "segmentation") -> LabelObject:
    return LabelObject(kind=kind, series_uids=("1.2",), segments=segments)


@pytest.mark.parametrize(
    "text", ["liver", "liver=", "=1", "liver=-1", "liver=1.5", "liver=65536", "a=1,,b=2"]
)
def test_what_is_no_name_and_class_is_refused(text):
    with pytest.raises(InputError, match=r"NAME=CLASS,NAME=CLASS .* part \d is not"):
        parse_classes(text)


def test_one_name_with_two_classes_is_refused():
    with pytest.raises(InputError, match="must have one class"):
        parse_classes("liver=1,LIVER=2")


def test_a_name_may_hold_an_equals_sign():
    assert parse_classes("a=b=2").classes == {"a=b": 2}


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("liver=1", {4: 1}),
        ("LIVER (jd)=3", {4: 3}),
        ("10200004=2", {4: 2}),
        ("sct:10200004=2,spleen-2=1", {4: 2, 7: 1}),
        ("spleen=1", {}),
        ("4=1", {}),
    ],
)
def test_segments_are_chosen_by_name_code_or_meaning(text, classes):
    assert choose(described(LIVER, SPLEEN), parse_classes(text)).classes == classes


def test_a_segment_of_two_classes_is_refused():
    with pytest.raises(InputError, match="one of 2 fits names of 2 classes"):
        choose(described(LIVER, SPLEEN), parse_classes("liver=1,sct:10200004=2"))


def test_without_words_segments_keep_their_numbers():
    assert choose(described(LIVER, SPLEEN), ClassWords()).classes == {4: 4, 7: 7}


def test_numbers_that_mean_the_same_everywhere_may_be_classes():
    require_numbers_agree([described(LIVER, SPLEEN), described(LIVER)])


@pytest.mark.parametrize(
    ("objects", "sentence"),
    [
        ([described(LIVER), described(Segment(number=4, name="x"))], "1 of 1 segment numbers"),
        ([described(LIVER), described(SPLEEN, kind="structure_set")], "1 structure sets number"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(objects, sentence):
    with pytest.raises(InputError, match=sentence):
        require_numbers_agree(objects)
