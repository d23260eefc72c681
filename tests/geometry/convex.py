"""The volume of boxes in common by Qhull, to compare with."""

import numpy as np
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection


def common_by_qhull(*boxes):
    """Volume in mm³ that boxes have in common, each as its affine (voxel → mm) and its shape."""
    rows, ends = [], []
    for affine, shape in boxes:
        linear = np.linalg.inv(affine[:3, :3])
        offset = -linear @ affine[:3, 3]
        rows += [linear, -linear]
        ends += [np.array(shape) - 0.5 - offset, 0.5 + offset]
    normals, heights = np.concatenate(rows), np.concatenate(ends)
    lengths = np.linalg.norm(normals, axis=1)
    normals, heights = normals / lengths[:, None], heights / lengths
    # The middle of the largest ball that fits is a point inside, which Qhull has to be given.
    ball = linprog(
        [0, 0, 0, -1],
        A_ub=np.column_stack([normals, np.ones(len(normals))]),
        b_ub=heights,
        bounds=[(None, None)] * 3 + [(0, None)],
    )
    if not ball.success or ball.x[3] < 1e-9:
        return 0.0
    corners = HalfspaceIntersection(np.column_stack([normals, -heights]), ball.x[:3]).intersections
    return float(ConvexHull(corners).volume)
