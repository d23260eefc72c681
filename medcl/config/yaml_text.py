"""YAML text → plain values and the place of each: YAML 1.2, data only.

Refused: keys given twice, anchors and aliases (a short file could unfold into gigabytes), explicit
tags (they name types), more than one document, more than 256 KiB, more than 16 levels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, DocumentStartEvent, NodeEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from medcl.errors import ConfigError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 16

Plain = Any
"""Dictionaries with text keys, lists, text, numbers, booleans, ``None``."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed text.

    Attributes:
        value: What it says.
        places: Where each key and list entry stands, such as ``study.yaml:12``.
    """

    value: Plain
    places: Mapping[KeyPath, str]


def read(path: Path) -> Parsed:
    """Read a settings file whose outermost level is a mapping.

    Args:
        path: The file.

    Returns:
        Its values and their places.

    Raises:
        ConfigError: There is no such file, it cannot be read, or it is no mapping in plain YAML.
    """
    parsed = parse(_text(path), label=str(path))
    if not isinstance(parsed.value, dict):
        what = "it is empty" if parsed.value is None else "it holds something else"
        raise ConfigError(f"{path} must hold settings as `key: value` lines, but {what}.")
    return parsed


def parse(text: str, *, label: str) -> Parsed:
    r"""Parse YAML text.

    Args:
        text: YAML 1.2.
        label: What the text is called in places and messages.

    Returns:
        Its value and places.

    Raises:
        ConfigError: The text is no YAML or uses what is refused.

    Example:
        >>> parse("lr: 1e-3\nuse: no", label="a.yaml")
        Parsed(value={'lr': 0.001, 'use': 'no'}, places={('lr',): 'a.yaml:1', ('use',): 'a.yaml:2'})
    """
    try:
        _refuse_what_is_not_data(text, label)
        node = _yaml().compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise ConfigError(f"{where}: this is not YAML: {error.problem}.") from None
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{label}: this is not YAML: {str(error).splitlines()[0]}.") from None
    places: dict[KeyPath, str] = {}
    value = None if node is None else _plain(node, (), label, places)
    return Parsed(value, places)


def _text(path: Path) -> str:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; a settings file is needed.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"There is no settings file {path}.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path} must be no larger than {MAX_BYTES // 1024} KiB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: the file must be UTF-8 text.") from None


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _refuse_what_is_not_data(text: str, label: str) -> None:
    depth = documents = 0
    for event in _yaml().parse(text):
        where = f"{label}:{event.start_mark.line + 1}"
        name = type(event).__name__
        depth += name.endswith(("MappingStartEvent", "SequenceStartEvent"))
        depth -= name.endswith(("MappingEndEvent", "SequenceEndEvent"))
        documents += isinstance(event, DocumentStartEvent)
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ConfigError(f"{where}: anchors and aliases are not taken; write the value out.")
        if isinstance(event, NodeEvent) and getattr(event, "tag", None) is not None:
            raise ConfigError(f"{where}: type tags are not taken; write the plain value.")
        if depth > MAX_DEPTH:
            raise ConfigError(f"{where}: settings must not nest deeper than {MAX_DEPTH} levels.")
        if documents > 1:
            raise ConfigError(f"{where}: a settings file must hold one document.")
        if isinstance(event, DocumentStartEvent) and event.version not in (None, (1, 2)):
            raise ConfigError(f"{where}: settings are YAML 1.2; leave the %YAML line out.")


def _plain(node: Node, path: KeyPath, label: str, places: dict[KeyPath, str]) -> Plain:
    if isinstance(node, MappingNode):
        return _mapping(node, path, label, places)
    if isinstance(node, SequenceNode):
        values = []
        for index, item in enumerate(node.value):
            places[(*path, index)] = f"{label}:{item.start_mark.line + 1}"
            values.append(_plain(item, (*path, index), label, places))
        return values
    return _scalar(node, label)


def _mapping(
    node: MappingNode, path: KeyPath, label: str, places: dict[KeyPath, str]
) -> dict[str, Plain]:
    values: dict[str, Plain] = {}
    for key_node, value_node in node.value:
        where = f"{label}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, ScalarNode):
            raise ConfigError(f"{where}: a key must be a word.")
        key = str(key_node.value)
        if key in values:
            raise ConfigError(f"{where}: {key} is given twice.")
        places[(*path, key)] = where
        values[key] = _plain(value_node, (*path, key), label, places)
    return values


def _scalar(node: Node, label: str) -> Plain:
    try:
        value = _yaml().constructor.construct_object(node)
    except (YAMLError, ValueError, OverflowError):
        where = f"{label}:{node.start_mark.line + 1}"
        raise ConfigError(f"{where}: this value cannot be read.") from None
    return str(node.value) if isinstance(value, date) else value
