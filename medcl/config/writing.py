"""Settings → YAML text that alone reruns them, and their JSON Schema."""

import io
import json
from pathlib import Path

from ruamel.yaml import YAML

from medcl.config.section import Section
from medcl.runtime import files


def dump(settings: Section) -> str:
    """Return complete settings, defaults included, as YAML text.

    Args:
        settings: Any section.

    Returns:
        Text that `medcl.config.loading.load` reads back into equal settings.

    Example:
        >>> from medcl.config.policy import GridConfig
        >>> print(dump(GridConfig(size_voxels=(8, 8, 4), spacing_mm=(1.0, 1.0, 2.0))), end="")
        size_voxels: [8, 8, 4]
        spacing_mm: [1.0, 1.0, 2.0]
    """
    writer = YAML(typ="safe", pure=True)  # its default flow style: innermost lists on one line
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 96
    stream = io.StringIO()
    writer.dump(plain(settings), stream)
    return stream.getvalue()


def write(settings: Section, path: Path) -> None:
    """Write complete settings beside a run.

    Args:
        settings: Any section.
        path: The file to make or replace.
    """
    files.write_bytes(path, dump(settings).encode())


def plain(settings: Section) -> dict[str, object]:
    """Return complete settings as JSON values, for fingerprints and trackers.

    Example:
        >>> from medcl.config.policy import GridConfig
        >>> plain(GridConfig(size_voxels=(8, 8, 4), spacing_mm=(1.0, 1.0, 2.0)))["size_voxels"]
        [8, 8, 4]
    """
    values: dict[str, object] = json.loads(settings.model_dump_json())
    return values


def json_schema(stage: type[Section]) -> dict[str, object]:
    """Return the JSON Schema of a stage's settings; editors complete and check files with it."""
    schema = stage.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
