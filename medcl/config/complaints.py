"""Pydantic's findings → sentences with file, line, key, and a near miss where there is one."""

import difflib
import json
import re
import types
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from medcl.config.section import Section
from medcl.config.yaml_text import KeyPath, Parsed, Plain

Models = tuple[type[Section], ...]

_WORDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a section of `key: value` lines",
    "model_type": "must be a section of `key: value` lines",
    "model_attributes_type": "must be a section of `key: value` lines",
    "finite_number": "must be a finite number",
}


class Complaints:
    """Turns what pydantic found in one settings file into sentences.

    Args:
        parsed: The values and their places.
        stage: The model they were checked against.
        label: What the file is called.
    """

    def __init__(self, parsed: Parsed, stage: type[Section], label: str) -> None:
        """Remember what was checked against what."""
        self._parsed = parsed
        self._stage = stage
        self._label = label

    def sentences(self, error: ValidationError) -> Iterator[str]:
        """Give one sentence per finding, in the order of the file.

        Args:
            error: What pydantic raised.

        Yields:
            ``file.yaml:12: training.learning_rate = -0.001: must be greater than 0.``
        """
        every = error.errors(include_url=False)
        own = [details for details in every if not _follows_from_another(details, every)]
        found = {self._sentence(details): None for details in own}
        for _, sentence in sorted(found, key=lambda item: item[0]):
            yield sentence

    def _sentence(self, details: ErrorDetails) -> tuple[tuple[str, int], str]:
        path, models = self._locate(details["loc"], is_missing=details["type"] == "missing")
        place = self._place(path)
        name = ".".join(str(word) for word in path)
        text = _explain(details, models, name, echo=_may_be_echoed(models, path))
        file, _, line = place.rpartition(":")
        order = (file, int(line)) if line.isdecimal() else (place, 0)
        return order, f"{place}: {text}"

    def _locate(self, loc: Sequence[str | int], *, is_missing: bool) -> tuple[KeyPath, Models]:
        """Return the path without the names of union branches, and the models of its last step."""
        path: KeyPath = ()
        value: Plain = self._parsed.value
        reached: Models = (self._stage,)
        models = reached
        for index, word in enumerate(loc):
            is_last_missing = is_missing and index == len(loc) - 1
            if not is_last_missing and not _holds(value, word):
                reached = _branch(reached, str(word))
                continue
            models, reached = reached, _children(reached, word)
            path = (*path, word)
            value = None if is_last_missing else value[word]
        return path, models if path else reached

    def _place(self, path: KeyPath) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in self._parsed.places:
                return self._parsed.places[path[:end]]
        return self._label


def near_miss(word: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean x?`` for the candidate closest to a word, or nothing.

    Example:
        >>> near_miss("temprature", ["temperature", "name"])
        ' Did you mean temperature?'
    """
    close = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def _explain(details: ErrorDetails, models: Models, name: str, *, echo: bool) -> str:
    kind = details["type"]
    context = details.get("ctx", {})
    last = name.rpartition(".")[2]
    if kind == "missing":
        return _missing(name, last, models)
    if kind == "extra_forbidden":
        known = [field for model in models for field in model.model_fields]
        return f"{name} is not a known key.{near_miss(last, known)}"
    if kind == "value_error":
        subject = f"{name}: " if name else ""
        return f"{subject}{context['error']}"
    if kind in {"too_long", "too_short"}:
        return f"{name}: {_requirement(details)}"
    if kind == "union_tag_not_found":
        return f"{name}.{str(context['discriminator']).strip(chr(39))} is missing."
    shown = f" = {_short(details['input'])}" if echo else ""
    if kind == "union_tag_invalid":
        name += "." + str(context["discriminator"]).strip("'")
        shown = f" = {context['tag']}"
    return f"{name}{shown}: {_requirement(details)}"


def _follows_from_another(details: ErrorDetails, every: Sequence[ErrorDetails]) -> bool:
    """Return whether a list counts as too short only because its entries are wrong."""
    loc = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in every
    )


def _missing(name: str, last: str, models: Models) -> str:
    if last.isdecimal():
        return f"{name} is missing."
    texts = (model.model_fields[last].description for model in models if last in model.model_fields)
    meaning = next(filter(None, texts), "")
    return f"{name} is missing{f' ({meaning.splitlines()[0].rstrip(chr(46))})' if meaning else ''}."


def _requirement(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in {"literal_error", "union_tag_invalid"}:
        expected = str(context.get("expected", context.get("expected_tags", "")))
        choices = re.findall(r"'([^']*)'", expected)
        given = str(context.get("tag", details["input"]))
        return f"must be one of {', '.join(choices) or expected}.{near_miss(given, choices)}"
    if kind == "string_pattern_mismatch":
        return "must be a plain name: letters, digits, - _ . only, starting with a letter or digit."
    if kind in {"too_long", "too_short"}:
        bound = context.get("max_length", context.get("min_length"))
        direction = "at most" if kind == "too_long" else "at least"
        return f"must have {direction} {bound} entries, not {context['actual_length']}."
    if kind in _WORDS:
        return f"{_WORDS[kind]}."
    return re.sub(r"^(Input|Value|String|Tuple|List) should", "must", details["msg"]) + "."


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _holds(value: Plain, word: str | int) -> bool:
    if isinstance(value, dict):
        return word in value
    return isinstance(value, list) and isinstance(word, int) and word < len(value)


def _may_be_echoed(models: Models, path: KeyPath) -> bool:
    for model in models:
        field = model.model_fields.get(str(path[-1])) if path else None
        extra = field.json_schema_extra if field else None
        if isinstance(extra, dict) and extra.get("secret"):
            return False
    return True


def _children(models: Models, word: str | int) -> Models:
    """Return the sections that may stand under a key; entries of a list are those of the list."""
    if isinstance(word, int):
        return models
    fields = [model.model_fields[word] for model in models if word in model.model_fields]
    return tuple(dict.fromkeys(inner for f in fields for inner in _sections(f.annotation)))


def _sections(annotation: Any) -> Iterator[type[Section]]:  # noqa: ANN401 - any type form
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    elif get_origin(annotation) in {Union, types.UnionType, Annotated, tuple, list, dict}:
        for inner in get_args(annotation):
            yield from _sections(inner)


def _branch(models: Models, tag: str) -> Models:
    """Return the members of a union that a tag names; all of them for an unknown tag."""
    chosen = tuple(model for model in models if tag in _tags(model))
    return chosen or models


def _tags(model: type[Section]) -> set[str]:
    tags = {model.__name__}
    for field in model.model_fields.values():
        if get_origin(field.annotation) is Literal:
            tags |= {str(choice) for choice in get_args(field.annotation)}
    return tags
