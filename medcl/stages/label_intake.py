"""What every way of adding labels needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from medcl.ingest.identity import Keyring
from medcl.stages.label_reading import LabelReader
from medcl.stages.progress import ProgressSink
from medcl.store.store import Store


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LabelIntake:
    """A label set that is being filled.

    Attributes:
        store: Is written to.
        name: Of the label set.
        keyring: The site's keys.
        splits: Split by name of file without its ending; empty for none.
        reader: Reads label files.
        progress: Shows how far it is.
    """

    store: Store
    name: str
    keyring: Keyring
    splits: Mapping[str, str]
    reader: LabelReader
    progress: ProgressSink
