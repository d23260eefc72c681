"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="One JSON summary on standard output, nothing beside it.")
]
Settings = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="Settings file (YAML).", show_default=False)
]
SettingsOrNone = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="Settings file (YAML); with --verify and --store it may be left out.",
        show_default=False,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY.PATH=VALUE]...", help="Replace single settings.", show_default=False
    ),
]
StoreFolder = Annotated[
    Path, typer.Argument(metavar="STORE", help="Folder of the volume store.", show_default=False)
]
StoreOption = Annotated[
    Path, typer.Option("--store", help="Folder of the volume store.", show_default=False)
]
ProbedEncoder = Annotated[
    Path | None,
    typer.Option("--encoder", help="Folder of a pretrained encoder: what does it still tell?"),
]
VerifiedReport = Annotated[
    Path | None,
    typer.Option(
        "--verify",
        metavar="REPORT.json",
        help="Measure nothing; say whether this report is of these volumes and this policy.",
    ),
]
VerifiedStore = Annotated[
    Path | None,
    typer.Option("--store", help="With --verify: the store, where no CONFIG or another is meant."),
]
KeyFile = Annotated[
    Path,
    typer.Option("--key-file", help="The site's secret, made by `medcl keys new`."),
]
