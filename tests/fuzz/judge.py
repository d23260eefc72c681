"""The rule that every input is held to: the volume that SimpleITK reads too, or a reason code."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from medcl.ingest import archive
from medcl.ingest.archive_index import ArchiveIndex
from medcl.ingest.identity import Keyring
from medcl.ingest.jobs import Job
from medcl.ingest.options import IngestOptions
from medcl.ingest.outcome import Refused
from medcl.io.lps import flip_world
from medcl.io.refusal import ReasonCode
from medcl.runtime.confinement import ChildDied, ChildLimits, Confined
from medcl.stages.reading import inspected, inspection, packed, reading, run_task
from medcl.store.frames import read_box
from medcl.store.packing import Packed

Planes = dict[tuple[str, int], np.ndarray]
"""Values by file name and frame."""

LIMITS = ChildLimits(memory_bytes=3 * 2**30, cpu_s=20, wall_s=40)
_OPTIONS = IngestOptions(accept=frozenset({ReasonCode.DERIVED}), pet_unit="Bq/ml")
_POSITION_MM, _COSINE, _SPACING = 0.11, 2e-3, 1e-3
"""What ingest tolerates between slices of one series, and a little more."""


@dataclass
class Verdict:
    """What became of one input; ``problem`` is empty if the rule was kept."""

    codes: list[str] = field(default_factory=list)
    volumes: int = 0
    compared: int = 0
    died: str = ""
    problem: str = ""
    seconds: float = 0.0


class Judge:
    """Takes files through the reading processes of ingest and asks SimpleITK about the result."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "archive"
        self._folder.mkdir()
        self._frame = folder / "frame.b2nd"
        self._keyring = Keyring(bytes(range(32)))
        self._planes: Planes = {}
        self._sound: Planes | None = None
        self._itk = Confined(["-m", "tests.fuzz.itk_reader"], limits=LIMITS)
        # Confined programs do not look into the working directory, where the tests are.
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        )

    def close(self) -> None:
        self._itk.close()

    def sound_planes(self, files: Sequence[bytes]) -> Planes:
        """Return what ingest reads from files that are not damaged."""
        self._planes = {}
        self.judge(files)
        return dict(self._planes)

    def judge(self, files: Sequence[bytes], sound: Planes | None = None) -> Verdict:
        """Return what becomes of files that make an archive of their own.

        Args:
            files: Their contents.
            sound: What the files held before they were damaged in a way that does not change the
                pixels; it is compared where SimpleITK reads nothing.
        """
        self._sound = sound
        for old in self._folder.iterdir():
            old.unlink()
        for number, content in enumerate(files):
            (self._folder / f"{number}.dcm").write_bytes(content)
        verdict, start = Verdict(), time.monotonic()
        try:
            self._ingest(verdict, len(files))
        except Exception as error:  # noqa: BLE001 (any exception is what is looked for)
            verdict.problem = f"the coordinator raised {type(error).__name__}: {error}"
        verdict.seconds = time.monotonic() - start
        if verdict.seconds > LIMITS.wall_s + 5:
            verdict.problem = verdict.problem or f"took {verdict.seconds:.0f} s"
        return verdict

    def _ingest(self, verdict: Verdict, num_files: int) -> None:
        accounted = 0
        with ArchiveIndex() as index:
            archive.find([self._folder], index)
            found = list(index.files())
            facts = inspected(run_task(inspection([one.path for one in found], LIMITS)))
            for one, fact in zip(found, facts, strict=True):
                refused = archive.note(one, fact, index, self._keyring)
                if refused is not None:
                    accounted += self._refused(refused, verdict)
            for planned in archive.plan(index, self._keyring, _OPTIONS):
                if isinstance(planned, Refused):
                    accounted += self._refused(planned, verdict)
                    continue
                for outcome in packed(run_task(reading(planned, LIMITS)), planned):
                    if isinstance(outcome, Refused):
                        accounted += self._refused(outcome, verdict)
                    else:
                        accounted += outcome.row.num_files
                        verdict.volumes += 1
                        self._compare(outcome, planned, verdict)
        if accounted != num_files:
            verdict.problem = f"{accounted} of {num_files} files were accounted for"

    @staticmethod
    def _refused(refused: Refused, verdict: Verdict) -> int:
        verdict.codes.append(refused.code.value)
        if "reading process" in refused.detail:
            verdict.died = refused.detail
        return refused.num_files

    def _compare(self, got: Packed, job: Job, verdict: Verdict) -> None:
        array, validity = self._decoded(got)
        if array.shape[-1] != len(job.planes):
            verdict.problem = f"{array.shape[-1]} planes of {len(job.planes)}"
            return
        planes = _named(array, np.array(got.row.affine), job)
        self._planes.update(planes)
        try:
            answer = self._itk.ask(json.dumps([str(p.found.path) for p in job.planes]).encode())
            slices = list(_slices(answer, [plane.header.frame for plane in job.planes]))
        except ChildDied:
            slices = [None]
        if None in slices:
            if self._sound is not None and any(
                name not in self._sound or not np.array_equal(values, self._sound[name])
                for name, values in planes.items()
            ):
                verdict.problem = "other pixels than before the damage, which SimpleITK refuses"
            return
        verdict.compared += 1
        verdict.problem = _difference(array, validity, np.array(got.row.affine), slices, job)

    def _decoded(self, got: Packed) -> tuple[np.ndarray, np.ndarray | None]:
        self._frame.write_bytes(got.voxels)
        array = got.row.coding.decode(read_box(self._frame, None, mmap=False))[0]
        if got.mask is None:
            return array.astype(np.float64), None
        self._frame.write_bytes(got.mask)
        return array.astype(np.float64), read_box(self._frame, None, mmap=False)[0].astype(bool)


