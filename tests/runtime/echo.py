"""A confined process that does what the first word of a request says."""

import os
import sys
import time

from medcl.runtime.guard import NotPreparedError, run_guard

PREPARED: list[int] = []
KEPT: list[bytes] = []


def prepare() -> None:
    PREPARED.append(os.getpid())


def serve(request: bytes) -> bytes | list:  # noqa: C901, PLR0912 (one case per thing to do)
    word, _, rest = request.partition(b" ")
    match word:
        case b"eat":
            return bytes(len(bytearray(int(rest))) // 2**20)
        case b"spin":
            while True:
                pass
        case b"later" if not PREPARED:
            raise NotPreparedError
        case b"never":
            raise NotPreparedError
        case b"later":
            return b"prepared once" if len(PREPARED) == 1 else b"prepared again"
        case b"sleep":
            time.sleep(60)
        case b"crash":
            os.abort()
        case b"raise":
            raise ValueError("a value from a header")
        case b"print":
            sys.stdout.write("a line among the answers\n")
            sys.stdout.flush()
            os.write(1, b"and another")
        case b"half" | b"parts":
            return [bytes(2**17), range(5)] if word == b"half" else [rest, memoryview(b" + "), rest]
        case b"keep":
            KEPT.append(b"k" * int(rest))
            return str(os.getpid()).encode()
        case b"pid":
            return str(os.getpid()).encode()
    return request


if __name__ == "__main__":
    run_guard(serve, sys.argv[1:], prepare=prepare)
