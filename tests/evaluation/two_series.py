"""One invented patient scanned twice: a body with organs, sampled on any grid in any contrast."""

import numpy as np

from medcl.augment.views import Source
from medcl.evaluation.measures.anatomy import Case
from medcl.geometry.affine import transform_points

CT = {"air": -1000.0, "body": 45.0, "organs": (-100.0, 120.0, 500.0, -80.0, 200.0)}
DARK_AND_BRIGHT = {"air": -1000.0, "body": 120.0, "organs": (45.0, -100.0, -80.0, 200.0, 10.0)}

RADII_MM = np.array([66.0, 50.0, 64.0])
ORGANS = (
    ((-34.0, 8.0, 20.0), 16.0),
    ((28.0, -12.0, -24.0), 20.0),
    ((0.0, -30.0, 6.0), 11.0),
    ((22.0, 16.0, 30.0), 15.0),
    ((-20.0, -10.0, -34.0), 13.0),
)

ALONG_RAS = np.diag([3.0, 3.0, 3.0])
ALONG_PSL = np.array([[0.0, 0.0, -2.5], [-3.2, 0.0, 0.0], [0.0, 4.0, 0.0]])


def scan(
    word="a",
    *,
    patient="p",
    axes=ALONG_RAS,
    shape=(50, 42, 48),
    values=CT,
    noise=8.0,
    truly=lambda world: world,
    frame="one",
):
    """Return a series; ``truly`` says which point of the patient lies at a point of its header."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = -axes @ ((np.array(shape) - 1) / 2)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = transform_points(affine, index.reshape(-1, 3).astype(float))
    array = _value_at(truly(world), values).reshape(shape)
    seed = sum(map(ord, word + patient))
    array = array + np.random.default_rng(seed).normal(0, noise, shape)
    source = Source(
        word=f"{patient}-{word}",
        shape=shape,
        affine=affine,
        low=-1000.0,
        high=500.0,
        frame=f"{patient}:{frame}",
    )
    return Case(source=source, patient=patient, array=array.astype(np.float32)[None])


def other(word="b", **changes):
    """Return the patient's other series: its own spacing, order of axes, noise and contrast."""
    usual = {"axes": ALONG_PSL, "shape": (42, 40, 60), "noise": 25.0, "values": DARK_AND_BRIGHT}
    return scan(word, **usual | changes)


def _value_at(places, values):
    found = np.full(len(places), values["air"])
    found[((places / RADII_MM) ** 2).sum(axis=1) < 1] = values["body"]
    for value, (centre, radius) in zip(values["organs"], ORGANS, strict=True):
        found[((places - np.array(centre)) ** 2).sum(axis=1) < radius**2] = value
    return found
