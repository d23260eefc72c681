"""A step small enough for double precision and two processes."""

import pytest
import torch

from medcl.encoders.families import build_encoder
from medcl.encoders.heads import projector
from medcl.methods.contrastive import ContrastiveMethod
from medcl.objectives.nt_xent import NTXent


@pytest.fixture
def method():
    torch.manual_seed(0)
    encoder = build_encoder("residual", width=8)
    head = projector(encoder.num_features, num_embeddings=16)
    return ContrastiveMethod(encoder, head, NTXent(temperature=0.2))


@pytest.fixture
def batch():
    def draw(num_pairs=4, num_voxels=16, seed=0):
        generator = torch.Generator().manual_seed(seed)
        shape = (2, num_pairs, 1, num_voxels, num_voxels, num_voxels)
        views_a, views_b = torch.randn(shape, generator=generator)
        return views_a, views_b, torch.arange(num_pairs)

    return draw
