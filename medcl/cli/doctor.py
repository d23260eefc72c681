"""`medcl doctor`: what this machine has, what is missing."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from medcl.cli.options import Json
from medcl.cli.output import opened

_MARKS = {"good": "ok     ", "note": "note   ", "missing": "MISSING"}


def add_to(app: typer.Typer) -> None:
    """Add the command.

    Args:
        app: The root command.
    """
    app.command()(doctor)


def doctor(
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="Look at this secret's permissions too.")
    ] = None,
    folder: Annotated[Path, typer.Option("--runs", help="Where runs will be written.")] = Path(
        "runs"
    ),
    json: Json = False,
) -> None:
    """What this machine has, and what is missing.

    Ends with exit status 1 if something is missing.
    """
    from medcl.stages.doctor import examine

    with opened(json_wanted=json) as output:
        findings = examine(folder=folder, key_file=key_file)
        for finding in findings:
            output.say(f"{_MARKS[finding.state]}  {finding.subject}: {finding.sentence}")
        missing = sum(finding.state == "missing" for finding in findings)
        output.say("", "Next: make demo" if not missing else f"{missing} to put right.")
        output.record(
            {
                "stage": "doctor",
                "missing": missing,
                "findings": [
                    {"subject": one.subject, "state": one.state, "sentence": one.sentence}
                    for one in findings
                ],
            }
        )
    if missing:
        sys.exit(1)
