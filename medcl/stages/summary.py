"""What a stage hands back: figures, what it wrote, what to type next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Figure = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Written:
    """One file or folder that a stage made.

    Attributes:
        what: A word or two for people, such as ``encoder``.
        path: Where it is.
    """

    what: str
    path: Path


@dataclass(frozen=True, slots=True)
class Table:
    """A small table for people.

    Attributes:
        columns: Headings.
        rows: One sequence of cells per row, as many as there are columns.
        title: A line above it; empty for none.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Figure]]
    title: str = ""

    def __post_init__(self) -> None:
        """Refuse ragged rows.

        Raises:
            ValueError: A row has another number of cells than there are columns.
        """
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"Every row must have {len(self.columns)} cells.")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """The end of a stage.

    Attributes:
        stage: Name of the command.
        figures: The few numbers that matter, by name with unit; finite, JSON values.
        written: What was made, most important first.
        next_command: What to type next; ``None`` where nothing follows.
        tables: For people.
        notes: Sentences for people, such as what was found finished and not done again.
        is_stopped: Whether it was asked to stop half-way; then nothing that follows may be run.

    Example:
        >>> summary = StageSummary(stage="embed", figures={"volumes": 3})
        >>> summary.to_json()["volumes"], summary.to_json()["stage"]
        (3, 'embed')
    """

    stage: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    written: Sequence[Written] = ()
    next_command: str | None = None
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    is_stopped: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the machine-readable summary: figures beside ``stage``, ``written``, ``next``."""
        return {
            **self.figures,
            "stage": self.stage,
            "written": {one.what: str(one.path) for one in self.written},
            "next": self.next_command,
        }
