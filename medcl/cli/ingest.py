"""`medcl ingest`: archive folders → volume store."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from medcl.cli.options import Json
from medcl.cli.output import Output, opened
from medcl.errors import RequestError

if TYPE_CHECKING:
    from medcl.io.refusal import ReasonCode

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
        Literal["CT", "MR", "PT", "OT"] | None,
        typer.Option(
            "--modality",
            help="What volumes without a header (NIfTI, NRRD) are, where neither a JSON file "
            "beside them nor BIDS says it.",
        ),
    ] = None,
    patient_pattern: Annotated[
        str | None,
        typer.Option(
            "--patient-pattern",
            help="Regular expression on paths of such files; its first group names the patient.",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="REASON", help="Overrule a reason; see --reasons."),
    ] = None,
    deshear: Annotated[
        bool, typer.Option("--deshear", help="Resample what a tilted gantry took to right angles.")
    ] = False,
    pet_unit: Annotated[
        Literal["SUVbw", "Bq/ml"], typer.Option("--pet-unit", help="What PET voxels shall be.")
    ] = "SUVbw",
    demographics: Annotated[
        bool, typer.Option("--demographics", help="Keep sex, and age in bands of ten years.")
    ] = False,
    deface_command: Annotated[
        str | None,
        typer.Option(
            "--deface-command",
            metavar="CMD",
            help="Program that removes faces from heads, such as "
            "'pydeface {input} --outfile {output}'.",
        ),
    ] = None,
    deface: Annotated[
        Literal["heads", "unknown-too"],
        typer.Option("--deface", help="What it is run on; headers do not always say what it is."),
    ] = "heads",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Reading processes.")] = 1,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            max=2,
            help="Threads of a reading process: the second one compresses. By default 2 where this "
            "machine has the cores.",
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask scheduler.")
    ] = None,
    memory_gib: Annotated[
        float, typer.Option("--memory-gib", min=0.25, help="Memory of one reading process.")
    ] = 8.0,
    cpu_s: Annotated[
        int, typer.Option("--cpu-s", min=1, help="Seconds of computing for one file or series.")
    ] = 300,
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
        from medcl.runtime.confinement import ChildLimits
        from medcl.stages.reader_processes import warm_up

        folders, target = (
            _given(sources, "at least one SOURCE folder"),
            _given(store, "--store STORE"),
        )
        limits = ChildLimits(
            memory_bytes=int(memory_gib * 2**30),
            cpu_s=cpu_s,
            wall_s=3 * cpu_s,
            threads=threads or _spare_threads(workers, scheduler),
        )
        if scheduler is None:
            # They take a second to load, and so does what follows.
            warm_up(limits, count=workers)
        from medcl.ingest.defacing import Defacing
        from medcl.ingest.options import IngestOptions
        from medcl.runtime.tools import ToolLimits
        from medcl.stages import ingest as stage

        summary = stage.run(
            folders,
            store=target,
            key_file=key_file,
            options=IngestOptions(
                nifti_modality=modality,
                patient_pattern=patient_pattern,
                accept=_reasons(accept or []),
                deshear=deshear,
                pet_unit=pet_unit,
                keep_demographics=demographics,
                defacing=None
                if deface_command is None
                else Defacing(
                    command=_words(deface_command),
                    limits=ToolLimits(wall_s=cpu_s),
                    unknown_too=deface == "unknown-too",
                ),
            ),
            limits=limits,
            workers=workers,
            scheduler=scheduler,
            progress=output.progress,
        )
        output.finish(summary)


def _spare_threads(workers: int, scheduler: str | None) -> int:
    """Return 2 where every reading process of this machine can have two cores."""
    return 2 if scheduler is None and len(os.sched_getaffinity(0)) >= 2 * workers else 1


def _given(value: T | None, what: str) -> T:
    if not value:
        raise RequestError(f"medcl ingest needs {what}.")
    return value


def _words(command: str) -> tuple[str, ...]:
    """Return the words of a command as a shell would part them.

    Raises:
        RequestError: A quote is left open.
    """
    try:
        return tuple(shlex.split(command))
    except ValueError:
        raise RequestError("The quotes in --deface-command must be closed.") from None


def _reasons(words: list[str]) -> "frozenset[ReasonCode]":
    """Return reasons by name, whatever the case, several in one word parted by commas.

    Raises:
        RequestError: A name is not one of the reasons.
    """
    from medcl.io.refusal import ReasonCode

    names = [name.strip().upper() for word in words for name in word.split(",") if name.strip()]
    unknown = sum(name not in ReasonCode.__members__ for name in names)
    if unknown:
        raise RequestError(
            f"{unknown} of {len(names)} reasons given with --accept do not exist; "
            "`medcl ingest --reasons` prints all."
        )
    return frozenset(ReasonCode[name] for name in names)


def _tell_reasons(output: Output) -> None:
    from medcl.ingest.options import reason_rows
    from medcl.stages.summary import Table

    rows = reason_rows()
    output.table(Table(("code", "meaning", "with --accept"), rows))
    output.record(
        {
            "stage": "ingest",
            "reasons": {code: meaning for code, meaning, _ in rows},
            "acceptable": {code: what for code, _, what in rows if what},
        }
    )
