"""Label objects find their volume and become its label map, or are refused with a sentence."""

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import nibabel
import numpy as np
import pytest

from medcl.errors import InputError
from medcl.geometry.affine import transform_points
from medcl.ingest.identity import Keyring
from medcl.ingest.outcome import Accepted
from medcl.io.dicom.writing import write_dicom_series
from medcl.io.labels.grid import Grid
from medcl.runtime.confinement import ChildLimits
from medcl.stages import labels
from medcl.stages.label_intake import LabelIntake
from medcl.stages.label_objects import Added, add_objects
from medcl.stages.label_reading import LabelReader
from medcl.stages.label_survey import survey
from medcl.stages.progress import Silent
from medcl.stages.segment_classes import ClassWords, parse_classes
from medcl.store.store import Store
from tests.ingest.whole import ingest
from tests.io.conftest import make_ct
from tests.io.label_files import write_segmentation, write_structure_set
from tests.stages.small_site import medcl

SHAPE = (7, 5, 6)
LIVER, SPLEEN = ("liver", "10200004"), ("spleen", "78961009")
KEYRING = Keyring(bytes(range(32)))
BOTH = parse_classes("liver=1,spleen=2")


def series(folder: Path, uid: str, axes: str, **options: object) -> list[Path]:
    names = {"patient_id": "48215", "study_uid": "1.2.3", "series_uid": uid}
    return write_dicom_series(make_ct(axes), folder, **names, **options)


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Two series, and one that holds two phases on one grid."""
    folder = tmp_path_factory.mktemp("archive")
    series(folder / "axial", "1.2.3.4", "axial")
    series(folder / "oblique", "1.2.3.5", "oblique")
    for phase in (1, 2):
        volume = make_ct("sagittal")
        changed = np.array(volume.array) // phase
        write_dicom_series(
            type(volume)(array=changed, affine=volume.affine, modality="CT", unit="HU"),
            folder / f"phase{phase}",
            patient_id="48215",
            study_uid="1.2.3",
            series_uid="1.2.3.6",
            extra={"AcquisitionNumber": phase, "SOPInstanceUID": f"1.2.9.{phase}"},
        )
    return folder


@pytest.fixture(scope="module")
def accepted(archive) -> list[Accepted]:
    outcomes = ingest(archive, KEYRING)
    assert all(isinstance(one, Accepted) for one in outcomes)
    assert len(outcomes) == 4
    return outcomes


@pytest.fixture
def store(accepted, tmp_path) -> Store:
    made = Store.create(tmp_path / "store", key_fingerprint=KEYRING.fingerprint)
    for one in accepted:
        made.add(one)
    return made


@pytest.fixture(scope="module")
def reader():
    with LabelReader() as made:
        yield made


Adds = Callable[..., Added]


@pytest.fixture
def add(store, reader, tmp_path) -> Adds:
    def add_folder(words: ClassWords = BOTH, splits: dict[str, str] | None = None) -> Added:
        folder = tmp_path / "labels"
        intake = LabelIntake(store, "organs", KEYRING, splits or {}, reader, Silent())
        return add_objects(survey(sorted(folder.iterdir()), folder, intake), intake, words)

    (tmp_path / "labels").mkdir()
    return add_folder


def segmentation(folder: Path, slices: Path, *organs: tuple[str, str], name="a", seed=1):
    numbers = np.random.default_rng(seed).integers(0, len(organs) + 1, SHAPE)
    masks = np.stack([numbers == one for one in range(1, len(organs) + 1)]).astype(np.uint8)
    write_segmentation(folder / "labels" / name, sorted(slices.iterdir()), masks, organs=organs)
    return numbers


def row_of(store: Store, uid: str):
    (row,) = [row for row in store.rows() if row.series_key == KEYRING.series_key(uid)]
    return row


@pytest.mark.parametrize(("name", "uid"), [("axial", "1.2.3.4"), ("oblique", "1.2.3.5")])
def test_a_segmentation_becomes_the_map_of_its_series(add, store, archive, tmp_path, name, uid):
    expected = segmentation(tmp_path, archive / name, LIVER, SPLEEN)
    assert add().refused == {}
    row = row_of(store, uid)
    assert (store.read_label_map("organs", row.key) == expected).all()
    assert [found.key for found in store.label_maps("organs")] == [row.key]
    assert add() == Added(1, {}, []), "a second time changes nothing"


def box(low: int, high: int, uid: str, store: Store) -> list[np.ndarray]:
    """Return a square on two slices of a volume as contours."""
    corners = [(low, low), (high, low), (high, high), (low, high)]
    voxels = [np.array([(*corner, plane) for corner in corners], float) for plane in (2, 3)]
    return [
        transform_points(row_of(store, uid).affine, one - np.array([0.5, 0.5, 0.0]))
        for one in voxels
    ]


def test_a_structure_set_becomes_the_map_of_its_series(add, store, tmp_path):
    structures = {"Liver": box(1, 3, "1.2.3.5", store), "note": box(3, 5, "1.2.3.5", store)}
    structures["Spleen"] = []
    path = tmp_path / "labels" / "rs"
    write_structure_set(path, structures, series_uid="1.2.3.5", frame_uid="1.2.3.5.0")
    added = add()
    assert added.notes == [
        "2 segments bear no name of a class, or were not drawn, and are left out.",
        "1 of 1 volumes lack some of the classes.",
    ]
    labels = store.read_label_map("organs", row_of(store, "1.2.3.5").key)
    assert (np.argwhere(labels) == list(itertools.product((1, 2), (1, 2), (2, 3)))).all()


def test_a_structure_that_was_not_drawn_does_not_make_a_map_of_background(add, tmp_path):
    write_structure_set(tmp_path / "labels" / "rs", {"liver": []})
    with pytest.raises(InputError, match="None of its drawn segments bears the name"):
        add()


def test_objects_of_one_volume_are_drawn_together(add, store, archive, tmp_path):
    liver = segmentation(tmp_path, archive / "axial", LIVER, name="a", seed=1)
    spleen = segmentation(tmp_path, archive / "axial", SPLEEN, name="b", seed=2)
    with pytest.raises(InputError, match=r"No volume was labelled; 2 objects .* must not overlap"):
        add()
    add(parse_classes("liver=1,spleen=2", later_covers_earlier=True))
    labels = store.read_label_map("organs", row_of(store, "1.2.3.4").key)
    assert (labels == np.where(spleen, 2, liver)).all()


def test_a_structure_that_two_objects_draw_is_refused(add, archive, tmp_path):
    for name in "ab":
        segmentation(tmp_path, archive / "axial", LIVER, name=name)
    with pytest.raises(InputError, match="1 are drawn by several of 2"):
        add()


def test_an_object_of_an_unknown_series_is_refused_and_others_are_added(
    add, store, archive, tmp_path
):
    segmentation(tmp_path, archive / "axial", LIVER, name="b")
    structures = {"liver": box(1, 3, "1.2.3.4", store)}
    write_structure_set(tmp_path / "labels" / "a", structures, series_uid="9.9")
    added = add()
    assert added.num_volumes == 1
    assert added.refused == {
        1: "An object must name a series of the store; none of the 1 that it names is there."
    }


def test_an_object_in_another_frame_of_reference_is_refused(add, store, tmp_path):
    structures = {"liver": box(1, 3, "1.2.3.4", store)}
    write_structure_set(tmp_path / "labels" / "a", structures, frame_uid="1.2.3.99")
    with pytest.raises(InputError, match="lies in another one"):
        add()


def test_an_object_that_fits_two_phases_is_refused(add, archive, tmp_path):
    segmentation(tmp_path, archive / "phase1", LIVER)
    with pytest.raises(InputError, match="2 volumes of its series share its grid"):
        add()


def test_a_volume_gets_no_map_where_one_of_its_objects_is_refused(add, store, archive, tmp_path):
    segmentation(tmp_path, archive / "oblique", LIVER, name="other")
    segmentation(tmp_path, archive / "axial", LIVER, name="good")
    structures = {"spleen": box(1, 3, "1.2.3.4", store)}
    write_structure_set(tmp_path / "labels" / "bad", structures, frame_uid="1.2.3.99")
    added = add()
    assert added.num_volumes == 1
    assert sorted(added.refused) == [1, 2]
    assert "a map of the rest would lie" in added.refused[2]


def test_an_object_without_wanted_segments_leaves_its_volume_to_others(add, archive, tmp_path):
    segmentation(tmp_path, archive / "axial", LIVER, name="a")
    segmentation(tmp_path, archive / "axial", SPLEEN, name="b")
    added = add(parse_classes("liver=1"))
    assert added.num_volumes == 1
    assert added.refused == {2: "None of its drawn segments bears the name of a class."}


def test_segment_numbers_are_classes_where_they_agree(add, store, archive, tmp_path):
    expected = segmentation(tmp_path, archive / "axial", LIVER, SPLEEN, name="a")
    segmentation(tmp_path, archive / "oblique", LIVER, name="b")
    assert add(ClassWords()).num_volumes == 2
    assert (store.read_label_map("organs", row_of(store, "1.2.3.4").key) == expected).all()


def test_segment_numbers_that_disagree_are_refused(add, archive, tmp_path):
    segmentation(tmp_path, archive / "axial", LIVER, SPLEEN, name="a")
    segmentation(tmp_path, archive / "oblique", SPLEEN, name="b")
    with pytest.raises(InputError, match="1 of 2 segment numbers stand for different structures"):
        add(ClassWords())


def test_splits_follow_the_names_of_objects(add, store, archive, tmp_path):
    segmentation(tmp_path, archive / "axial", LIVER, name="a.dcm")
    segmentation(tmp_path, archive / "oblique", LIVER, name="b.dcm")
    with pytest.raises(InputError, match=r"1 of 2 have none\. Nothing was added"):
        add(splits={"a": "train"})
    add(splits={"a": "train", "b": "test"})
    splits = {row.key: row.split for row in store.label_maps("organs")}
    assert splits[row_of(store, "1.2.3.5").key] == "test"


def test_a_damaged_object_is_refused_and_a_folder_without_any_too(add, archive, tmp_path):
    (tmp_path / "labels" / "readme.txt").write_text("nothing")
    with pytest.raises(InputError, match="none of 1 files is one"):
        add()
    segmentation(tmp_path, archive / "axial", LIVER)
    path = tmp_path / "labels" / "a"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="1 objects are refused"):
        add()


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with some bits flipped, or a piece overwritten, lost or repeated."""
    at, size = int(rng.integers(132, len(content))), int(rng.integers(1, 60))
    match int(rng.integers(4)):
        case 0:
            return (
                content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :]
            )
        case 1:
            return content[:at] + rng.bytes(4) + content[at + 4 :]
        case 2:
            return content[:at] + content[at + size :]
        case _:
            return content[:at] + content[at : at + size] + content[at:]


