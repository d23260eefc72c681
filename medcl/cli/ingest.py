"""`medcl ingest`: archive folders → volume store."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from medcl.cli.options import Json
from medcl.cli.output import Output, opened
from medcl.errors import RequestError

T = TypeVar("T")


def add_to(app: typer.Typer) -> None:
    """Add the command.

    Args:
        app: The root command.
    """
    app.command()(ingest)


def ingest(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SOURCE...", help="Folders of DICOM, NIfTI, or MedMNIST files."),
    ] = None,
    store: Annotated[
        Path | None, typer.Option("--store", help="Folder of the volume store; made if absent.")
    ] = None,
    key_file: Annotated[
        Path, typer.Option("--key-file", help="The site's secret, made by `medcl keys new`.")
    ] = Path("secret.key"),
    modality: Annotated[
        Literal["CT", "MR", "PT", "OT"],
        typer.Option("--modality", help="What volumes without a header (NIfTI) are."),
    ] = "MR",
    patient_pattern: Annotated[
        str | None,
        typer.Option(
            "--patient-pattern",
            help="Regular expression on paths of files without a header; group `patient`.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Reader processes.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Print the reasons for refusal and stop.")
    ] = False,
    json: Json = False,
) -> None:
    """Archive folders → volume store, every refusal counted.

    Called again it takes up only what is new or changed, and after a stop what is left.
    """
    with opened(json_wanted=json) as output:
        if reasons:
            _tell_reasons(output)
            return
        from medcl.stages import ingest as stage

        summary = stage.run(
            _given(sources, "at least one SOURCE folder"),
            store=_given(store, "--store STORE"),
            key_file=key_file,
            modality=modality,
            patient_pattern=patient_pattern,
            workers=workers,
            scheduler=scheduler,
            progress=output.progress,
        )
        output.finish(summary)


def _given(value: T | None, what: str) -> T:
    if not value:
        raise RequestError(f"medcl ingest needs {what}.")
    return value


def _tell_reasons(output: Output) -> None:
    from medcl.io.refusal import REASONS
    from medcl.stages.summary import Table

    rows = [(code.value, meaning) for code, meaning in REASONS.items()]
    output.table(Table(("code", "meaning"), rows))
    output.record({"stage": "ingest", "reasons": dict(rows)})
