"""The folder of one run: what was asked, whether it is finished, and what came of it.

A stage that is called again with the same inputs finds its finished run here and does no work
twice; one that was killed goes on; one with other inputs is refused, so that no folder ever holds
the mixture of two runs.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.errors import InputError, RequestError
from medcl.runtime import files
from medcl.store.rows import VolumeRow

Inputs = Mapping[str, object]
"""What decides the result: settings, store digest, label digest, encoder checksum."""


def fingerprint(inputs: Inputs) -> str:
    """Return a hash of everything that decides a run's result.

    Example:
        >>> fingerprint({"steps": 3, "seed": 0}) == fingerprint({"seed": 0, "steps": 3})
        True
    """
    text = json.dumps(inputs, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content_digest(rows: Sequence[VolumeRow]) -> str:
    """Return a hash of the volumes that go into a run, whatever else their store holds."""
    lines = sorted(f"{row.key} {row.patient_key} {row.content_sha256}" for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """An opened run folder.

    Attributes:
        folder: Where it is.
        fingerprint: Hash of the inputs.
    """

    folder: Path
    fingerprint: str

    @classmethod
    def open(cls, folder: Path, *, stage: str, inputs: Inputs) -> "RunFolder":
        """Make the folder, or take up the run that it holds.

        Args:
            folder: Where the run is or shall be.
            stage: Name of the command.
            inputs: What decides the result; it is written to ``run.json``.

        Returns:
            The opened folder.

        Raises:
            RequestError: The folder holds a run of another stage or of other inputs.
            InputError: The folder cannot be made.
        """
        mark = fingerprint(inputs)
        record = folder / "run.json"
        if record.exists():
            found = _read(record)
            if found.get("fingerprint") != mark:
                told = difference(found.get("inputs"), inputs) or "another stage"
                raise RequestError(
                    f"{folder} already holds a {found.get('stage', 'foreign')} run with other "
                    f"inputs ({told}). Give the run another name or remove "
                    f"the folder."
                )
        else:
            _make(folder)
            files.write_json(record, {"stage": stage, "fingerprint": mark, "inputs": inputs})
        return cls(folder, mark)

    def finished(self) -> dict[str, object] | None:
        """Return the summary of the finished run, or ``None`` if it has not finished."""
        record = self.folder / "finished.json"
        return _read(record) if record.exists() else None

    def finish(self, summary: Mapping[str, object]) -> None:
        """Record that the run is complete.

        Args:
            summary: What the command reports; JSON.
        """
        files.write_json(self.folder / "finished.json", summary)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InputError(
            f"{folder} must be a folder for the run; making it failed: {reason}."
        ) from None


def _read(record: Path) -> dict[str, object]:
    try:
        content = json.loads(record.read_text())
    except (ValueError, OSError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{record} must hold a JSON object; remove the run folder to start anew.")
    return content


def difference(then: object, now: object) -> str:
    """Return the names of the first inputs that differ, never their values.

    Args:
        then: Inputs of a run, as nested mappings.
        now: Others.

    Returns:
        Nothing, where none does.

    Example:
        >>> difference({"seed": 0, "steps": {"most": 3}}, {"seed": 0, "steps": {"most": 4}})
        'steps.most'
    """
    old, new = _flatten(then, ""), _flatten(now, "")
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _flatten(value: object, prefix: str) -> dict[str, object]:
    if isinstance(value, Mapping):
        flat: dict[str, object] = {}
        for key, inner in value.items():
            flat |= _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}
