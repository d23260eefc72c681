"""The root of the `medcl` command, and what it makes of errors."""

import json
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from medcl import __version__
from medcl.cli import configured, delivery, doctor, ingest, labels, secrets, settings, store
from medcl.errors import MedclError
from medcl.runtime.stopping import stops_raise

app = typer.Typer(
    name="medcl",
    help="From raw hospital scans to label-efficiency curves.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
secrets.add_to(app)
ingest.add_to(app)
store.add_to(app)
labels.add_to(app)
configured.add_to(app)
delivery.add_to(app)
settings.add_to(app)
doctor.add_to(app)


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"medcl {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """From raw hospital scans to label-efficiency curves."""
    del version


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit status.

    0 done; 1 anything unexpected; 2 the request was wrong; 3 refused for safety; 130 stopped by
    Ctrl-C, SIGTERM or SIGUSR1, which the same command makes good.
    An unexpected error is told by its kind and place alone: its message could hold a value from a
    patient's header. ``MEDCL_TRACEBACK=1`` prints the whole of it.

    Args:
        arguments: Words after ``medcl``; those of the process by default.

    Raises:
        SystemExit: Always.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    try:
        with stops_raise():
            app(words, prog_name="medcl")
    except MedclError as error:
        _leave(str(error), error, words)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last door: nothing may pass with its message
        _leave(_unexpected(error), error, words)
    sys.exit(0)


def _leave(sentence: str, error: Exception, words: list[str]) -> NoReturn:
    status = error.exit_status if isinstance(error, MedclError) else 1
    if os.environ.get("MEDCL_TRACEBACK"):
        traceback.print_exception(error)
    typer.echo(sentence, err=True)
    if "--json" in words:
        refusal = {"error": sentence, "kind": type(error).__name__, "exit_status": status}
        typer.echo(json.dumps(refusal, ensure_ascii=False))
    sys.exit(status)


def _unexpected(error: Exception) -> str:
    """Return kind and place of an error, never its message."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}medcl{os.sep}" in frame.filename] or list(frames)
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    kind = type(error).__name__
    return (
        f"medcl stopped for a reason it did not foresee ({kind}{place}{reason}). "
        f"Run it again with MEDCL_TRACEBACK=1 for the traceback; it may show patient data."
    )


if __name__ == "__main__":
    main()