def _named(array: np.ndarray, affine: np.ndarray, job: Job) -> Planes:
    """Return the planes of a volume under the file and frame that they come from."""
    lps = flip_world(affine)
    normal = np.cross(lps[:3, 0], lps[:3, 1])
    depths = [np.dot(plane.header.position_mm or (0, 0, 0), normal) for plane in job.planes]
    return {
        (job.planes[place].found.path.name, job.planes[place].header.frame): array[:, :, number]
        for number, place in enumerate(np.argsort(depths))
    }


@dataclass(eq=False)
class _Slice:
    values: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    spacing: np.ndarray


def _slices(answer: bytes, frames: Sequence[int]) -> Iterator[_Slice | None]:
    with np.load(BytesIO(answer)) as found:
        for number, frame in enumerate(frames):
            facts = json.loads(found[f"facts{number}"].tobytes())
            yield None if facts is None else _slice(found[f"voxels{number}"], facts, frame)


def _slice(voxels: np.ndarray, facts: dict[str, Any], frame: int) -> _Slice | None:
    if frame >= len(voxels):
        return None
    values = voxels[frame]
    if facts.get("sop_class", "").strip("\0 ").endswith(".4"):
        # GDCM leaves MR as stored; the header's own numbers say what it means.
        values = values * float(facts.get("slope", 1)) + float(facts.get("intercept", 0))
    return _Slice(
        values,
        np.array(facts["origin"]),
        np.reshape(facts["direction"], (3, 3)),
        np.array(facts["spacing"]),
    )


def _difference(
    array: np.ndarray,
    validity: np.ndarray | None,
    affine: np.ndarray,
    slices: Sequence[_Slice],
    job: Job,
) -> str:
    """Return how a volume differs from SimpleITK's slices; empty if it does not."""
    is_enhanced = job.planes[0].header.num_frames > 1
    lps = flip_world(affine)
    normal = np.cross(lps[:3, 0], lps[:3, 1])
    places = [plane.header.position_mm for plane in job.planes]
    origins = [one.origin for one in slices]
    depths = np.array(places if is_enhanced else origins, dtype=float) @ normal
    for plane, place in enumerate(np.argsort(depths)):
        one = slices[place]
        values = array[:, :, plane].T
        if values.shape != one.values.shape:
            return f"shape {values.shape} where SimpleITK has {one.values.shape}"
        valid = np.ones(values.shape, bool) if validity is None else validity[:, :, plane].T
        tolerance = 1e-5 * max(1.0, float(np.abs(one.values).max()))
        wrong = int((np.abs(values - one.values)[valid] > tolerance).sum())
        if wrong:
            return f"{wrong} of {values.size} voxels differ in plane {plane}"
        if not _is_padding(one.values, valid):
            return f"valid voxels are masked in plane {plane}"
        if is_enhanced:
            continue
        if np.abs((lps @ (0, 0, plane, 1))[:3] - one.origin).max() > _POSITION_MM:
            return f"plane {plane} lies elsewhere"
        for axis in range(2):
            length = float(np.linalg.norm(lps[:3, axis]))
            if abs(length / one.spacing[axis] - 1) > _SPACING:
                return f"pixel spacing {length} where SimpleITK has {one.spacing[axis]}"
            if np.abs(lps[:3, axis] / length - one.direction[:, axis]).max() > _COSINE:
                return f"axis {axis} points elsewhere"
    return ""


def _is_padding(values: np.ndarray, valid: np.ndarray) -> bool:
    """Return whether all that is masked is one range of values, and nothing else is in it."""
    if valid.all():
        return True
    masked = values[~valid]
    inside = (values >= masked.min()) & (values <= masked.max())
    return not (inside & valid).any()
