"""A pretraining of milliseconds per step; as a script, in a process that may be killed.

python -m tests.training.small_run STORE FOLDER KEY=VALUE...
"""

import os
import signal
import sys
from pathlib import Path

import torch

from medcl.augment.grid import ViewGrid
from medcl.augment.normalisation import FixedWindow
from medcl.augment.policy import Policy
from medcl.augment.transforms.crop import Crop
from medcl.encoders.heads import projector
from medcl.encoders.residual import residual
from medcl.methods.contrastive import ContrastiveMethod
from medcl.objectives.nt_xent import NTXent
from medcl.store.store import Store
from medcl.training.cohort import Cohort
from medcl.training.loop import pretrain
from medcl.training.recipe import Machine, Recipe

RECIPE = Recipe(steps=6, batch_size=4, learning_rate=1e-3, warmup_steps=2, seed=5)


def build_policy():
    return Policy(
        name="small",
        modality="CT",
        grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0)),
        window=FixedWindow(low=-1000.0, high=1000.0),
        transforms=(Crop(min_overlap=0.5),),
    )


def build_method(*, dropout=0.0, width=8):
    torch.manual_seed(0)
    encoder = residual(width=width)
    head = torch.nn.Sequential(
        torch.nn.Dropout(dropout), projector(encoder.num_features, num_embeddings=16)
    )
    return ContrastiveMethod(encoder, head, NTXent(temperature=0.5))


def main(store, folder, *, dies_after=0, processes=1, dropout=0.0):
    torch.set_num_threads(1)

    def report(progress):
        if progress.step == dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    opened = Store.open(Path(store))
    pretrain(
        method=build_method(dropout=dropout),
        policy=build_policy(),
        cohort=Cohort(store=opened, rows=opened.rows()),
        folder=Path(folder),
        recipe=RECIPE,
        machine=Machine(
            device="cpu", processes=processes, report_every_steps=1, checkpoint_every_steps=2
        ),
        report=report,
    )


if __name__ == "__main__":
    options = dict(option.split("=") for option in sys.argv[3:])
    main(
        *sys.argv[1:3],
        **{name: float(v) if name == "dropout" else int(v) for name, v in options.items()},
    )
