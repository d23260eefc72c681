"""Which settings each stage takes, and whose a file is."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from medcl.config.audit import AuditConfig
from medcl.config.complaints import near_miss
from medcl.config.embed import EmbedConfig
from medcl.config.finetune import FinetuneConfig
from medcl.config.loading import load
from medcl.config.pretrain import PretrainConfig
from medcl.config.section import Section
from medcl.config.study import StudyConfig
from medcl.config.yaml_text import read
from medcl.errors import ConfigError

STAGES: Mapping[str, type[Section]] = MappingProxyType(
    {
        "audit": AuditConfig,
        "pretrain": PretrainConfig,
        "embed": EmbedConfig,
        "finetune": FinetuneConfig,
        "study": StudyConfig,
    }
)


def load_any(
    path: Path, *, stage: str | None = None, overrides: Iterable[str] = ()
) -> tuple[str, Section]:
    """Read a settings file of any stage.

    Args:
        path: The YAML file.
        stage: Whose settings it holds; by default the stage whose keys fit best.
        overrides: ``key.path=value``.

    Returns:
        Name of the stage and its settings.

    Raises:
        ConfigError: The stage is unknown or the file has mistakes.
    """
    name = stage or best_fit(read(path).value)
    return name, load(path, section_of(name), overrides=overrides)


def section_of(stage: str) -> type[Section]:
    """Return the settings that a stage takes.

    Args:
        stage: Its name.

    Returns:
        A section.

    Raises:
        ConfigError: There is no such stage.

    Example:
        >>> section_of("embed").__name__
        'EmbedConfig'
    """
    if stage not in STAGES:
        known = ", ".join(STAGES)
        raise ConfigError(f"A stage is one of {known}, not {stage}.{near_miss(stage, STAGES)}")
    return STAGES[stage]


def best_fit(keys: Iterable[str]) -> str:
    """Return the stage for which fewest keys are unknown or missing.

    Example:
        >>> best_fit(["name", "store", "policy", "encoder", "training"])
        'pretrain'
    """
    given = set(keys)

    def misfits(name: str) -> int:
        fields = STAGES[name].model_fields
        required = {key for key, field in fields.items() if field.is_required()}
        return len(given - fields.keys()) + len(required - given)

    return min(STAGES, key=misfits)
