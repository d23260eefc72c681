"""`medcl labels`: labels for volumes that are in a store."""

from pathlib import Path
from typing import Annotated

import typer

from medcl.cli.options import Json, KeyFile, StoreOption
from medcl.cli.output import opened


def add_to(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: The root command.
    """
    group = typer.Typer(help="Labels for volumes that are in a store.")
    group.command("add")(add)
    group.callback()(_group)
    app.add_typer(group, name="labels", no_args_is_help=True)


def _group() -> None:
    """Hold `add` as a subcommand although it is the only one."""


def add(
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="CSV of classes, or a folder of label maps.")
    ],
    store: StoreOption,
    name: Annotated[str, typer.Option("--name", help="Name of the label set.")],
    key_file: KeyFile = Path("secret.key"),
    source: Annotated[
        Path | None,
        typer.Option("--source", help="Folder that was ingested, if labels name files in it."),
    ] = None,
    splits: Annotated[
        Path | None,
        typer.Option("--splits", help="CSV of columns file, split: which map is in which split."),
    ] = None,
    json: Json = False,
) -> None:
    """Classes from a CSV file, or label maps from a folder, → a label set of the store."""
    from medcl.stages import labels as stage

    with opened(json_wanted=json) as output:
        summary = stage.add(
            labels,
            store=store,
            name=name,
            key_file=key_file,
            source=source,
            splits=splits,
            progress=output.progress,
        )
        output.finish(summary)
