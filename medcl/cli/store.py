"""`medcl store`: look at a store, re-hash it, write a volume back, forget patients."""

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
    group = typer.Typer(help="Look at a store, re-hash it, export a volume, forget patients.")
    group.command("list")(list_rows)
    for command in (show, verify, export, forget):
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


def forget(
    store: StoreFolder,
    patients: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATIENT_KEY]...", help="Keys of patients, see `store list`."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--patients",
            metavar="FILE.csv",
            help="Names them as the hospital does: patient_id (issuer), study_uid, file or key.",
        ),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="The site's secret, for --patients.")
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option("--runs", metavar="FOLDER", help="Name its encoders that have seen them."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this it is only said what would be.")
    ] = False,
    json: Json = False,
) -> None:
    """Take patients out for good and keep them out: consent withdrawn, or a wrong scan."""
    from medcl.stages import forget as stage

    withdrawal = stage.Withdrawal(patients or (), table, key_file, undo)
    with opened(json_wanted=json) as output:
        output.finish(stage.run(store, withdrawal, is_meant=yes, runs=runs))
