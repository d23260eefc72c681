"""Where the elements of a sound DICOM file begin and end, to damage them one by one."""

from dataclasses import dataclass
from io import BytesIO

from pydicom.filereader import read_dataset, read_partial

from medcl.io.quiet import quiet

_LONG_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
_PIXELS = 0x7FE00010


@dataclass(frozen=True)
class Place:
    """One element of the top level: its header, its value, the next element."""

    tag: int
    vr: str | None
    start: int
    value: int
    end: int


@dataclass(frozen=True)
class Layout:
    """A file and its elements; ``is_little`` and ``is_implicit`` of the data set."""

    content: bytes
    places: tuple[Place, ...]
    is_little: bool
    is_implicit: bool

    @property
    def pixels(self) -> Place | None:
        return next((place for place in self.places if place.tag == _PIXELS), None)


def layout_of(content: bytes) -> Layout:
    """Return the elements of a file; none where a parser finds none."""
    heads: list[tuple[int, str | None, int]] = []
    file = BytesIO(content)

    def note(tag: int, vr: str | None, _length: int) -> bool:
        heads.append((int(tag), vr, file.tell()))
        return False

    implicit, little = False, True
    with quiet():
        try:
            file.seek(132)
            read_dataset(file, False, True, stop_when=lambda t, v, n: note(t, v, n) or t >> 16 != 2)
            if heads and heads[-1][0] >> 16 != 2:
                heads.pop()
            file.seek(0)
            implicit, little = read_partial(file, note).original_encoding
        except Exception:  # noqa: BLE001 (some of the corpus is broken by design)
            heads = heads[:-1]
    starts = [value - (12 if vr in _LONG_VRS else 8) for _, vr, value in heads]
    ends = [*starts[1:], len(content)] if starts else []
    places = tuple(
        Place(tag, vr, start, value, end)
        for (tag, vr, value), start, end in zip(heads, starts, ends, strict=True)
        if start < value <= end
    )
    return Layout(content, places, bool(little), bool(implicit))
