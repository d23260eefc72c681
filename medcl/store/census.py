"""What a store holds, counted as a data manager asks for it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from medcl.ingest.outcome import Defaced
from medcl.store.rows import VolumeRow
from medcl.store.selection import USUAL, QualityBounds, missed


class Breakdown(NamedTuple):
    """How often each value of one property occurs, in the order to show.

    Attributes:
        title: What is counted by what.
        unit: What is counted.
        counts: Value and number; histograms keep their empty bins.
    """

    title: str
    unit: str
    counts: tuple[tuple[str, int], ...]


_UNKNOWN = "unknown"
_MOST = 12
_SPACING_EDGES_MM = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
_PLANE_EDGES_MM = (0.3, 0.5, 0.7, 0.9, 1.2, 2.0, 4.0)
_SLICE_EDGES = (16, 32, 64, 128, 256, 512)
_SERIES_EDGES = (2, 3, 5, 10, 20, 50)


def breakdowns(rows: Sequence[VolumeRow]) -> list[Breakdown]:
    """Return all counts of a store that say something; those of one unknown value are left out.

    Args:
        rows: Volumes.

    Returns:
        Counts by modality, body part, manufacturer and so on, then histograms.
    """
    words: dict[str, Callable[[VolumeRow], str | None]] = {
        "Modality and unit": lambda row: f"{row.modality} in {row.unit}",
        "Body part": lambda row: row.technical.body_part,
        "Manufacturer": lambda row: row.technical.manufacturer,
        "MR weighting": lambda row: row.technical.weighting if row.modality == "MR" else "",
        "CT kernel": lambda row: row.technical.kernel if row.modality == "CT" else "",
        "PET tracer": lambda row: row.technical.tracer if row.modality == "PT" else "",
        "Contrast agent": lambda row: _contrast(row.technical.contrast),
        "Who says where left is": lambda row: row.technical.orientation_source,
        "Faces of heads": lambda row: (
            _face(row.technical.defaced) if row.technical.body_part == "head" else ""
        ),
    }
    found = [counted(title, (word(row) for row in rows)) for title, word in words.items()]
    per_patient = Counter(row.patient_key for row in rows).values()
    found += [
        histogram(
            "Distance between slices, mm",
            [row.spacing_mm[row.slice_axis] for row in rows],
            _SPACING_EDGES_MM,
        ),
        histogram(
            "Pixel spacing within slices, mm",
            [min(row.spacing_mm) for row in rows],
            _PLANE_EDGES_MM,
        ),
        histogram("Slices per volume", [row.num_slices for row in rows], _SLICE_EDGES, whole=True),
        histogram(
            "Volumes per patient", list(per_patient), _SERIES_EDGES, whole=True, unit="patients"
        ),
    ]
    return [one for one in found if any(value != _UNKNOWN for value, _ in one.counts)]


def quality_flags(rows: Sequence[VolumeRow], bounds: QualityBounds = USUAL) -> Breakdown:
    """Return how many volumes miss each bound; one volume may miss several."""
    counts = Counter(name for row in rows for name in missed(row, bounds))
    told = [(f"{name} {_bound(bounds, name)}", count) for name, count in counts.most_common()]
    return Breakdown("Worth a look: usual bounds that are missed", "volumes", tuple(told))


def counted(title: str, words: Iterable[str | None]) -> Breakdown:
    """Return the commonest words and the rest together; empty ones are left out.

    Args:
        title: What is counted by what.
        words: One per volume; ``None`` counts as unknown.

    Returns:
        At most 13 counts.

    Example:
        >>> counted("Body part", ["head", None, "head", ""]).counts
        (('head', 2), ('unknown', 1))
    """
    counts = Counter(_UNKNOWN if word is None else word for word in words if word != "")
    common = counts.most_common()
    rest = sum(count for _, count in common[_MOST:])
    told = common[:_MOST] + ([(f"{len(common) - _MOST} others", rest)] if rest else [])
    return Breakdown(title, "volumes", tuple(told))


def histogram(
    title: str,
    values: Sequence[float] | Sequence[int],
    edges: Sequence[float] | Sequence[int],
    *,
    whole: bool = False,
    unit: str = "volumes",
) -> Breakdown:
    """Return counts between edges, from the first bin that is not empty to the last.

    Args:
        title: What is counted by what.
        values: One per volume or patient.
        edges: Rising; an edge belongs to the bin it begins.
        whole: The values are counts from 1 up, and bins say the last one they hold.
        unit: What is counted.

    Returns:
        Bins in order.

    Example:
        >>> histogram("Spacing", [0.3, 1.0, 1.2], (0.5, 1.0, 2.0)).counts
        (('below 0.5', 1), ('0.5 to 1', 0), ('1 to 2', 2))
        >>> histogram("Series", [1, 1, 4], (2, 3, 5), whole=True).counts
        (('1', 2), ('2', 0), ('3 to 4', 1))
    """
    if whole:
        ends = [(low, high - 1) for low, high in pairwise([1, *edges])]
        names = [f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ends]
    else:
        names = [f"below {edges[0]:g}"]
        names += [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names.append(f"{edges[-1]:g} and above")
    counts = [0] * len(names)
    for value in values:
        counts[sum(value >= edge for edge in edges)] += 1
    used = [place for place, count in enumerate(counts) if count]
    shown = range(used[0], used[-1] + 1) if used else range(0)
    return Breakdown(title, unit, tuple((names[place], counts[place]) for place in shown))


def _face(defaced: Defaced) -> str:
    return "may be there" if defaced == "unknown" else f"removed by {defaced}"


def _contrast(named: bool | None) -> str | None:
    return None if named is None else "named" if named else "none"


def _bound(bounds: QualityBounds, name: str) -> str:
    value = getattr(bounds, name)
    return " or ".join(value) if isinstance(value, tuple) else f"{value:g}"
