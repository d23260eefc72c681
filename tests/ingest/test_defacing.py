"""Faces are taken away by a program of the site's choice, and nothing of them is left."""

import sys
from pathlib import Path

import numpy as np
import pytest

from medcl.augment.defaults import mr_weighted
from medcl.augment.grid import ViewGrid
from medcl.augment.views import boxes, draw, render
from medcl.errors import RequestError
from medcl.ingest.defacing import Defacing
from medcl.ingest.face_removal import deface, removed_region
from medcl.ingest.outcome import Accepted, Refused
from medcl.io.dicom.writing import write_dicom_series
from medcl.io.refusal import ReasonCode, RefusedSeries
from medcl.runtime.tools import ToolLimits
from medcl.store.packing import pack
from medcl.store.store import Store
from medcl.store.viewing import read_boxes, source_of
from medcl.volume import Volume
from tests.ingest.whole import ingest

SHAPE = (24, 22, 20)
FACE = 7  # the lowest planes

READ = "import sys,os,time;a,b=sys.argv[1:];d=bytearray(open(a,'rb').read());"
WRITE = "open(b,'wb').write(d)"
ZERO = f"n=2*{SHAPE[0] * SHAPE[1] * FACE};d[352:352+n]=bytes(n);"
MOVE = "import struct;d[268:272]=d[292:296]=struct.pack('<f',9.0);"


def program(body: str, **settings) -> Defacing:
    """Return a program that does something to the bytes ``d`` of its input."""
    command = (sys.executable, "-S", "-c", READ + body, "{input}", "{output}")
    return Defacing(command=command, **settings)


def head(face: int = 500, *, validity: np.ndarray | None = None) -> Volume:
    array = np.random.default_rng(0).integers(100, 400, (1, *SHAPE)).astype(np.int16)
    array[..., :FACE] = face
    return Volume(
        array=array,
        affine=np.diag([2.0, 2.0, 2.0, 1.0]),
        modality="MR",
        unit="a.u.",
        validity=validity,
    )


def test_what_was_removed_is_filled_and_not_valid_and_all_else_is_untouched():
    found = deface(head(), program(ZERO + WRITE))
    expected = np.ones(SHAPE, bool)
    expected[..., :FACE] = False
    np.testing.assert_array_equal(found.validity, expected)
    np.testing.assert_array_equal(found.array[..., FACE:], head().array[..., FACE:])
    assert (found.array[..., :FACE] == head().array[..., FACE:].min()).all()


def test_nothing_of_a_face_is_left_in_any_voxel_or_measure():
    defacing = program(ZERO + WRITE)
    assert (deface(head(500), defacing).array == deface(head(3000), defacing).array).all()


def test_voxels_that_were_not_measured_before_stay_so():
    validity = np.ones(SHAPE, bool)
    validity[3, 4, 15] = False
    found = deface(head(validity=validity), program(ZERO + WRITE))
    assert found.validity is not None
    assert not found.validity[3, 4, 15]


def test_a_background_of_zeros_does_not_keep_the_mould_of_a_face():
    before = np.zeros((8, 8, 8), np.int16)
    before[2:6, 2:6, 2:6] = 100
    after = before.copy()
    after[2:4, 2:6, 2:6] = 0
    removed = removed_region(before, after)
    np.testing.assert_array_equal(removed, after == 0)


def test_a_cavity_of_zeros_apart_from_the_face_is_kept():
    before = np.full((9, 9, 9), 100, np.int16)
    before[7, 7, 7] = 0
    after = before.copy()
    after[:3] = 0
    removed = removed_region(before, after)
    assert removed[:3].all()
    assert not removed[7, 7, 7]


def test_a_program_that_blurs_a_face_instead_of_emptying_it_removes_it_all_the_same():
    before = np.full((6, 6, 6), 100.0)
    after = before.copy()
    after[:2] = np.random.default_rng(0).uniform(10, 20, (2, 6, 6))
    np.testing.assert_array_equal(removed_region(before, after), after != before)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sys.exit(3)", "ended with status 3"),
        ("", "no readable NIfTI"),
        (WRITE.replace("d)", "d[:400])"), "no readable NIfTI"),
        (WRITE, "0.0% of the voxels"),
        ("d[352:]=bytes(len(d)-352);" + WRITE, "100.0% of the voxels"),
        (MOVE + ZERO + WRITE, "9.00 mm away"),
        ("d[42:44],d[44:46]=d[44:46],d[42:44];" + ZERO + WRITE, "came back for"),
        ("time.sleep(9)", "took more than 1 s"),
    ],
    ids=["fails", "silent", "cut", "nothing", "all", "moved", "turned", "hangs"],
)
def test_a_program_that_does_not_do_its_work_refuses_the_volume(body, said):
    with pytest.raises(RefusedSeries, match=said) as refused:
        deface(head(), program(body, limits=ToolLimits(wall_s=1)))
    assert refused.value.code == ReasonCode.DEFACING_FAILED


