"""Two processes are one: the same loss, the same gradients."""

import gc
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from medcl.encoders.families import build_encoder
from medcl.encoders.heads import projector
from medcl.methods.contrastive import ContrastiveMethod
from medcl.methods.gather import gather_rows
from medcl.objectives.dcl import DCL
from medcl.objectives.nt_xent import NTXent

NUM_RANKS = 2
NUM_PAIRS = 3  # per rank
IDS = torch.tensor([11, 12, 13, 12, 14, -11])  # patient 12 stands on both ranks
OBJECTIVES = {"nt_xent": NTXent(temperature=0.2), "dcl": DCL(temperature=0.2)}


def build(objective_name):
    torch.manual_seed(0)
    encoder = build_encoder("residual", width=8)
    head = projector(encoder.num_features, num_embeddings=8)
    return ContrastiveMethod(encoder, head, OBJECTIVES[objective_name]).double()


def whole_batch():
    shape = (2, NUM_RANKS * NUM_PAIRS, 1, 16, 16, 16)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def step(method, rows):
    """Loss, metrics and gradients of the rows, as one flat dictionary."""
    views_a, views_b = whole_batch()
    output = method(views_a[rows], views_b[rows], IDS[rows])
    output.loss.backward()
    gradients = {
        f"gradient of {name.removeprefix('module.')}": part.grad
        for name, part in method.named_parameters()
    }
    return {"loss": output.loss.detach(), **output.metrics, **gradients}


def run_rank(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=NUM_RANKS
    )
    for name in OBJECTIVES:
        method = DistributedDataParallel(build(name))
        found = step(method, slice(rank * NUM_PAIRS, (rank + 1) * NUM_PAIRS))
        found["order of ranks"] = gather_rows(torch.tensor([rank]))
        save_file(found, Path(folder) / f"{name}-{rank}")
        del method
        gc.collect()  # its reducer holds on to the group, whose threads must end before the process
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.mark.ddp
def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    multiprocessing.spawn(run_rank, (str(tmp_path),), nprocs=NUM_RANKS)
    for objective_name in OBJECTIVES:
        expected = step(build(objective_name), slice(None))
        for rank in range(NUM_RANKS):
            found = load_file(tmp_path / f"{objective_name}-{rank}")
            assert found.pop("order of ranks").tolist() == list(range(NUM_RANKS))
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                assert (found[name] - value).abs().max() < 1e-9, (objective_name, rank, name)


def test_the_shared_patient_matters_to_this_batch():
    method = build("nt_xent")
    views_a, views_b = whole_batch()
    blind = method(views_a, views_b, torch.arange(6)).loss
    assert abs(blind - method(views_a, views_b, IDS).loss) > 1e-4
