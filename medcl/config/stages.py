"""Which settings each stage takes."""

from collections.abc import Mapping
from types import MappingProxyType

from medcl.config.audit import AuditConfig
from medcl.config.embed import EmbedConfig
from medcl.config.finetune import FinetuneConfig
from medcl.config.pretrain import PretrainConfig
from medcl.config.section import Section
from medcl.config.study import StudyConfig

STAGES: Mapping[str, type[Section]] = MappingProxyType(
    {
        "audit": AuditConfig,
        "pretrain": PretrainConfig,
        "embed": EmbedConfig,
        "finetune": FinetuneConfig,
        "study": StudyConfig,
    }
)
