"""Ways to damage a file. Each takes its elements and a random generator and gives other bytes."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from tests.fuzz.layout import Layout, Place

Mutation = Callable[[Layout, Generator], bytes]

_SYNTAXES = [
    b"1.2.840.10008.1.2" + end
    for end in (b"", b".1", b".2", b".5", b".1.99", b".4.50", b".4.51", b".4.57", b".4.70")
] + [b"1.2.840.10008.1.2.4." + end for end in (b"80", b"81", b"90", b"91", b"201", b"203", b"100")]
_VRS = (
    b"AE AS AT CS DA DS DT FL FD IS LO LT OB OW PN SH SL SQ SS ST TM UI UL UN US UT ZZ \0\0".split(
        b" "
    )
)
_TEXTS = [
    *(b"", b"0", b"-1", b"nan", b"inf", b"-inf", b"1e400", b"1e-400", b"99999999999999999999"),
    *(b"1\\2", b"0\\0\\0", b"1\\0\\0\\0\\1\\0", b"\\\\\\", b"\xff\xfe\x00", b"\xe9\xe9", b"^^="),
    *(b"LOCALIZER", b"YES", b"CT", b"MR", b"PT", b"MONOCHROME1", b"1.2.840.10008.5.1.4.1.1.2"),
]
_WORDS = [0, 1, 2, 3, 7, 8, 12, 15, 16, 17, 32, 64, 255, 256, 4096, 32768, 65534, 65535]
_LENGTHS = [
    0,
    1,
    2,
    3,
    4,
    8,
    0x7F,
    0xFF,
    0xFFFE,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0xFFFFFFFE,
    2**32 - 1,
]
_COUNTS = {0x00280010: "Rows", 0x00280011: "Columns", 0x00280002: "Samples"}
_BITS = (0x00280100, 0x00280101, 0x00280102, 0x00280103)


def flip_header(layout: Layout, rng: Generator) -> bytes:
    """Flip up to eight bits before the pixels."""
    pixels = layout.pixels
    return _flipped(layout.content, 0, pixels.value if pixels else len(layout.content), rng)


def flip_element(layout: Layout, rng: Generator) -> bytes:
    """Flip one bit of one element's value: the flips of `flip_header` mostly hit long ones."""
    place = _any(layout, rng)
    return _flipped(layout.content, place.value, max(place.value + 1, place.end), rng, most=1)


def flip_pixels(layout: Layout, rng: Generator) -> bytes:
    """Flip up to eight bits of the pixels, compressed or not."""
    place = layout.pixels
    if place is None:
        return flip_header(layout, rng)
    return _flipped(layout.content, place.value, place.end, rng)


def truncate(layout: Layout, rng: Generator) -> bytes:
    """End the file anywhere, or just where an element ends or its value begins."""
    ends = [0, 1, 127, 131, 132, *(place.start for place in layout.places)]
    ends += [place.value for place in layout.places]
    anywhere = int(rng.integers(len(layout.content)))
    return layout.content[: _pick(rng, [anywhere, len(layout.content) - 1, _pick(rng, ends)])]


def edit_tag(layout: Layout, rng: Generator) -> bytes:
    """Call an element by the name of another, or by any name."""
    place = _any(layout, rng)
    tag = _pick(rng, [_any(layout, rng).tag, int(rng.integers(2**32)), 0xFFFEE00D, 0xFFFEE0DD])
    packed = struct.pack("<HH" if layout.is_little else ">HH", tag >> 16, tag & 0xFFFF)
    return _replaced(layout.content, place.start, packed)


def edit_vr(layout: Layout, rng: Generator) -> bytes:
    """Say that a value is of another type; in implicit coding this hits the length."""
    return _replaced(layout.content, _any(layout, rng).start + 4, _pick(rng, _VRS)[:2].ljust(2))


def edit_length(layout: Layout, rng: Generator) -> bytes:
    """Lie about how long a value is."""
    place, order = _any(layout, rng), "<" if layout.is_little else ">"
    true = place.end - place.value
    length = _pick(rng, [*_LENGTHS, true + 1, true + 2, max(0, true - 1), max(0, true - 2)])
    if place.vr is not None and place.value - place.start == 8:
        return _replaced(layout.content, place.value - 2, struct.pack(order + "H", length & 0xFFFF))
    return _replaced(layout.content, place.value - 4, struct.pack(order + "I", length))


def duplicate(layout: Layout, rng: Generator) -> bytes:
    """Let an element stand twice."""
    place = _any(layout, rng)
    element = layout.content[place.start : place.end]
    return _inserted(layout.content, _pick(rng, [place.end, _any(layout, rng).start]), element)


