"""Commands that take a settings file: audit, pretrain, embed, finetune, study.

Stages are imported inside the commands: `medcl --help` must not wait for torch, and a mistake in
the settings is told before it is loaded.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from medcl.cli.options import (
    Json,
    Overrides,
    ProbedEncoder,
    Settings,
    SettingsOrNone,
    VerifiedReport,
    VerifiedStore,
)
from medcl.cli.output import Output, opened
from medcl.errors import RequestError

if TYPE_CHECKING:
    from medcl.config.section import Section

    SectionT = TypeVar("SectionT", bound=Section)
else:
    # Commands without a settings file must not wait for pydantic.
    SectionT = TypeVar("SectionT")


def add_to(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: The root command.
    """
    for command in (audit, pretrain, embed, finetune, study):
        app.command()(command)


def audit(
    config: SettingsOrNone = None,
    overrides: Overrides = None,
    encoder: ProbedEncoder = None,
    verify: VerifiedReport = None,
    store: VerifiedStore = None,
    json: Json = False,
) -> None:
    """Policy + store → measured safety, a page to sign.

    Stops with exit status 3 where the policy breaks what its modality or task needs. With an
    encoder it also says which differences that encoder has learnt to ignore. With --verify it says
    whether a report is of these volumes, this policy and this code, else status 3 and what differs.
    """
    if verify is not None:
        _verify(verify, config, overrides, encoder, store, json_wanted=json)
        return
    from medcl.config.audit import AuditConfig

    with _loaded(_required(config, store), AuditConfig, overrides, json) as (output, settings):
        from medcl.stages import audit as stage

        if encoder is not None:
            settings = settings.model_copy(update={"encoder": encoder})
        output.finish(stage.run(settings, progress=output.progress))


def _required(config: Path | None, store: Path | None) -> Path:
    """Return the settings file, without which nothing is measured.

    Raises:
        RequestError: There is none, or a store is named beside it.
    """
    if config is None or store is not None:
        raise RequestError(
            "An audit takes a settings file, and the store from it: medcl audit CONFIG. Without "
            "one, a report can be verified: medcl audit --verify REPORT.json --store STORE."
        )
    return config


def _verify(
    report: Path,
    config: Path | None,
    overrides: list[str] | None,
    encoder: Path | None,
    store: Path | None,
    *,
    json_wanted: bool,
) -> None:
    from medcl.config.audit import AuditConfig
    from medcl.config.loading import load

    with opened(json_wanted=json_wanted) as output:
        settings = None if config is None else load(config, AuditConfig, overrides=overrides or ())
        from medcl.stages import audit_check as stage

        output.finish(stage.run(report, config=settings, store=store, encoder=encoder))


def pretrain(config: Settings, overrides: Overrides = None, json: Json = False) -> None:
    """Store + policy + method → encoder, tracked run.

    Called again after a stop it goes on where it was; called again when done it does nothing.
    """
    from medcl.config.pretrain import PretrainConfig

    with _loaded(config, PretrainConfig, overrides, json) as (output, settings):
        from medcl.stages import pretrain as stage

        output.finish(stage.run(settings, progress=output.progress))


def embed(config: Settings, overrides: Overrides = None, json: Json = False) -> None:
    """Encoder + store → table of features (Parquet)."""
    from medcl.config.embed import EmbedConfig

    with _loaded(config, EmbedConfig, overrides, json) as (output, settings):
        from medcl.stages import embed as stage

        output.finish(stage.run(settings, progress=output.progress))


def finetune(config: Settings, overrides: Overrides = None, json: Json = False) -> None:
    """Encoder + labels → one tracked model."""
    from medcl.config.finetune import FinetuneConfig

    with _loaded(config, FinetuneConfig, overrides, json) as (output, settings):
        from medcl.stages import finetune as stage

        output.finish(stage.run(settings, progress=output.progress))


def study(config: Settings, overrides: Overrides = None, json: Json = False) -> None:
    """Inits x label counts x seeds → curves, intervals, report.

    Cells that are done are not done again. Stops with exit status 3 where an encoder has seen
    test patients.
    """
    from medcl.config.study import StudyConfig

    with _loaded(config, StudyConfig, overrides, json) as (output, settings):
        from medcl.stages import study as stage

        output.finish(stage.run(settings, progress=output.progress))


@contextmanager
def _loaded(
    path: Path, stage: type[SectionT], overrides: list[str] | None, json_wanted: bool
) -> Iterator[tuple[Output, SectionT]]:
    from medcl.config.loading import load

    with opened(json_wanted=json_wanted) as output:
        yield output, load(path, stage, overrides=overrides or ())
