"""An encoder that leaves: a folder with weights, what to feed them, and how to trust them."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

import medcl
from medcl.encoders.card import WEIGHTS, example_source, model_card
from medcl.encoders.families import describe, rebuild
from medcl.encoders.interface import Encoder
from medcl.encoders.weights import KeyReport, encoder_weights, load_weights
from medcl.errors import CheckpointError, CorruptionError, InputError
from medcl.runtime.files import sync_folder, write_bytes

_CONFIG = "config.json"
_PREPROCESSING = "preprocessing.json"
_CARD = "model_card.md"
_EXAMPLE = "example.py"
_CHECKSUMS = "checksums.json"
LEDGER = "ledger.json"
"""File of an encoder's folder that says which patients it has seen, as salted hashes."""

_REQUIRED = (WEIGHTS, _CONFIG, _PREPROCESSING, _CARD, _EXAMPLE)
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """An encoder as it was read.

    Attributes:
        encoder: In evaluation mode, on the CPU.
        preprocessing: What views it must be fed, as it was written.
        policy_hash: Of the view policy it was trained with.
        ledger_json: Which patients it has seen, as salted hashes; ``None`` if nobody kept it.
        report: What became of each key.
    """

    encoder: Encoder
    preprocessing: dict[str, Any]
    policy_hash: str
    ledger_json: str | None
    report: KeyReport


def write_encoder(
    folder: Path,
    encoder: Encoder,
    *,
    preprocessing: Mapping[str, object],
    policy_hash: str,
    ledger_json: str | None = None,
    card: str = "",
) -> None:
    """Write the folder of an encoder; it is whole or absent, whenever the writer is killed.

    Writing the same encoder again changes nothing.

    Args:
        folder: To be made; what holds it must exist.
        encoder: Its weights, as they are now.
        preprocessing: What views it must be fed: JSON values, no header values.
        policy_hash: Of the view policy it was trained with.
        ledger_json: Which patients it has seen, from `medcl.store.ledger`.
        card: Markdown for the model card: data in counts, training, figures.

    Raises:
        InputError: The folder holds something else already.
    """
    files = _contents(encoder, preprocessing, policy_hash, ledger_json, card)
    if folder.exists():
        if (folder / _CHECKSUMS).is_file() and _read_bytes(folder, _CHECKSUMS) == files[_CHECKSUMS]:
            return
        raise InputError("The folder for the encoder must not exist yet; it holds something else.")
    for leftover in folder.parent.glob(f".{folder.name}.part"):
        shutil.rmtree(leftover)
    beside = folder.with_name(f".{folder.name}.part")
    beside.mkdir()
    try:
        for name, content in files.items():
            write_bytes(beside / name, content)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(folder.parent)


def read_encoder(folder: Path, *, allow_partial: bool = False) -> Delivered:
    """Read an encoder and check every byte and every key of it.

    Args:
        folder: From `write_encoder`.
        allow_partial: Take the weights that fit where not all do.

    Returns:
        The encoder with its papers.

    Raises:
        CheckpointError: A file is missing or of another format, or the weights do not fit.
        CorruptionError: A file is not what was written.
    """
    files = _verified(folder)
    config = _parse(files[_CONFIG], _CONFIG)
    if config.get("format") != _FORMAT:
        raise CheckpointError(
            f"An encoder folder must be of format {_FORMAT}, got {config.get('format')}."
        )
    try:
        encoder = rebuild(config["encoder"])
        weights = load(files[WEIGHTS])
    except (KeyError, TypeError, ValueError, SafetensorError):
        raise CheckpointError(
            "config.json and encoder.safetensors must tell of an encoder this medcl knows; "
            "they do not."
        ) from None
    report = load_weights(encoder, weights, allow_partial=allow_partial)
    return Delivered(
        encoder=encoder.eval(),
        preprocessing=_parse(files[_PREPROCESSING], _PREPROCESSING),
        policy_hash=str(config.get("policy_hash", "")),
        ledger_json=files[LEDGER].decode() if LEDGER in files else None,
        report=report,
    )


def load_delivered(encoder: Encoder, folder: Path, *, allow_partial: bool = False) -> KeyReport:
    """Put the weights of a folder into an encoder that was built by other means.

    Args:
        encoder: To be changed, in place.
        folder: From `write_encoder`, perhaps of another architecture.
        allow_partial: Take the weights that fit where not all do.

    Returns:
        What became of each key.

    Raises:
        CheckpointError: A file is missing, or the weights do not fit.
        CorruptionError: A file is not what was written.
    """
    return load_weights(encoder, load(_verified(folder)[WEIGHTS]), allow_partial=allow_partial)


def _contents(
    encoder: Encoder,
    preprocessing: Mapping[str, object],
    policy_hash: str,
    ledger_json: str | None,
    card: str,
) -> dict[str, bytes]:
    config = {
        "format": _FORMAT,
        "medcl": medcl.__version__,
        "encoder": describe(encoder),
        "num_features": encoder.num_features,
        "policy_hash": policy_hash,
    }
    text = model_card(
        encoder, policy_hash=policy_hash, has_ledger=ledger_json is not None, text=card
    )
    files = {
        WEIGHTS: save(encoder_weights(encoder)),
        _CONFIG: _json(config),
        _PREPROCESSING: _json(preprocessing),
        _CARD: text.encode(),
        _EXAMPLE: example_source(encoder).encode(),
    }
    if ledger_json is not None:
        files[LEDGER] = ledger_json.encode()
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, _CHECKSUMS: _json(sums)}


def _verified(folder: Path) -> dict[str, bytes]:
    sums = _parse(_read_bytes(folder, _CHECKSUMS), _CHECKSUMS)
    unlisted = [name for name in _REQUIRED if name not in sums]
    if unlisted:
        raise CheckpointError(f"checksums.json must list {unlisted[0]}; it does not.")
    known = [name for name in (*_REQUIRED, LEDGER) if name in sums]
    files = {name: _read_bytes(folder, name) for name in known}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != sums[name]:
            raise CorruptionError(
                f"{name} must have the checksum it was written with; its {len(content)} bytes "
                "have another."
            )
    return files


def _read_bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise CheckpointError(
            f"An encoder folder must hold {name}; it is missing or cannot be read."
        ) from None


def _parse(content: bytes, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{name} of an encoder folder must be a JSON object; it is not.")
    return parsed


def _json(content: Mapping[str, object]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