def test_a_program_that_is_not_there_refuses_the_volume():
    with pytest.raises(RefusedSeries, match="cannot be started"):
        deface(head(), Defacing(command=("no-such-program", "{input}", "{output}")))


def test_nothing_is_left_in_the_folder_for_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deface(head(), program(ZERO + WRITE))
    with pytest.raises(RefusedSeries):
        deface(head(), program("sys.exit(1)"))
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_private_and_its_names_say_nothing():
    look = "m=os.stat(os.path.dirname(a)).st_mode&0o77;n=os.path.basename(a);"
    found = deface(head(), program(look + "assert m==0 and n=='volume.nii';" + ZERO + WRITE))
    assert found.validity is not None


@pytest.mark.parametrize("command", [("tool",), ("tool", "{input}"), ("x", "{output}", "{output}")])
def test_a_command_that_does_not_say_where_its_files_go_is_refused(command):
    with pytest.raises(RequestError, match=r"\{input\} and \{output\}"):
        Defacing(command=command)


@pytest.mark.parametrize(
    ("program_name", "recorded"),
    [("/opt/bin/pydeface", "pydeface"), ("mri_deface", "mri_deface"), ("/home/doe/my.sh", "tool")],
)
def test_the_name_of_the_program_is_of_a_closed_list(program_name, recorded):
    assert Defacing(command=(program_name, "{input}", "{output}")).name == recorded


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A head, a knee, and one of which the header says nothing."""
    for number, part in enumerate(["HEAD", "KNEE", ""], start=1):
        write_dicom_series(
            head(500 + number),
            tmp_path / "archive" / str(number),
            patient_id=f"P{number}",
            study_uid=f"1.2.{number}",
            series_uid=f"1.2.{number}.9",
            extra={"BodyPartExamined": part},
        )
    return tmp_path / "archive"


def told(outcomes) -> dict:
    assert all(isinstance(one, Accepted) for one in outcomes)
    return {
        one.technical.body_part: (one.technical.defaced, one.volume.validity is not None)
        for one in outcomes
    }


def test_without_a_program_heads_are_kept_and_said_to_be_unknown(archive, keyring):
    assert told(ingest(archive, keyring)) == {
        "head": ("unknown", False),
        "leg": ("unknown", False),
        None: ("unknown", False),
    }


def test_heads_are_defaced_and_what_nobody_names_where_asked(archive, keyring):
    defacing = program(ZERO + WRITE)
    assert told(ingest(archive, keyring, defacing=defacing)) == {
        "head": ("tool", True),
        "leg": ("unknown", False),
        None: ("unknown", False),
    }
    both = program(ZERO + WRITE, unknown_too=True)
    assert told(ingest(archive, keyring, defacing=both))[None] == ("tool", True)


def test_a_head_that_cannot_be_defaced_is_refused_and_nothing_else_is(archive, keyring):
    outcomes = ingest(archive, keyring, defacing=program("sys.exit(1)"))
    (refused,) = [one for one in outcomes if isinstance(one, Refused)]
    assert refused.code == ReasonCode.DEFACING_FAILED
    assert len(outcomes) == 3


def test_another_program_reads_all_anew(archive, keyring):
    before = {one.key: one.fingerprint for one in ingest(archive, keyring)}
    after = ingest(archive, keyring, defacing=program(ZERO + WRITE))
    assert all(before[one.key] != one.fingerprint for one in after)


def test_views_of_a_defaced_head_leave_the_face_out(archive, keyring, tmp_path):
    outcomes = ingest(archive, keyring, defacing=program(ZERO + WRITE))
    (accepted,) = [one for one in outcomes if one.technical.body_part == "head"]
    with Store.create(tmp_path / "store", key_fingerprint="f" * 16) as store:
        store.add_packed(pack(accepted))
    row = store.row(accepted.key)
    assert row.technical.defaced == "tool"
    policy = mr_weighted(grid=ViewGrid(size_voxels=(16, 16, 16), spacing_mm=(2.0, 2.0, 2.0)))
    left_out = 0
    for step in range(8):
        drawn = draw(policy, [source_of(row)], seed=0, step=step, view=0)
        ((voxels, validity),) = read_boxes(store, row.key, boxes(drawn))
        views, mask = render(drawn, [voxels], [validity])
        # The same view of a head whose face is as bright as can be: not a voxel differs.
        loud = np.where(validity, voxels, 30_000.0).astype(np.float32)
        loud_views, loud_mask = render(drawn, [loud], [validity])
        assert (mask == loud_mask).all()
        assert (views == loud_views).all()
        assert (views[~mask] == -1).all()
        left_out += int((~mask).sum())
    assert left_out > 0
