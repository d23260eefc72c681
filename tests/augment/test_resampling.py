"""Views resampled anew: the ways of a CPU and the kernel of a GPU mean the same."""

import pytest
import torch
from scipy.spatial.transform import Rotation as SciPyRotation

from medcl.augment.compiling import missing_compiler
from medcl.augment.interpolation.resampling import _by_torch, resampled

SHAPE = (12, 9, 15)
COMPILED = [
    pytest.param(False, id="slabs"),
    pytest.param(
        True,
        id="native",
        marks=pytest.mark.skipif(missing_compiler("cpu") is not None, reason="no C++ compiler"),
    ),
]


def views_of(count, channels=2):
    return torch.rand(count, channels, *SHAPE, generator=torch.Generator().manual_seed(0))


def matrix_of(degrees, aside):
    linear = torch.from_numpy(SciPyRotation.from_rotvec(degrees, degrees=True).as_matrix())
    middle = (torch.tensor(SHAPE, dtype=torch.float64) - 1) / 2
    offset = middle - linear @ middle + torch.tensor(aside, dtype=torch.float64)
    return torch.cat([linear, offset[:, None]], dim=1).float()


MATRICES = {
    "a little": matrix_of((2.0, -3.0, 1.0), (0.3, -1.2, 0.6)),
    "much": matrix_of((40.0, 0.0, 80.0), (3.0, 2.0, -4.0)),
    "far beyond the edge": matrix_of((5.0, 3.0, -2.0), (30.0, -0.5, -45.0)),
}


@pytest.mark.parametrize("compiled", COMPILED)
@pytest.mark.parametrize("case", MATRICES)
def test_a_cpu_resamples_as_the_kernel_of_a_gpu_does(case, compiled):
    views = views_of(1)
    matrix = MATRICES[case][None]
    found = resampled(views, matrix, compiled=compiled)
    assert (found - _by_torch(views, matrix)).abs().max() < 1e-4


@pytest.mark.parametrize("compiled", COMPILED)
def test_views_are_resampled_alone_as_in_a_batch(compiled):
    views, matrices = views_of(3), torch.stack(list(MATRICES.values()))
    both = resampled(views, matrices, compiled=compiled)
    for row in range(3):
        here = slice(row, row + 1)
        alone = resampled(views[here], matrices[here], compiled=compiled)
        assert torch.equal(alone[0], both[row])


@pytest.mark.parametrize("compiled", COMPILED)
def test_a_view_is_kept_to_the_last_bit_where_nothing_moves(compiled):
    views = views_of(1)
    assert torch.equal(resampled(views, torch.eye(3, 4)[None], compiled=compiled), views)
