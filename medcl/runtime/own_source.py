"""What code is running: a version says what was released, a hash what is really there."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]


@cache
def source_digest() -> str:
    """Return a SHA-256 over the package's source files, wherever it is installed.

    Returns:
        64 hex characters, over the path below the package and the content of every ``.py`` and
        ``.cpp`` file in rising order.

    Example:
        >>> len(source_digest())
        64
    """
    digest = hashlib.sha256()
    files = {path.relative_to(_ROOT).as_posix(): path for path in _ROOT.rglob("*.[pc][yp]*")}
    for name in sorted(name for name in files if name.endswith((".py", ".cpp"))):
        digest.update(f"{name} {hashlib.sha256(files[name].read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
