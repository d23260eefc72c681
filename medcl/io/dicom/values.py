"""Values of DICOM elements as text and numbers; a malformed value counts as absent."""

import math
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, Union

from medcl.io.dicom.plain import PlainElements
from medcl.io.dicom.tags import TAGS

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Readable: TypeAlias = Union["Dataset", PlainElements]
"""Elements as pydicom holds them, or those of a plain file."""

_LONGEST_TEXT = 1024


def words(elements: Readable, keyword: str) -> tuple[str, ...]:
    """Return the values of a multi-valued text element, trimmed, upper case."""
    return tuple(part.strip().upper() for part in text(elements, keyword).split("\\"))


def text(elements: Readable, keyword: str | int) -> str:
    """Return an element as trimmed text, values joined by a backslash, or empty text.

    A damaged file may say that any element is a sequence. It counts as absent: written out it
    would be all that is nested in it, which may take hours, fail, or be a name.
    """
    if isinstance(elements, PlainElements):
        return elements.texts.get(TAGS[keyword] if isinstance(keyword, str) else keyword, "")
    from pydicom.sequence import Sequence

    value = _value(elements, keyword)
    if value is None or isinstance(value, Sequence):
        return ""
    if isinstance(value, bytes):
        return value[:_LONGEST_TEXT].hex()
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value).strip(" \0")[:_LONGEST_TEXT]
    return "\\".join(str(part).strip(" \0") for part in value)[:_LONGEST_TEXT]


def number(elements: Readable, keyword: str) -> float | None:
    """Return an element as one finite number, or ``None``."""
    found = numbers(elements, keyword, 1)
    return None if found is None else found[0]


def numbers(elements: Readable, keyword: str, count: int) -> tuple[float, ...] | None:
    """Return an element as finite numbers, or ``None`` if it does not hold just ``count``."""
    try:
        found = tuple(float(part) for part in text(elements, keyword).split("\\"))
    except ValueError:
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def holds(elements: Readable, keyword: str) -> bool:
    """Return whether an element is there, be it empty."""
    if isinstance(elements, PlainElements):
        return TAGS[keyword] in elements.texts
    return keyword in elements


def meta_of(elements: Readable) -> Readable:
    """Return the file meta information that stands before elements, or nothing much."""
    if isinstance(elements, PlainElements):
        return elements
    found: Readable = getattr(elements, "file_meta", PlainElements({}, 0, 0))
    return found


def _value(elements: "Dataset", keyword: str | int) -> object:
    tag = _tag(keyword) if isinstance(keyword, str) else keyword
    try:
        # By tag: by keyword, pydicom first tries and fails to find an attribute of that name.
        return None if tag is None or tag not in elements else elements[tag].value
    except Exception:  # noqa: BLE001 (pydicom converts lazily; a malformed value counts as absent)
        return None


@cache
def _tag(keyword: str) -> int | None:
    if keyword in TAGS:
        return TAGS[keyword]
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(keyword)
