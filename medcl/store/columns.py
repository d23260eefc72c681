"""Rows as typed SQLite columns, each row sealed by a hash of its own values."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import numpy as np

from medcl.errors import CorruptionError
from medcl.geometry.boxes import Box
from medcl.ingest.outcome import Technical
from medcl.store.coding import LinearCoding
from medcl.store.measures import Quality, Statistics
from medcl.store.rows import VolumeRow

Cell = str | int | float | None
"""A value of the catalogue."""

_AFFINE = tuple(f"affine_{row}{column}" for row in range(3) for column in range(4))
_BODY = tuple(f"body_{end}_{axis}" for end in ("lower", "upper") for axis in "xyz")
_STATISTICS = tuple(field.name for field in fields(Statistics))
_QUALITY = tuple(field.name for field in fields(Quality))
_TECHNICAL = tuple(field.name for field in fields(Technical))


def _technical_type(name: str) -> str:
    kinds = set(get_args(get_type_hints(Technical)[name])) or {get_type_hints(Technical)[name]}
    if bool in kinds:
        return "INTEGER"
    return "REAL" if float in kinds else "TEXT"


_TRUTHS = frozenset(name for name in _TECHNICAL if _technical_type(name) == "INTEGER")

VOLUME_COLUMNS: Mapping[str, str] = {
    "key": "TEXT PRIMARY KEY",
    "patient_key": "TEXT NOT NULL",
    "study_key": "TEXT NOT NULL",
    "series_key": "TEXT",
    "frame_key": "TEXT",
    "modality": "TEXT NOT NULL",
    "unit": "TEXT NOT NULL",
    "num_channels": "INTEGER NOT NULL",
    "size_x": "INTEGER NOT NULL",
    "size_y": "INTEGER NOT NULL",
    "size_z": "INTEGER NOT NULL",
    **dict.fromkeys(_AFFINE, "REAL NOT NULL"),
    "dtype": "TEXT NOT NULL",
    "slope": "REAL NOT NULL",
    "intercept": "REAL NOT NULL",
    "sha256": "TEXT NOT NULL",
    "mask_sha256": "TEXT",
    "content_sha256": "TEXT NOT NULL",
    **dict.fromkeys(_STATISTICS, "REAL NOT NULL"),
    "clipped_fraction": "REAL NOT NULL",
    "noise_sd": "REAL NOT NULL",
    "empty_slices": "INTEGER NOT NULL",
    "hu_scale": "TEXT",
    **dict.fromkeys(_BODY, "INTEGER"),
    "perceptual_hash": "TEXT",
    **{f"technical_{name}": _technical_type(name) for name in _TECHNICAL},
    "num_files": "INTEGER NOT NULL",
    "fingerprint": "TEXT NOT NULL",
    "seal": "TEXT NOT NULL",
}
"""Columns of table ``volumes`` and their types."""


def seal(cells: Sequence[Cell]) -> str:
    """Return a hash of a row's values, so that a byte flipped in the catalogue is noticed.

    Example:
        >>> seal(["a", 1, None]) == seal(["a", 1, None]), len(seal(["a"]))
        (True, 32)
    """
    text = json.dumps(list(cells))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def unseal(cells: Sequence[Cell], what: str) -> Sequence[Cell]:
    """Return all cells but the last, which must be their seal.

    Raises:
        CorruptionError: It is not.
    """
    if not cells or seal(cells[:-1]) != cells[-1]:
        raise CorruptionError(
            f"A row of the catalogue's table of {what} is not what was written: "
            f"catalogue.sqlite is damaged. Restore it, or ingest into a new store."
        )
    return cells[:-1]


def cells_of(row: VolumeRow) -> list[Cell]:
    """Return the cells of a volume's row in the order of `VOLUME_COLUMNS`, seal last."""
    cells: list[Cell] = [row.key, row.patient_key, row.study_key, row.series_key, row.frame_key]
    cells += [row.modality, row.unit]
    cells += [row.num_channels, *row.shape, *row.affine[:3].ravel().tolist()]
    cells += [row.dtype, float(row.coding.slope), float(row.coding.intercept)]
    cells += [row.sha256, row.mask_sha256, row.content_sha256]
    cells += [getattr(row.statistics, name) for name in _STATISTICS]
    cells += [getattr(row.quality, name) for name in _QUALITY]
    cells += [None] * 6 if row.body is None else [*row.body.lower, *row.body.upper]
    cells += [row.perceptual_hash]
    cells += [_cell(getattr(row.technical, name)) for name in _TECHNICAL]
    cells += [row.num_files, row.fingerprint]
    # SQLite keeps no negative zero, which real affines are full of; the seal must not see it.
    cells = [cell + 0.0 if isinstance(cell, float) else cell for cell in cells]
    return [*cells, seal(cells)]


def row_of(cells: Sequence[Cell]) -> VolumeRow:
    """Return the row that `cells_of` spelled out.

    Raises:
        CorruptionError: The cells do not fit their seal.
    """
    found: dict[str, Any] = dict(zip(VOLUME_COLUMNS, unseal(cells, "volumes"), strict=False))
    affine = np.eye(4)
    affine[:3] = np.reshape([found[name] for name in _AFFINE], (3, 4))
    affine.setflags(write=False)
    return VolumeRow(
        key=found["key"],
        patient_key=found["patient_key"],
        study_key=found["study_key"],
        series_key=found["series_key"],
        frame_key=found["frame_key"],
        modality=found["modality"],
        unit=found["unit"],
        num_channels=found["num_channels"],
        shape=(found["size_x"], found["size_y"], found["size_z"]),
        affine=affine,
        dtype=found["dtype"],
        coding=LinearCoding(found["slope"], found["intercept"], found["dtype"]),
        sha256=found["sha256"],
        mask_sha256=found["mask_sha256"],
        content_sha256=found["content_sha256"],
        statistics=Statistics(**{name: found[name] for name in _STATISTICS}),
        quality=Quality(**{name: found[name] for name in _QUALITY}),
        body=_body([found[name] for name in _BODY]),
        perceptual_hash=found["perceptual_hash"],
        technical=_technical(found),
        num_files=found["num_files"],
        fingerprint=found["fingerprint"],
    )


def _cell(value: object) -> Cell:
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]


def _body(ends: Sequence[int | None]) -> Box | None:
    known = [end for end in ends if end is not None]
    if not known:
        return None
    x, y, z, stop_x, stop_y, stop_z = known
    return Box((x, y, z), (stop_x, stop_y, stop_z))


def _technical(found: Mapping[str, Any]) -> Technical:
    values = {name: found[f"technical_{name}"] for name in _TECHNICAL}
    truths = {name: bool(values[name]) for name in _TRUTHS if values[name] is not None}
    return Technical(**(values | truths))
