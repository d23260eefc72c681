"""README's table of reasons says what the code says, row by row."""

import re
from pathlib import Path

from medcl.ingest.options import reason_rows

REPOSITORY = Path(__file__).parents[2]
HEADING = "Why a series is refused"


def rows_under(heading: str, text: str) -> list[tuple[str, ...]]:
    """Return the cells of the first table under a heading, without its head; code is unquoted."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found is not None, f"README.md has no heading {heading!r}"
    lines = [line for line in found[1].splitlines() if line.startswith("|")]
    cells = [line.strip().strip("|").split("|") for line in lines[2:]]
    return [tuple(cell.strip().strip("`") for cell in row) for row in cells]


def test_the_readme_lists_every_reason_with_its_meaning_and_what_accepting_it_does():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert rows_under(HEADING, text) == reason_rows()
