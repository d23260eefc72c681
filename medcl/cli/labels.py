"""`medcl labels`: labels for volumes that are in a store."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medcl.cli.options import Json, KeyFile, StoreOption
from medcl.cli.output import opened


class Overlap(StrEnum):
    """What happens where segments of different classes overlap."""

    REFUSE = "refuse"
    LATER = "later"


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
        Path,
        typer.Argument(
            metavar="LABELS",
            help="CSV of classes, folder of label maps, or DICOM SEG and RTSTRUCT.",
        ),
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
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            help="For DICOM: liver=1,spleen=2. Names, codes or their meanings; without it, segment "
            "numbers.",
        ),
    ] = "",
    overlap: Annotated[
        Overlap,
        typer.Option(
            "--overlap", help="For DICOM: refuse overlapping segments, or let the later class hold."
        ),
    ] = Overlap.REFUSE,
    json: Json = False,
) -> None:
    """Classes from a CSV file, or label maps from files, → a label set of the store."""
    from medcl.stages import labels as stage
    from medcl.stages.segment_classes import parse_classes

    with opened(json_wanted=json) as output:
        summary = stage.add(
            labels,
            store=store,
            name=name,
            key_file=key_file,
            source=source,
            splits=splits,
            progress=output.progress,
            words=parse_classes(classes, later_covers_earlier=overlap is Overlap.LATER),
        )
        output.finish(summary)
