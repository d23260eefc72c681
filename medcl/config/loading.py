"""A settings file and its overrides → frozen settings, or every mistake at once.

The way is YAML 1.2 → plain values → JSON → pydantic in strict mode. Each detour removes one trap:
YAML 1.2 reads ``1e-3`` as a number and ``no`` as text, strict mode refuses ``steps: yes``, and
reading from JSON lets strict mode take a list for a fixed-length tuple.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from medcl.config.complaints import Complaints
from medcl.config.section import Section
from medcl.config.yaml_text import KeyPath, Parsed, Plain, parse, read
from medcl.errors import ConfigError

SectionT = TypeVar("SectionT", bound=Section)

FILE_KEYS = ("policy",)
"""Settings that may stand in a file of their own: ``policy: ct.yaml`` or ``{file: ct.yaml}``."""


def load(path: Path, stage: type[SectionT], *, overrides: Iterable[str] = ()) -> SectionT:
    """Read and check a settings file.

    Args:
        path: The YAML file.
        stage: Which settings it holds, such as `medcl.config.study.StudyConfig`.
        overrides: ``key.path=value``, the value read as YAML; applied in order after the file.
            Entries of lists are numbered from 0.

    Returns:
        The complete, checked settings; a policy file is read in, so that they stand on their own.

    Raises:
        ConfigError: Anything is wrong. The message has one line per mistake, each with file, line
            and key.
    """
    parsed = _inline_files(read(path))
    for override in overrides:
        parsed = _inline_files(_override(parsed, override))
    return check(parsed, stage, label=str(path))


def check(parsed: Parsed, stage: type[SectionT], *, label: str) -> SectionT:
    r"""Return the settings that parsed values stand for.

    Args:
        parsed: Values and their places.
        stage: Which settings they are.
        label: What the file is called in messages.

    Returns:
        Checked settings.

    Raises:
        ConfigError: One line per mistake.

    Example:
        >>> from medcl.config.policy import GridConfig
        >>> text = "size_voxels: [8, 8, 8]\nspacing_mm: [1, 1, 2.5]"
        >>> check(parse(text, label="grid.yaml"), GridConfig, label="grid.yaml").spacing_mm
        (1.0, 1.0, 2.5)
    """
    try:
        return stage.model_validate_json(json.dumps(parsed.value))
    except ValidationError as error:
        complaints = Complaints(parsed, stage, label)
        raise ConfigError("\n".join(complaints.sentences(error))) from None


def _override(parsed: Parsed, override: str) -> Parsed:
    """Return the values with one of them replaced; missing sections on the way are made.

    Raises:
        ConfigError: The override is not ``key.path=value`` or counts beyond a list.
    """
    name, equals, text = override.partition("=")
    if not equals or not all(name.split(".")):
        raise ConfigError(f"An override must read key.path=value, but {override!r} does not.")
    label = "override"
    path: KeyPath = tuple(int(word) if word.isdecimal() else word for word in name.split("."))
    new = parse(text, label=f"override {name}")
    places = {key: place for key, place in parsed.places.items() if key[: len(path)] != path}
    places |= {path[:end]: label for end in range(1, len(path) + 1) if path[:end] not in places}
    places |= {(*path, *key): label for key in new.places}
    return Parsed(_replace(parsed.value, path, new.value, label), places)


def _replace(value: Plain, path: KeyPath, new: Plain, label: str) -> Plain:
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        if not isinstance(value, list) or head >= len(value):
            raise ConfigError(f"{label}: there is no list with an entry {head} to replace.")
        return [
            _replace(old, rest, new, label) if i == head else old for i, old in enumerate(value)
        ]
    if head == "file" and not rest:
        return {head: new}
    section = value if isinstance(value, dict) else {}
    return section | {head: _replace(section.get(head), rest, new, label)}


def _inline_files(parsed: Parsed) -> Parsed:
    """Return the values with what stands in files of its own read in."""
    for key in FILE_KEYS:
        value = parsed.value.get(key)
        if isinstance(value, str):
            parsed = _inline(parsed, key, {"file": value}, parsed.places[key,])
        elif isinstance(value, dict) and "file" in value:
            parsed = _inline(parsed, key, value, parsed.places.get((key, "file"), "override"))
    return parsed


def _inline(parsed: Parsed, key: str, value: dict[str, Plain], place: str) -> Parsed:
    if len(value) > 1 or not isinstance(value["file"], str):
        raise ConfigError(f"{place}: {key}.file must be a path and stand alone in {key}.")
    try:
        inner = read(Path(value["file"]))
    except ConfigError as error:
        raise ConfigError(f"{place}: {key}.file: {error}") from None
    places = {path: where for path, where in parsed.places.items() if path[0] != key}
    places[key,] = f"{value['file']}:1"
    places |= {(key, *path): where for path, where in inner.places.items()}
    return Parsed(parsed.value | {key: inner.value}, places)
