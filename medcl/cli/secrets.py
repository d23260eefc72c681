"""`medcl keys`: the site's secret, from which all keys are made."""

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
    group = typer.Typer(help="The site's secret, from which all keys are made.")
    group.command("new")(new)
    group.callback()(_group)
    app.add_typer(group, name="keys", no_args_is_help=True)


def _group() -> None:
    """Hold `new` as a subcommand although it is the only one."""


def new(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="File to make, mode 0600.")],
    json: Json = False,
) -> None:
    """Make a new secret.

    Keep a copy in a safe place: without it no patient can be matched.
    """
    from medcl.ingest.identity import Keyring
    from medcl.stages.summary import StageSummary, Written

    with opened(json_wanted=json) as output:
        keyring = Keyring.create(path)
        output.finish(
            StageSummary(
                stage="keys new",
                figures={"fingerprint": keyring.fingerprint},
                written=[Written("secret", path)],
                next_command=f"medcl ingest SOURCE --store STORE --key-file {path}",
            )
        )