def test_a_damaged_object_gives_a_whole_map_or_a_sentence(reader, store, archive, tmp_path):
    (tmp_path / "labels").mkdir()
    segmentation(tmp_path, archive / "axial", LIVER, SPLEEN)
    structures = {"liver": box(1, 3, "1.2.3.4", store)}
    paths = [tmp_path / "labels" / "a", tmp_path / "labels" / "b"]
    write_structure_set(paths[1], structures)
    row = row_of(store, "1.2.3.4")
    rng, ends = np.random.default_rng(11), []
    for content in [path.read_bytes() for path in paths for _ in range(60)]:
        paths[0].write_bytes(damaged(content, rng))
        try:
            found = reader.describe(paths[0])
            numbers = {} if found is None else {one.number: 1 for one in found.segments}
            grid = Grid(shape=row.shape, affine=row.affine)
            drawn = reader.draw([(paths[0], numbers)], grid, [1], later_covers_earlier=False)
        except InputError as error:
            ends.append(str(error).partition(":")[0])
        else:
            assert drawn.shape == SHAPE
            assert set(np.unique(drawn)) <= {0, 1}
    assert {"DECODE_FAILED", "PIXEL_TRUNCATED"} <= set(ends)
    assert len(ends) < 120


def test_an_object_that_needs_more_memory_than_it_may_costs_only_itself(archive, tmp_path):
    (tmp_path / "labels").mkdir()
    segmentation(tmp_path, archive / "axial", LIVER)
    path = tmp_path / "labels" / "a"
    with path.open("ab") as file:
        file.write(b"\xfc\xff\xfc\xffOB\0\0" + (2**27).to_bytes(4, "little"))
        file.truncate(path.stat().st_size + 2**27)
    with LabelReader(ChildLimits(memory_bytes=2**26)) as limited:
        with pytest.raises(InputError, match="LIMIT_EXCEEDED"):
            limited.describe(path)
        assert limited.describe(next(iter((archive / "axial").iterdir()))) is None


