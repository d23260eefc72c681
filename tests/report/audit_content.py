"""What a small audit found, as its JSON holds it."""

from medcl.augment.defaults import ct_strict
from medcl.augment.grid import ViewGrid
from medcl.augment.policy import Policy
from medcl.augment.transforms.refusable import Flip

GRID = ViewGrid(size_voxels=(32, 32, 16), spacing_mm=(2.0, 2.0, 3.0))
STRICT = ct_strict(grid=GRID)
MIRRORED = Policy(
    name="mirrored",
    modality="CT",
    grid=GRID,
    window=STRICT.window,
    transforms=(Flip(axis="x"),),
)


def finding(**values):
    return {
        "name": "hu_drift_muscle",
        "unit": "HU",
        "mean": 1.234,
        "interval": [1.1, 1.4],
        "p99": 3.0,
        "worst": 4.567,
        "limit": 5.0,
        "fails": 7.0,
        "status": "pass",
        "num_draws": 300,
    } | values


def matching(first, mean, position):
    return {
        "r_at_1": first,
        "r_at_1_interval": [first - 0.05, first + 0.05],
        "mrr": mean,
        "loss": 2.5,
        "loss_position": position,
    }


def difficulty(**values):
    return {
        "num_pairs": 20,
        "num_patients": 20,
        "steps": 30,
        "chance": matching(0.03, 0.11, 1.0),
        "untrained": matching(0.14, 0.26, 0.99),
        "trained": matching(0.41, 0.55, 0.73),
        "verdict": "workable",
        "sentence": "Workable: something can be learnt.",
    } | values


def encoder():
    return {
        "checksum": "34" * 32,
        "num_volumes": 40,
        "num_patients": 40,
        "probes": [
            {
                "name": "hu_offset",
                "title": "density (offset of up to 50 HU)",
                "measure": "R²",
                "value": 0.05,
                "interval": [-0.1, 0.15],
                "untrained": 0.6,
                "untrained_interval": [0.5, 0.7],
                "is_needed": True,
                "verdict": "lost",
            }
        ],
        "mirror": {"sentence": "A mirror image looks less like the volume: side is seen."},
        "not_probed": ["The volumes do not fall into groups by field strength."],
        "warnings": ["The task needs density, which the encoder no longer tells."],
    }


def partners(**values):
    return {
        "sentence": "4 of 10 volumes have a partner.",
        "probability": 0.25,
        "num_pairs": 4,
        "limit_mm": 20.0,
        "kept": ["laterality", "orientation"],
        "differences": [
            {
                "title": "median of fat, second less first",
                "unit": "HU",
                "flag": "hu_calibration",
                "mean": 12.0,
                "interval": [8.0, 15.0],
                "smallest": 2.0,
                "largest": 21.0,
                "num_pairs": 4,
            }
        ],
        "unproven": ["What was not tried rests on headers."],
    } | values


def data(**values):
    part = {"digest": "cd" * 32, "volumes": 6, "patients": 5, "places": [0, 2, 3, 4, 6, 7]}
    return {
        "modality": "CT",
        "cohort": {},
        "selected": {"digest": "ab" * 32, "volumes": 8, "patients": 7, "marks": []},
        "parts": {"difficulty": part | {"volumes": 8, "digest": "ef" * 32}, "views": part},
        "lesions": None,
    } | values


def content(policy=STRICT, **values):
    return {
        "code": {"medcl": "0.1.0", "contract_version": 4, "source": "12" * 32},
        "settings": {"task": "generic"},
        "data": data(),
        "policy": policy.to_json(),
        "policy_hash": policy.hash,
        "task": "generic",
        "num_patients": 6,
        "num_volumes": 6,
        "num_draws": 42,
        "num_corners": 8,
        "findings": [finding()],
        "controls": {"mirrored left to right": True, "50 HU added": True},
        "is_void": False,
        "is_safe": True,
        "difficulty": difficulty(),
    } | values
