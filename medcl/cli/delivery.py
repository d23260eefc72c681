"""`medcl export` and `medcl report`: what others take away."""

from pathlib import Path
from typing import Annotated

import typer

from medcl.cli.options import Json
from medcl.cli.output import opened


def add_to(app: typer.Typer) -> None:
    """Add the commands.

    Args:
        app: The root command.
    """
    app.command()(report)
    app.command()(export)


def report(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study.")],
    json: Json = False,
) -> None:
    """Rebuild figures, tables and curves from stored scores."""
    from medcl.stages import report as stage

    with opened(json_wanted=json) as output:
        output.finish(stage.run(study, progress=output.progress))


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a pretraining run.")],
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write.")],
    json: Json = False,
) -> None:
    """Encoder → folder of weights, settings, card, example."""
    from medcl.stages import export as stage

    with opened(json_wanted=json) as output:
        output.finish(stage.run(run, target=target))
