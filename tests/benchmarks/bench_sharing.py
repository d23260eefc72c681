"""How far off what two views share is: the lattice of before, cells, and boxes cut exactly.

    python tests/benchmarks/bench_sharing.py --pairs 400

Views turned against one another by up to 20 degrees, at random places; Qhull has
the true volume. Prints the largest errors, as parts of a view.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from medcl.augment.drawing.pose import Pose, region_of
from medcl.augment.drawing.region import part
from medcl.augment.grid import ViewGrid
from medcl.geometry.affine import rotation
from tests.geometry.convex import common_by_qhull

GRID = ViewGrid(size_voxels=(32, 30, 28), spacing_mm=(2.0, 2.0, 2.0))
DEGREES = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def main() -> None:
    """Compare the three ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=400)
    rng = np.random.default_rng(1)
    off: dict[str, list[float]] = {}
    for _ in range(parser.parse_args().pairs):
        most = rng.choice(DEGREES)
        first, second = (
            Pose(
                rng.uniform(-8.0, 8.0, 3),
                rotation(rng.uniform(-most, most, 3))[:3, :3] @ np.diag(rng.uniform(0.9, 1.1, 3)),
            )
            for _ in range(2)
        )
        boxes = [(pose.view_to_world(GRID), GRID.size_voxels) for pose in (first, second)]
        true = common_by_qhull(*boxes) / common_by_qhull(boxes[0])
        for name, share in _ways(first, second).items():
            off.setdefault(name, []).append(abs(share() - true))
    for name, errors in off.items():
        print(f"{name}: off by {max(errors):.1e} of a view at most")


def _ways(first: Pose, second: Pose) -> dict[str, Callable[[], float]]:
    """Return the ways to say which part of the first view the second one shows."""

    def counted() -> float:
        points, _ = region_of(first, GRID).lattice
        return float(second.shows(points, GRID).mean())

    def by_cells() -> float:
        return float(region_of(second, GRID).holds(*region_of(first, GRID).lattice).mean())

    def exact() -> float:
        return part([region_of(first, GRID)], [region_of(second, GRID)])

    return {"10 x 10 x 10 places counted": counted, "as many cells": by_cells, "boxes cut": exact}


if __name__ == "__main__":
    main()