def drop(layout: Layout, rng: Generator) -> bytes:
    """Leave an element out."""
    place = _any(layout, rng)
    return layout.content[: place.start] + layout.content[place.end :]


def swap(layout: Layout, rng: Generator) -> bytes:
    """Exchange the values of two elements, lengths and all."""
    first, second = sorted((_any(layout, rng), _any(layout, rng)), key=lambda place: place.start)
    if first == second:
        return drop(layout, rng)
    content = layout.content
    parts = [content[: first.start], content[second.start : second.end]]
    parts += [content[first.end : second.start], content[first.start : first.end]]
    return b"".join([*parts, content[second.end :]])


def edit_text(layout: Layout, rng: Generator) -> bytes:
    """Put an odd word into an element, with the right length."""
    place = _any(layout, rng)
    word = _pick(rng, _TEXTS)
    return _revalued(layout, place, word + b" " * (len(word) % 2))


def edit_size(layout: Layout, rng: Generator) -> bytes:
    """Change rows, columns, samples or frames to something absurd."""
    places = [place for place in layout.places if place.tag in (*_COUNTS, 0x00280008)]
    if not places:
        return edit_text(layout, rng)
    place = _pick(rng, places)
    if place.tag == 0x00280008:
        return _revalued(layout, place, _pick(rng, [b"0 ", b"-1", b"2 ", b"65536 ", b"2147483647"]))
    return _revalued(layout, place, _word(layout, rng))


def edit_sizes(layout: Layout, rng: Generator) -> bytes:
    """Make rows and columns absurd together."""
    for tag in (0x00280010, 0x00280011):
        place = next((place for place in layout.places if place.tag == tag), None)
        if place is not None and place.end - place.value == 2:
            content = _replaced(layout.content, place.value, _word(layout, rng))
            layout = Layout(content, layout.places, layout.is_little, layout.is_implicit)
    return layout.content


def edit_bits(layout: Layout, rng: Generator) -> bytes:
    """Change how many bits a pixel has, or whether it has a sign."""
    places = [place for place in layout.places if place.tag in _BITS]
    if not places:
        return edit_text(layout, rng)
    return _revalued(layout, _pick(rng, places), _word(layout, rng))


def edit_syntax(layout: Layout, rng: Generator) -> bytes:
    """Say that the file is coded in another way."""
    place = next((place for place in layout.places if place.tag == 0x00020010), None)
    if place is None:
        return edit_text(layout, rng)
    old = layout.content[place.value : place.end]
    # Most codings differ in length, which the group length would tell; keep it where possible.
    new = _pick(rng, _SYNTAXES)
    return _revalued(layout, place, new.ljust(max(len(old), len(new) + len(new) % 2), b"\0"))


def edit_fragments(layout: Layout, rng: Generator) -> bytes:
    """Lie about the pieces of compressed pixels: their lengths, their table, their end."""
    place = layout.pixels
    if place is None:
        return edit_length(layout, rng)
    value = layout.content[place.value : place.end]
    items = [at for at in range(min(len(value), 4096) - 8) if value[at : at + 4] == _ITEM]
    if not items:
        return edit_length(layout, rng)
    at = place.value + _pick(rng, items)
    length = struct.pack("<I", _pick(rng, _LENGTHS))
    return _pick(
        rng,
        [
            _replaced(layout.content, at + 4, length),
            _inserted(layout.content, at, _ITEM + length),
            _inserted(layout.content, at + 8, bytes(2)),
            layout.content[:at] + layout.content[at + 8 :],
        ],
    )


