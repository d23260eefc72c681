"""Which modality the JSON files beside and above an image name, by BIDS' inheritance principle.

Only files that were found below the sources count: nothing is opened here, no link is followed, and
no folder above the sources is looked into.

References:
    Brain Imaging Data Structure 1.10, "Common principles", "The Inheritance Principle": rule 2
    (what applies to an image), rule 4 (at most one file for each level), rule 5.2 (values are
    inherited from above unless a file further down has another for their key).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medcl.io.bids import BidsFacts
from medcl.io.bids_names import BidsName
from medcl.volume import Modality


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class MetadataFile:
    """A JSON file that may describe images.

    Attributes:
        name: Of the file.
        modality: That it names, or ``None``.
        is_read: Whether it could be read as a JSON object: a link or a damaged file cannot.
    """

    name: BidsName
    modality: Modality | None
    is_read: bool


MetadataIn = Callable[[Path, str], Sequence[MetadataFile]]
"""Folder and suffix → the JSON files there that may describe images of that suffix."""


@dataclass(frozen=True, slots=True)
class Said:
    """What JSON files say an image is.

    Attributes:
        place: Where the file stands that says it, in words.
        modalities: None where no file says it; several where two of one folder contradict.
    """

    place: str
    modalities: frozenset[Modality] = frozenset()


BESIDE, ABOVE = "the JSON file beside it", "a JSON file above it"


def inherited_modality(image: Path, bids: BidsFacts, metadata_in: MetadataIn) -> Said:
    """Return what the nearest JSON file that applies to an image and names a modality says.

    Args:
        image: Absolute path.
        bids: What the path says.
        metadata_in: Gives the JSON files of a folder.

    Returns:
        Nothing where a file that applies could not be read: it might have said otherwise than those
        above it. BIDS allows one applicable file for each level; of several that name one modality
        nothing has to be chosen, of several that contradict none is.

    Example:
        >>> from medcl.io.bids import bids_facts
        >>> from medcl.io.bids_names import metadata_name
        >>> path = Path("/in/ds/sub-01/anat/sub-01_T1w.nii.gz")
        >>> above = MetadataFile(name=metadata_name("T1w.json"), modality="MR", is_read=True)
        >>> inherited_modality(
        ...     path,
        ...     bids_facts("ds/sub-01/anat/sub-01_T1w.nii.gz"),
        ...     lambda folder, suffix: [above] if folder == Path("/in/ds") else [],
        ... )
        Said(place='a JSON file above it', modalities=frozenset({'MR'}))
    """
    place = BESIDE
    for folder in image.parents[: bids.num_levels]:
        applicable = [
            one for one in metadata_in(folder, bids.name.suffix) if one.name.applies_to(bids.name)
        ]
        said = frozenset(one.modality for one in applicable if one.modality is not None)
        if not all(one.is_read for one in applicable):
            break
        if said:
            return Said(place, said)
        place = ABOVE
    return Said(place)
