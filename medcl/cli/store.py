"""`medcl store`: look at a store, re-hash it, write a volume back."""

from pathlib import Path
from typing import Annotated

import typer

from medcl.cli.options import Json, StoreFolder
from medcl.cli.output import opened


def add_to(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: The root command.
    """
    group = typer.Typer(help="Look at a store, re-hash it, write a volume back as NIfTI.")
    group.command("list")(list_rows)
    for command in (show, verify, export):
        group.command()(command)
    app.add_typer(group, name="store", no_args_is_help=True)


def list_rows(
    store: StoreFolder,
    refused: Annotated[
        bool, typer.Option("--refused", help="List what was refused, with reasons.")
    ] = False,
    json: Json = False,
) -> None:
    """One line per volume, or per refused series; with --json one JSON object per line."""
    from medcl.stages import store as stage

    with opened(json_wanted=json) as output:
        rows = stage.refused(store) if refused else stage.volumes(store)
        for row in rows:
            output.record(row)
        if not output.is_json:
            output.table(stage.as_table(rows))


def show(
    store: StoreFolder,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as a page with pictures, too."),
    ] = None,
    pictures: Annotated[
        int, typer.Option("--pictures", min=0, help="Volumes shown on the page at most.")
    ] = 36,
    json: Json = False,
) -> None:
    """What the store holds: counts by kind, spacing, patient, quality, reason."""
    from medcl.stages import store_show as stage

    with opened(json_wanted=json) as output:
        output.finish(stage.run(store, html=html, pictures=pictures))


def verify(store: StoreFolder, json: Json = False) -> None:
    """Read every volume again and compare its hash; exit status 3 if one is damaged."""
    from medcl.stages import store as stage

    with opened(json_wanted=json) as output:
        output.finish(stage.verify(store, progress=output.progress))


def export(
    store: StoreFolder,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of a volume, see `store list`.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.nii.gz", help="File to write.")],
    json: Json = False,
) -> None:
    """Write a volume back as NIfTI."""
    from medcl.stages import store as stage

    with opened(json_wanted=json) as output:
        output.finish(stage.export(store, key=key, target=target))
