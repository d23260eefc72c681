"""Which volumes something was made of, told without naming them, so that it can be asked later."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from medcl.store.rows import VolumeRow


class Mark(NamedTuple):
    """One volume: salted hashes of its content and its key, 32 hex characters each."""

    content: str
    key: str


class Departure(NamedTuple):
    """How volumes differ from those of a manifest.

    Attributes:
        missing: Places in the manifest of volumes that are not there any more.
        changed: Places of those whose key now has another content.
        num_new: Volumes that the manifest does not have.
        is_regrouped: Whether the volumes are the same ones, but are of other patients together.
    """

    missing: tuple[int, ...]
    changed: tuple[int, ...]
    num_new: int
    is_regrouped: bool

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.changed or self.num_new or self.is_regrouped)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The volumes of a selection, by what their voxels and their grids are.

    Keys depend on the secret of a site and contents do not, so the same scans have the same digest
    in every store. Who holds the store can ask what became of each volume; marks are salted with
    the digest, so that those of two manifests cannot be laid side by side.

    Attributes:
        digest: Of all of them, see `volumes_digest`.
        num_patients: Patients they are of.
        marks: One per volume, rising.

    Example:
        >>> manifest = Manifest.of([])
        >>> manifest.departure([]).is_none, manifest.num_patients
        (True, 0)
    """

    digest: str
    num_patients: int
    marks: tuple[Mark, ...]

    @classmethod
    def of(cls, rows: Sequence[VolumeRow]) -> "Manifest":
        """Return the manifest of some volumes, in whatever order they come."""
        digest = volumes_digest(rows)
        marks = tuple(sorted(_mark(row, digest) for row in rows))
        return cls(digest, len({row.patient_key for row in rows}), marks)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Manifest":
        """Return what `to_json` wrote.

        Raises:
            KeyError: A part of it is missing.
            TypeError: A part of it is of another kind.
            ValueError: A mark is no two texts, or they are not as many as is said.
        """
        marks = tuple(Mark(str(of), str(key)) for of, key in content["marks"])
        if len(marks) != content["volumes"]:
            raise ValueError(f"{len(marks)} marks cannot be of {content['volumes']} volumes.")
        return cls(str(content["digest"]), int(content["patients"]), marks)

    def to_json(self) -> dict[str, object]:
        """Return digest, counts and marks."""
        return {
            "digest": self.digest,
            "volumes": len(self.marks),
            "patients": self.num_patients,
            "marks": [list(mark) for mark in self.marks],
        }

    def places(self, rows: Iterable[VolumeRow]) -> list[int]:
        """Return where some of its volumes stand among its marks, rising.

        Raises:
            ValueError: One of them is not among its volumes.
        """
        known = {mark: place for place, mark in enumerate(self.marks)}
        marks = {_mark(row, self.digest) for row in rows}
        if not marks <= known.keys():
            raise ValueError("Every volume must be one of the manifest's.")
        return sorted(known[mark] for mark in marks)

    def departure(self, rows: Sequence[VolumeRow]) -> Departure:
        """Return how volumes that are there now differ from these.

        Args:
            rows: What is there now, in any store.

        Returns:
            Nothing, if the digests are the same.
        """
        present = [_mark(row, self.digest) for row in rows]
        unmatched = Counter(mark.content for mark in present)
        gone = []
        for place, mark in enumerate(self.marks):
            if unmatched[mark.content]:
                unmatched[mark.content] -= 1
            else:
                gone.append(place)
        came = {mark.key for mark in present if unmatched[mark.content]}
        changed = tuple(place for place in gone if self.marks[place].key in came)
        missing = tuple(place for place in gone if self.marks[place].key not in came)
        num_new = unmatched.total() - len(changed)
        is_same = not gone and not num_new
        return Departure(missing, changed, num_new, is_same and volumes_digest(rows) != self.digest)


def volumes_digest(rows: Iterable[VolumeRow]) -> str:
    """Return a SHA-256 of what some volumes hold and which of them are of one patient.

    Args:
        rows: Volumes, in any order and of any store.

    Returns:
        64 hex characters, over one line per patient with the content hashes of its volumes; these
        and the lines are in rising order. Neither keys nor places of the store decide it.

    Example:
        >>> volumes_digest([])[:8]
        'e3b0c442'
    """
    contents = defaultdict(list)
    for row in rows:
        contents[row.patient_key].append(row.content_sha256)
    lines = sorted(" ".join(sorted(each)) + "\n" for each in contents.values())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _mark(row: VolumeRow, digest: str) -> Mark:
    return Mark(_salted(digest, row.content_sha256), _salted(digest, row.key))


def _salted(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt} {text}".encode()).hexdigest()[:32]
