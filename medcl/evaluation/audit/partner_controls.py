"""Controls of partners: harm between two series that an audit must find, and none where none is.

They are done to the volumes that are audited: a header that lies by centimetres, a mirror image
that no header tells of, a size that is wrong, and a volume that is its own partner.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from medcl.augment.policy import Policy
from medcl.augment.safety.tasks import TaskProfile
from medcl.evaluation.audit.control_list import Outcome
from medcl.evaluation.audit.controls import ControlResult, came_out
from medcl.evaluation.audit.findings import Measured, findings_of
from medcl.evaluation.audit.partner_scene import Beside, Placed, placed, viewed
from medcl.evaluation.measures.agreement import Scan
from medcl.evaluation.quantities.partners import PARTNER, partner_quantities_of, place_limit_mm
from medcl.shapes import Affine

_MOST_PAIRS = 2
_MOVED, _ZOOM = 1.5, 1.15
"""By how many limits a partner is moved, and how many times it is magnified."""

_ROOM_LIMITS = 5.0
_ROOM_MM = 80.0


@dataclass(slots=True)
class PartnerControls:
    """Runs the controls on the first pairs of volumes that it is shown.

    Attributes:
        policy: Gives modality, region and window.
        task: For which task.
        seed: Of the views that are drawn.
    """

    policy: Policy
    task: TaskProfile
    seed: int
    _pairs: int = 0
    _measured: dict[str, Measured] = field(default_factory=dict)

    def see(self, pair: Beside, found: Placed) -> None:
        """Run every control that a pair of volumes has room for.

        Args:
            pair: Both volumes.
            found: Where the partner lies untouched.
        """
        if self._pairs == _MOST_PAIRS or found.shared is None or found.alignment is None:
            return
        self._pairs += 1
        self._own_partner(pair)
        extent = found.shared.extent_mm
        limit = place_limit_mm(self.policy)
        if extent.max() >= _ROOM_LIMITS * limit:
            aside = _MOVED * limit * np.eye(3)[int(extent.argmax())]
            moved = _with_header(pair.second, _moved(aside))
            here = np.asarray(found.alignment.shift_mm)
            after = placed(replace(pair, second=moved), self.policy, from_mm=here)
            self._add("moved", pair, after.figures)
        if extent.max() >= _ROOM_MM:
            zoomed = _with_header(pair.second, _zoomed(pair.second))
            after = placed(replace(pair, second=zoomed), self.policy)
            self._add("magnified", pair, after.figures)
        mirrored = replace(pair, second=_mirrored(pair.second))
        self._add("mirrored", pair, placed(mirrored, self.policy).figures)

    def results(self) -> list[ControlResult]:
        """Return what became of the controls that were run."""
        limit = place_limit_mm(self.policy)
        listed: tuple[tuple[str, str, Outcome, tuple[str, ...]], ...] = (
            ("own", "a volume as its own partner", "pass", ()),
            ("moved", f"partner moved by {_MOVED * limit:g} mm", "fail", ("place_off",)),
            ("mirrored", "partner mirrored, unknown to its header", "fail", ("looks_mirrored",)),
            ("magnified", f"partner magnified {_ZOOM:g} times", "fail", ("magnified",)),
        )
        quantities = partner_quantities_of(self.policy)
        return [
            came_out(
                findings_of(self._measured[key], self.policy, self.task, quantities),
                name=f"two series, {name}",
                must=must,
                task=self.task,
                by=tuple(PARTNER + each for each in by),
            )
            for key, name, must, by in listed
            if key in self._measured
        ]

    def unproven(self) -> tuple[str, ...]:
        """Return what could not be tried, as sentences."""
        if not self._pairs:
            return ()
        said = []
        if "moved" not in self._measured:
            said.append(
                "No two volumes share enough to tell whether a partner that is moved by "
                f"{_MOVED * place_limit_mm(self.policy):g} mm would be found; that both show one "
                "place rests on their headers."
            )
        if "magnified" not in self._measured:
            said.append(
                "No two volumes share enough to tell whether a wrong size would be found; it "
                "rests on their headers."
            )
        return tuple(said)

    def _own_partner(self, pair: Beside) -> None:
        case = pair.first.case
        source = replace(case.source, word=f"{case.source.word}'")
        own = Beside(pair.first, replace(pair.first, case=replace(case, source=source)))
        self._add("own", pair, placed(own, self.policy).figures)
        crops = tuple(each for each in self.policy.transforms if each.kind == "crop")
        still = replace(self.policy, transforms=crops, local=None)
        for figures in viewed(own, still, seed=self.seed, steps=1):
            self._add("own", pair, figures or {})

    def _add(self, key: str, pair: Beside, figures: Mapping[str, float]) -> None:
        self._measured.setdefault(key, Measured()).add(pair.patient, figures)


def _with_header(scan: Scan, change: Affine) -> Scan:
    """Return a volume whose header says that it lies elsewhere in the world."""
    source = replace(scan.case.source, affine=change @ scan.case.source.affine)
    return replace(scan, case=replace(scan.case, source=source))


def _moved(shift_mm: np.ndarray) -> Affine:
    change = np.eye(4)
    change[:3, 3] = shift_mm
    return change


def _zoomed(scan: Scan) -> Affine:
    source = scan.case.source
    middle = source.affine @ np.append((np.asarray(source.shape) - 1) / 2, 1.0)
    change = np.diag([_ZOOM, _ZOOM, _ZOOM, 1.0])
    change[:3, 3] = (1 - _ZOOM) * middle[:3]
    return change


def _mirrored(scan: Scan) -> Scan:
    """Return a volume whose voxels are mirrored left to right under the header of before."""
    axis = int(np.abs(scan.case.source.affine[0, :3]).argmax())
    case, anatomy = scan.case, scan.anatomy
    validity = case.validity
    return Scan(
        replace(
            case,
            array=np.flip(case.array, axis + 1),
            validity=None if validity is None else np.flip(validity, axis),
        ),
        replace(anatomy, smooth=np.flip(anatomy.smooth, axis)),
    )
