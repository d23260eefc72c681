"""Equal arrays give equal bytes, whatever their shape."""

import numpy as np
import pytest

from medcl.geometry.boxes import Box
from medcl.store.frames import compress, read_box


def test_many_blocks_compress_to_the_same_bytes_every_time():
    array = np.random.default_rng(0).integers(0, 900, (1, 96, 96, 96)).astype(np.int16)
    assert len({compress(array) for _ in range(6)}) == 1


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (1, 1, 2, 3), (3, 33, 97, 5), (1, 200, 1, 31), (2, 96, 32, 65)]
)
def test_any_shape_comes_back_whole_and_in_part(tmp_path, shape):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    path = tmp_path / "array.b2nd"
    path.write_bytes(compress(array))
    assert (read_box(path, None, mmap=False) == array).all()
    x, y, z = shape[1:]
    box = Box((x // 3, y // 2, z // 3), (x, y, z))
    assert (read_box(path, box, mmap=True) == array[:, *box.slices]).all()
