"""`medcl export`: a finished pretraining run → a folder that others can use."""

import shutil
from pathlib import Path

from medcl.encoders.delivery import read_encoder
from medcl.errors import InputError
from medcl.runtime.files import sync_folder
from medcl.stages.pretrain import ENCODER
from medcl.stages.summary import StageSummary, Written


def run(run_folder: Path, *, target: Path) -> StageSummary:
    """Copy the encoder of a run, every byte checked.

    Args:
        run_folder: Of a finished pretraining run.
        target: Folder to make; what holds it must exist.

    Returns:
        What was written.

    Raises:
        InputError: The run has no encoder, or the target exists.
    """
    source = run_folder / ENCODER
    if not source.is_dir():
        raise InputError("The run must be a finished pretraining; it holds no encoder.")
    if target.exists():
        raise InputError("The folder to write must not exist yet.")
    if not target.absolute().parent.is_dir():
        raise InputError("The folder that shall hold the encoder does not exist.")
    delivered = read_encoder(source)
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        shutil.copytree(source, beside)
        read_encoder(beside)
        beside.rename(target)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    sync_folder(target.absolute().parent)
    return StageSummary(
        stage="export",
        figures={
            "encoder": str(delivered.encoder.description["name"]),
            "features": delivered.encoder.num_features,
        },
        written=[Written("encoder", target)],
        next_command=f"python {target / 'example.py'}",
    )