@pytest.fixture
def add_path(store, reader, tmp_path, monkeypatch):
    """Return `labels.add` with a reading process that is there already."""
    monkeypatch.setattr(labels, "LabelReader", lambda _limits: nullcontext(reader))
    secret = tmp_path / "secret.key"
    secret.touch(mode=0o600)
    secret.write_text(bytes(range(32)).hex())

    def add(path: Path, words: ClassWords | None = None):
        return labels.add(
            path,
            store=store.folder,
            name="organs",
            key_file=secret,
            source=None,
            splits=None,
            progress=Silent(),
            words=words,
        )

    (tmp_path / "labels").mkdir()
    store.close()
    return add


def test_a_locked_store_is_not_blamed_on_an_object(add_path, archive, store, tmp_path):
    segmentation(tmp_path, archive / "axial", LIVER)
    store.add_labels("held", [])
    with pytest.raises(InputError, match=r"^A store takes one writer"):
        add_path(tmp_path / "labels")


def test_a_single_object_may_be_added(add_path, archive, tmp_path):
    segmentation(tmp_path, archive / "axial", LIVER)
    figures = add_path(tmp_path / "labels" / "a").figures
    assert (figures["volumes"], figures["objects"], figures["other_files"]) == (1, 1, 0)


def test_nifti_maps_beside_objects_and_names_for_them_are_refused(add_path, archive, tmp_path):
    zeros = nibabel.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4))
    nibabel.save(zeros, tmp_path / "labels" / "b.nii.gz")
    with pytest.raises(InputError, match="Names of classes are for DICOM"):
        add_path(tmp_path / "labels", BOTH)
    segmentation(tmp_path, archive / "axial", LIVER)
    with pytest.raises(InputError, match=r"it holds 1 and 1\. Add them as two label sets"):
        add_path(tmp_path / "labels")


def test_from_the_command_line_and_no_name_is_kept(archive, tmp_path, capsys):
    canary = "Canary Grzegorz"
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "text.md").write_text(canary)
    segmentation(tmp_path, archive / "axial", (canary, "10200004"), SPLEEN)
    key, store = str(tmp_path / "secret.key"), str(tmp_path / "store")
    where = ("--store", store, "--key-file", key)
    assert medcl("keys", "new", key) == 0
    assert medcl("ingest", str(archive), str(tmp_path / "labels"), *where) == 0
    refused = {str(code) for code in Store.open(Path(store)).counts().refused_by_reason}
    assert refused == {"LABEL_OBJECT", "NOT_IMAGE"}
    adding = (str(tmp_path / "labels"), *where, "--name", "organs")
    assert medcl("labels", "add", *adding, "--classes", f"{canary}=1") == 0
    classes = {row.classes for row in Store.open(Path(store)).label_maps("organs")}
    assert classes == {(0, 1)}
    said = "".join(capsys.readouterr())
    assert "Label set organs" in said
    written = b"".join(one.read_bytes() for one in Path(store).rglob("*") if one.is_file())
    assert canary.split()[1] not in said
    assert canary.split()[1].encode() not in written
