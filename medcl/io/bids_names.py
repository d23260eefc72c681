"""Names of files in a BIDS tree: entities and a suffix. Pure rules, nothing read.

References:
    Brain Imaging Data Structure 1.10, "Common principles": "Filenames" and "The Inheritance
    Principle", rules 2.2 and 2.3 (which metadata apply to which data, as far as names say).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9+]+)")
_SUFFIX = re.compile(r"[A-Za-z0-9]+")
_METADATA_ENDING = ".json"


@dataclass(frozen=True, slots=True, repr=False)
class BidsName:
    """A file name in its parts. Words of it may be names and are never printed.

    Attributes:
        entities: What the name says before its suffix, such as ``run`` → ``02``; in its order.
        suffix: What the file shows or describes, such as ``T1w``.
    """

    entities: Mapping[str, str]
    suffix: str

    def applies_to(self, image: "BidsName") -> bool:
        """Return whether metadata of this name describe an image, were it at a fitting place.

        Args:
            image: Name of the image.

        Returns:
            Whether both have one suffix and the image has every entity of this name.

        Example:
            >>> image = bids_name("sub-01_task-rest_run-2_bold.nii.gz")
            >>> [
            ...     metadata_name(name).applies_to(image)
            ...     for name in ("bold.json", "task-rest_bold.json", "run-1_bold.json", "T1w.json")
            ... ]
            [True, True, False, False]
        """
        return self.suffix == image.suffix and self.entities.items() <= image.entities.items()


def bids_name(name: str) -> BidsName | None:
    """Return the parts of a file name, or ``None`` if it is not made of entities and a suffix.

    Args:
        name: Without folders; what follows its first dot is not looked at.

    Example:
        >>> found = bids_name("sub-01_acq-fast_T1w.nii.gz")
        >>> found.entities, found.suffix
        ({'sub': '01', 'acq': 'fast'}, 'T1w')
        >>> bids_name("scan of today.nii.gz") is None
        True
    """
    *words, suffix = name.partition(".")[0].split("_")
    matches = [match for word in words if (match := _ENTITY.fullmatch(word))]
    entities = {match[1]: match[2] for match in matches}
    # No entity twice, and no word that is none.
    if len(entities) != len(words) or not _SUFFIX.fullmatch(suffix):
        return None
    return BidsName(entities, suffix)


def metadata_name(name: str) -> BidsName | None:
    """Return the parts of the name of a JSON file that may describe images, or ``None``.

    Args:
        name: Without folders.

    Example:
        >>> metadata_name("T1w.json").suffix
        'T1w'
        >>> metadata_name("dataset_description.json") is None
        True
        >>> metadata_name("T1w.old.json") is None
        True
    """
    stem = name.removesuffix(_METADATA_ENDING)
    return None if stem == name or "." in stem else bids_name(stem)