def nest(layout: Layout, rng: Generator) -> bytes:
    """Put a thousand sequences into one another before the pixels."""
    depth, tag = int(rng.integers(900, 2000)), _tag(layout, 0x00189999 & ~1, rng)
    order = "<" if layout.is_little else ">"
    vr = b"" if layout.is_implicit else b"SQ\0\0"
    item = struct.pack(order + "HHI", 0xFFFE, 0xE000, 2**32 - 1)
    ends = struct.pack(order + "HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    if rng.integers(2):
        nested = (tag + vr + struct.pack(order + "I", 2**32 - 1) + item) * depth + ends * depth
    else:
        nested = b""
        for _ in range(depth):
            inner = struct.pack(order + "HHI", 0xFFFE, 0xE000, len(nested)) + nested
            nested = tag + vr + struct.pack(order + "I", len(inner)) + inner
    return _before_pixels(layout, nested)


def lie_in_sequence(layout: Layout, rng: Generator) -> bytes:
    """Add a sequence whose lengths contradict one another."""
    order = "<" if layout.is_little else ">"
    tag, vr = _tag(layout, 0x00081140, rng), b"" if layout.is_implicit else b"SQ\0\0"
    inner = layout.content[layout.places[-1].start :][:40] if layout.places else b""
    item = struct.pack(order + "HHI", 0xFFFE, 0xE000, _pick(rng, _LENGTHS)) + inner
    return _before_pixels(
        layout, tag + vr + struct.pack(order + "I", _pick(rng, _LENGTHS)) + item * 3
    )


def splice(layout: Layout, rng: Generator) -> bytes:
    """Overwrite a stretch with noise, zeros or another stretch."""
    content, length = layout.content, int(rng.integers(1, 300))
    at = int(rng.integers(len(content)))
    other = int(rng.integers(len(content)))
    stretch = _pick(rng, [rng.bytes(length), bytes(length), content[other : other + length]])
    return content[:at] + stretch + content[at + length :]


def deflate(layout: Layout, rng: Generator) -> bytes:
    """Say that the data set is deflated, and deflate it, with a flipped bit or much too many."""
    place = next((place for place in layout.places if place.tag == 0x00020010), None)
    first = next((place for place in layout.places if place.tag >> 16 > 2), None)
    if place is None or first is None or layout.is_implicit or not layout.is_little:
        return flip_header(layout, rng)
    meta = _revalued(layout, place, b"1.2.840.10008.1.2.1.99")[:-1]
    meta = meta[: first.start + len(meta) + 1 - len(layout.content)]
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(layout.content[first.start :])
    if rng.integers(30) == 0:
        bomb = struct.pack("<HH2sHI", 0x7FE1, 0x0010, b"OB", 0, 600 * 2**20)
        packed += packer.compress(bomb)
        for _ in range(600):
            packed += packer.compress(bytes(2**20))
    packed += packer.flush()
    if rng.integers(2):
        packed = _flipped(packed, 0, len(packed), rng, most=2)
    return meta + packed


MUTATIONS: tuple[Mutation, ...] = (
    flip_header,
    flip_element,
    flip_pixels,
    truncate,
    edit_tag,
    edit_vr,
    edit_length,
    duplicate,
    drop,
    swap,
    edit_text,
    edit_size,
    edit_sizes,
    edit_bits,
    edit_syntax,
    edit_fragments,
    nest,
    lie_in_sequence,
    splice,
    deflate,
)
"""Every way; each is taken equally often."""

_ITEM = b"\xfe\xff\x00\xe0"


def _pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def _any(layout: Layout, rng: Generator) -> Place:
    if not layout.places:
        return Place(0, None, 0, min(8, len(layout.content)), len(layout.content))
    return _pick(rng, list(layout.places))


def _flipped(content: bytes, start: int, stop: int, rng: Generator, most: int = 8) -> bytes:
    changed = bytearray(content)
    stop = min(stop, len(changed))
    for _ in range(int(rng.integers(1, most + 1)) if stop > start else 0):
        changed[int(rng.integers(start, stop))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _replaced(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def _inserted(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at:]


def _revalued(layout: Layout, place: Place, value: bytes) -> bytes:
    """Return the file with another value of an element, its length put right."""
    order, content = "<" if layout.is_little or place.tag >> 16 == 2 else ">", layout.content
    is_short = place.vr is not None and place.value - place.start == 8
    length = struct.pack(order + ("H" if is_short else "I"), len(value))
    head = content[: place.value - len(length)] + length
    return head + value + content[place.end :]


def _word(layout: Layout, rng: Generator) -> bytes:
    return struct.pack("<H" if layout.is_little else ">H", _pick(rng, _WORDS))


def _tag(layout: Layout, usual: int, rng: Generator) -> bytes:
    tag = _pick(rng, [usual, 0x00091001])
    return struct.pack("<HH" if layout.is_little else ">HH", tag >> 16, tag & 0xFFFF)


def _before_pixels(layout: Layout, element: bytes) -> bytes:
    pixels = layout.pixels
    return _inserted(layout.content, pixels.start if pixels else len(layout.content), element)


def mutant(layouts: list[Layout], rng: Generator) -> tuple[str, list[bytes]]:
    """Damage one file of several, or all of them in the same way.

    Returns:
        What was done and the files.
    """
    mutate = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
    files = [layout.content for layout in layouts]
    if rng.integers(3):
        place = int(rng.integers(len(files)))
        files[place] = mutate(layouts[place], rng)
        return f"{mutate.__name__} of file {place}", files
    seed = int(rng.integers(2**32))
    return (
        f"{mutate.__name__} of all files",
        [mutate(layout, np.random.default_rng(seed)) for layout in layouts],
    )
