"""What a label set cannot give is said before any cell runs."""

import numpy as np
import pytest

from medcl.config.study import StudyConfig
from medcl.errors import InputError
from medcl.stages import study
from medcl.stages.progress import Silent
from medcl.store.rows import LabelRow
from medcl.store.store import Store
from tests.store.conftest import accepted_volume, key_of

SIZE = 8
CLASSES = {
    "one class": [1] * 8,
    "a gap": [0, 2] * 4,
    "both": [0, 1] * 4,
    "untested": [0, 0, 0, 0, 0, 0, 1, 1],
    "shared": [0, 1, 0, 1, 0, 0, 0, 1, 1, 1],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """Eight patients with several sets of labels; a given split tests the first four of them.

    The fifth and the sixth have a second volume, which one of the sets knows.
    """
    made = Store.create(tmp_path_factory.mktemp("studies") / "store", key_fingerprint="f" * 16)
    for number in range(10):
        array = np.random.default_rng(number).integers(-900, 900, (1, SIZE, SIZE, SIZE))
        volume = array.astype(np.int16)
        patient = number if number < 8 else number - 4
        made.add(accepted_volume(number, patient=patient, array=volume, affine=np.eye(4)))
    keys = [key_of("volume", number) for number in range(10)]
    for name, classes in CLASSES.items():
        made.add_labels(
            name.replace(" ", "_"),
            [
                LabelRow(keys[number], target, "test" if number < 4 else "train")
                for number, target in enumerate(classes)
            ],
        )
    for key in keys[:8]:
        empty = np.zeros((SIZE, SIZE, SIZE), np.uint8)
        made.add_label_map("empty", key, empty, affine=np.eye(4))
    return made


def settings(store: Store, label_set: str, *, kind: str = "classification", **changes):
    return StudyConfig.model_validate(
        {
            "name": "study",
            "store": store.folder,
            "runs": store.folder.parent / "runs",
            "label_set": label_set,
            "kind": kind,
            "test": {"fraction": 0.5, "seed": 0},
            "policy": {
                "name": "small",
                "modality": "CT",
                "grid": {"size_voxels": (8, 8, 8), "spacing_mm": (1.0, 1.0, 1.0)},
                "window": {"kind": "fixed_window", "low": -1000.0, "high": 1000.0},
                "transforms": ({"kind": "crop", "min_overlap": 0.5},),
            },
            "arms": ({"init": "none", "adaptation": "voxels"},),
            "label_counts": (2, 4),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("label_set", "changes", "sentence"),
    [
        ("one_class", {}, "at least two classes, but all 8 labelled patients .* are of class 1"),
        ("a_gap", {}, "Every class from 0 to 2 must have patients .* class 1 has 0 and 0"),
        ("untested", {"test": {"split": "test"}}, "class 1 has 2 and 0"),
        ("both", {"min_per_class": 3}, "must hold 3 of its patients, and the training part has 2"),
        ("both", {"label_counts": (1, 4)}, "1 labelled patients cannot hold 1 of each of 2"),
        ("both", {"label_counts": (2, 5)}, "between 1 and the 4 patients .* asked for 5"),
        (
            "shared",
            {"test": {"split": "test"}, "min_per_class": 2, "seeds": tuple(range(20))},
            "2 labelled patients cannot hold 2 of each class: at least 3 .* with seed",
        ),
        ("empty", {"kind": "segmentation"}, "a class other than 0; 0 of 4 and 0 of 4 do"),
    ],
    ids=["one", "gap", "untested", "few-patients", "few-labels", "many-labels", "seed", "maps"],
)
def test_a_study_that_no_cell_of_could_end_is_refused_before_its_folder(
    store, monkeypatch, label_set, changes, sentence
):
    monkeypatch.setattr(study, "require_safe_labelled", lambda *_, **__: None)
    config = settings(store, label_set, **changes)
    with pytest.raises(InputError, match=sentence):
        study.run(config, progress=Silent())
    assert not (config.runs / "study").exists()
