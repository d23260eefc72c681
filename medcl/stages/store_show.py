"""`medcl store show`: what a data manager wants to know of a store, as text and as a page."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from medcl import __version__
from medcl.errors import RequestError
from medcl.geometry import affine as affines
from medcl.report.store_page import store_page
from medcl.report.thumbnails import thumbnails
from medcl.runtime.files import write_bytes
from medcl.stages.store import accounting
from medcl.stages.summary import StageSummary, Table, Written
from medcl.store.census import Breakdown, breakdowns, counted, quality_flags
from medcl.store.near_duplicates import NearDuplicates, near_duplicates
from medcl.store.rows import VolumeRow
from medcl.store.store import Store

_BAR = 24


def run(folder: Path, *, html: Path | None = None, pictures: int = 36) -> StageSummary:
    """Return what a store holds, and write it as a page where asked.

    Args:
        folder: Of a store.
        html: Page to write, or ``None``.
        pictures: Volumes shown on it at most.

    Returns:
        Counts by modality, body part, manufacturer, spacing, patient, flag of quality, label set
        and reason of refusal.

    Raises:
        RequestError: The folder of the page does not exist, or the page is a folder.
    """
    if html is not None and not html.absolute().parent.is_dir():
        raise RequestError("The folder of the page to write does not exist.")
    if html is not None and html.is_dir():
        raise RequestError("The page to write must be a file; there is a folder of its name.")
    store = Store.open(folder)
    rows, counts = store.rows(), store.counts()
    groups = near_duplicates(rows)
    patients = len({row.patient_key for row in rows})
    if html is not None:
        written = store_page(
            rows=rows,
            counts=counts,
            digest=store.digest,
            draw=partial(thumbnails, store),
            most_pictures=pictures,
            footer=f"Written by medcl {__version__}: medcl store show STORE --html FILE.",
        )
        write_bytes(html, written.encode())
    return StageSummary(
        stage="store show",
        figures={
            "volumes": len(rows),
            "patients": patients,
            "files_discovered": counts.discovered.files,
            "files_accepted": counts.accepted.files,
            "files_refused": counts.refused.files,
            "near_duplicate_groups": len(groups),
            "digest": store.digest,
        },
        tables=[
            Table(
                ("volumes", "patients", "largest patient", "voxels"),
                [(len(rows), patients, _most(rows), sum(map(_voxels, rows)))],
            ),
            *(_as_table(one) for one in breakdowns(rows)),
            _as_table(counted("Voxel axes", (affines.axis_codes(row.affine) for row in rows))),
            _as_table(quality_flags(rows)),
            _duplicates(groups),
            Table(
                ("label set", "kind", "volumes"),
                [(one.name, one.kind, one.num_volumes) for one in store.label_sets()],
                title="Labels",
            ),
            accounting(counts),
        ],
        written=[] if html is None else [Written("page", html)],
        next_command=f"medcl store list {folder}",
    )


def _as_table(one: Breakdown) -> Table:
    most = max((count for _, count in one.counts), default=1)
    return Table(
        ("", one.unit, " "),
        [(name, count, "█" * -(-_BAR * count // most)) for name, count in one.counts],
        title=one.title,
    )


def _duplicates(groups: Sequence[NearDuplicates]) -> Table:
    return Table(
        ("groups", "volumes", "over several patients"),
        [
            (
                len(groups),
                sum(len(group.rows) for group in groups),
                sum(group.num_patients > 1 for group in groups),
            )
        ],
        title="Near duplicates",
    )


def _voxels(row: VolumeRow) -> int:
    x, y, z = row.shape
    return x * y * z


def _most(rows: Sequence[VolumeRow]) -> int:
    return max(Counter(row.patient_key for row in rows).values(), default=0)
