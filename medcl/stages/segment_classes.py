"""Which class each segment of a label object has: by words that the user gives, or by number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from medcl.errors import InputError
from medcl.io.labels.grid import LARGEST_CLASS
from medcl.io.labels.object import LabelObject, Segment

_CODE_ENDS = ":"


@dataclass(frozen=True, slots=True)
class ClassWords:
    """What the user says: words for segments, each with its class.

    Attributes:
        classes: Word, as `plain` returns it → class, in the order given; empty where segments keep
            their numbers.
        later_covers_earlier: Where segments overlap, the class that stands later holds; else
            overlaps are refused.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    later_covers_earlier: bool = False

    def order(self, drawn: Iterable[int]) -> list[int]:
        """Return classes that are drawn in the order given, or rising where none was given.

        Example:
            >>> ClassWords({"liver": 2, "tumour": 1}).order([1, 2]), ClassWords().order([3, 1])
            ([2, 1], [1, 3])
        """
        given = list(dict.fromkeys(self.classes.values()))
        return given or sorted(set(drawn))


@dataclass(frozen=True, slots=True, repr=False)
class Chosen:
    """What of one object is drawn.

    Attributes:
        classes: Number of segment → class.
        words: What chose them: words of the user, or numbers.
    """

    classes: Mapping[int, int]
    words: frozenset[str]


def parse_classes(text: str, *, later_covers_earlier: bool = False) -> ClassWords:
    """Return the words and classes of ``liver=1,left kidney=2``.

    Args:
        text: Words and classes; empty for none.
        later_covers_earlier: See `ClassWords`.

    Returns:
        Them.

    Raises:
        InputError: A word has no class, or two.

    Example:
        >>> parse_classes("Liver=1, kidney_left=2, kidney right=2").classes
        {'liver': 1, 'kidney left': 2, 'kidney right': 2}
    """
    found: dict[str, int] = {}
    for part in text.split(",") if text.strip() else []:
        word, _, number = part.rpartition("=")
        word, number = plain(word), number.strip()
        is_class = number.isdecimal() and len(number) <= 5 and int(number) <= LARGEST_CLASS
        if not word or not is_class:
            raise InputError(
                f"Classes must be given as NAME=CLASS,NAME=CLASS with whole numbers from 0 to "
                f"{LARGEST_CLASS}; part {len(found) + 1} is not."
            )
        if found.setdefault(word, int(number)) != int(number):
            raise InputError("A name must have one class; one is given with two.")
    return ClassWords(found, later_covers_earlier)


def choose(found: LabelObject, words: ClassWords) -> Chosen:
    """Return what of an object is drawn.

    A segment is chosen by its name, the meaning of its code, its code (``SCT:10200004``) or the
    code's value alone; case, underscores and dashes do not count. One that was not drawn is left
    out.

    Args:
        found: The object.
        words: What the user says.

    Returns:
        Segments and their classes; none where no segment bears such a name.

    Raises:
        InputError: A segment is chosen by words of different classes.

    Example:
        >>> liver = Segment(number=3, name="LIVER", code="SCT:10200004")
        >>> found = LabelObject(kind="segmentation", series_uids=(), segments=(liver,))
        >>> choose(found, parse_classes("liver=1")).classes
        {3: 1}
        >>> choose(found, parse_classes("sct:10200004=2")).classes
        {3: 2}
    """
    drawn = [segment for segment in found.segments if not segment.is_empty]
    if not words.classes:
        numbers = [segment.number for segment in drawn]
        return Chosen({number: number for number in numbers}, frozenset(map(str, numbers)))
    classes: dict[int, int] = {}
    used: set[str] = set()
    for segment in drawn:
        fitting = words.classes.keys() & _words_of(segment)
        wanted = {words.classes[word] for word in fitting}
        if len(wanted) > 1:
            raise InputError(
                f"A segment must have one class; one of {len(found.segments)} fits names of "
                f"{len(wanted)} classes."
            )
        if wanted:
            classes[segment.number] = wanted.pop()
            used |= fitting
    return Chosen(classes, frozenset(used))


def require_numbers_agree(objects: Iterable[LabelObject]) -> None:
    """Check that segment numbers can be classes: they mean the same in all objects.

    Args:
        objects: All objects that are added together.

    Raises:
        InputError: They do not, or an object is a structure set, which numbers at will.
    """
    meant: dict[int, set[str]] = {}
    num_sets = 0
    for one in objects:
        num_sets += one.kind == "structure_set"
        for segment in one.segments:
            meant.setdefault(segment.number, set()).add(plain(segment.code or segment.name))
    num_odd = sum(len(names) > 1 for names in meant.values())
    if num_sets or num_odd:
        why = (
            f"{num_sets} structure sets number their structures at will"
            if num_sets
            else f"{num_odd} of {len(meant)} segment numbers stand for different structures"
        )
        raise InputError(f"Say which class a name has, --classes NAME=CLASS,NAME=CLASS: {why}.")


def plain(words: str) -> str:
    """Return words without what does not count: case, underscores, dashes, repeated blanks.

    Example:
        >>> plain("  Kidney_LEFT ")
        'kidney left'
    """
    return " ".join(words.replace("_", " ").replace("-", " ").split()).casefold()


def _words_of(segment: Segment) -> set[str]:
    value = segment.code.partition(_CODE_ENDS)[2]
    return {plain(word) for word in (segment.name, segment.meaning, segment.code, value)} - {""}
