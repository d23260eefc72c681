"""Frames of bytes on pipes: a kind, a length, the content, and a mark that says it came whole.

An answer may be as large as a volume. Whoever only passes it on never holds it: its pages move
from pipe to pipe inside the kernel. Should its sender die midway, what is missing is filled up, so
that the next frame is found, and the mark says that it is void.
"""

import fcntl
import os
import struct
from contextlib import suppress
from io import FileIO
from typing import IO, BinaryIO

Content = bytes | memoryview

ANSWER, DIED, UNPREPARED = b"a", b"d", b"u"
"""Kinds of frame."""

_HEADER = struct.Struct(">cQ")
_WHOLE, _VOID = b".", b"!"
_PIPE_BYTES = 2**20
_FILLING = bytes(2**16)


class TooLongError(Exception):
    """A frame is larger than it may be."""


class VoidFrameError(EOFError):
    """The sender of a frame died midway; the next frame says more."""


class TargetGoneError(Exception):
    """Nobody reads any more what is passed on."""


def widened(descriptor: int) -> int:
    """Let a pipe hold more, if the system allows it: fewer turns between its two ends.

    Args:
        descriptor: Of either end.

    Returns:
        The descriptor.
    """
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return descriptor


def send(pipe: IO[bytes], kind: bytes, *contents: Content) -> None:
    """Write a frame.

    Args:
        pipe: Where to.
        kind: `ANSWER` or `DIED`.
        contents: Pieces of its content; they are not put together first.
    """
    pipe.write(_HEADER.pack(kind, sum(map(len, contents))))
    for content in contents:
        pipe.write(content)
    pipe.write(_WHOLE)
    pipe.flush()


def receive(pipe: IO[bytes], most_bytes: int) -> tuple[bytes, bytes]:
    """Read a frame.

    Args:
        pipe: Where from.
        most_bytes: Largest content.

    Returns:
        Kind and content.

    Raises:
        EOFError: The pipe ends.
        TooLongError: The content is larger than it may be.
        VoidFrameError: Its sender died midway.
    """
    kind, length = receive_head(pipe, most_bytes)
    content = _exactly(pipe, length)
    if _exactly(pipe, 1) != _WHOLE:
        raise VoidFrameError
    return kind, content


def receive_head(pipe: IO[bytes], most_bytes: int) -> tuple[bytes, int]:
    """Read kind and length of a frame; its content and mark stay in the pipe.

    Args:
        pipe: Where from.
        most_bytes: Largest content.

    Returns:
        Kind, and bytes of the content.

    Raises:
        EOFError: The pipe ends.
        TooLongError: The content is larger than it may be.
    """
    kind, length = _HEADER.unpack(_exactly(pipe, _HEADER.size))
    if length > most_bytes:
        raise TooLongError
    return kind, length


def pass_on(source: FileIO, target: BinaryIO, kind: bytes, length: int) -> None:
    """Pass the content of a frame on, head first, without holding it.

    Args:
        source: Pipe whose frame's head was received; unbuffered.
        target: Pipe to whoever waits for the frame.
        kind: Of the frame.
        length: Of its content, bytes.

    Raises:
        VoidFrameError: The sender died midway; the target was told by the frame's mark.
        TargetGoneError: Nobody reads the target any more.
    """
    try:
        target.write(_HEADER.pack(kind, length))
        target.flush()
        left = length
        while left and (moved := os.splice(source.fileno(), target.fileno(), left)):
            left -= moved
        is_whole = not left and source.read(1) == _WHOLE
        while left > 0:
            left -= target.write(_FILLING[:left])
        target.write(_WHOLE if is_whole else _VOID)
        target.flush()
    except OSError:
        raise TargetGoneError from None
    if not is_whole:
        raise VoidFrameError


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    content = pipe.read(length)
    while len(content) < length:
        more = pipe.read(length - len(content))
        if not more:
            raise EOFError
        content += more
    return content
