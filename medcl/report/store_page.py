"""A store as one page for a data manager: counts, refusals, quality, duplicates, pictures."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

from medcl.io.refusal import REASONS
from medcl.report import page
from medcl.report.page import Section
from medcl.report.thumbnails import Thumbnail
from medcl.store.census import Breakdown, breakdowns, quality_flags
from medcl.store.near_duplicates import NearDuplicates, near_duplicates, without_near_duplicates
from medcl.store.rows import Counts, VolumeRow
from medcl.store.selection import USUAL, missed

STYLE = """
body { max-width: 76rem; }
.grid { display: grid; gap: 1rem 2.2rem;
  grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
.grid h3 { font-size: .95rem; margin: .6rem 0 .2rem; }
.bars { width: 100%; }
.bars td { border: 0; padding: .08rem .6rem .08rem 0; white-space: nowrap; }
.bars td:last-child { width: 45%; padding-right: 0; }
.bars svg { display: block; width: 100%; height: .75rem; }
.bars rect { fill: #0072b2; }
.numbers { display: flex; flex-wrap: wrap; gap: .6rem 2.6rem; margin: .4rem 0 0; }
.numbers b { display: block; font-size: 1.7rem; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.numbers span { color: #555; font-size: .88rem; }
.cards { display: flex; flex-wrap: wrap; gap: .9rem; margin: .9rem 0; }
.card { background: #14181c; color: #e8eaec; border-radius: 6px; padding: .6rem .7rem;
  font-size: .8rem; line-height: 1.35; }
.card .pictures { display: flex; gap: .5rem; align-items: flex-end; }
.card figure { margin: 0; }
.card img { margin: 0; width: auto; border-radius: 2px; }
.card figcaption { color: #9aa4ad; font-size: .7rem; margin-top: .15rem; }
.card p { margin: .45rem 0 0; }
.card code { color: #9fd0f0; }
.card b { font-weight: 600; }
.flag { display: inline-block; background: #7a4a00; color: #ffe2b3; border-radius: 3px;
  padding: 0 .35rem; margin: .2rem .3rem 0 0; }
"""

Draw = Callable[[VolumeRow], Sequence[Thumbnail]]
"""Gives the pictures of a volume."""

_MOST_GROUPS = 12
_MOST_LISTED = 200
_SHORT_KEY = 12

_FLAGS: Mapping[str, str] = {
    "min_foreground_fraction": "little foreground",
    "max_clipped_fraction": "range cut off",
    "max_noise_fraction": "noisy",
    "max_empty_fraction": "empty slices",
    "min_extent_mm": "short",
    "max_spacing_mm": "coarse",
    "min_slice_coverage": "gaps between slices",
    "hu_scale": "values are no HU",
    "orientation": "left and right assumed",
}


def store_page(
    *,
    rows: Sequence[VolumeRow],
    counts: Counts,
    digest: str,
    draw: Draw,
    most_pictures: int,
    footer: str,
) -> str:
    """Return the self-contained HTML page of a store.

    Args:
        rows: Its volumes.
        counts: What became of every file.
        digest: Of the store.
        draw: Gives the pictures of a volume; called for few of them.
        most_pictures: Volumes shown at most as examples, and half as many of those worth a look.
        footer: Versions and the like.

    Returns:
        HTML.
    """
    patients = len({row.patient_key for row in rows})
    groups = near_duplicates(rows)
    sections = [
        Section("At a glance", _numbers(rows, patients, counts, groups)),
        Section("What is in it", _bars(breakdowns(rows))),
        Section("Every file accounted for", _accounting(counts)),
        Section("Examples", _cards(examples(rows, most_pictures), draw)),
        Section("Worth a look", _quality(rows, draw, most_pictures // 2)),
        Section("Near duplicates", _duplicates(groups, draw)),
    ]
    return page.page(
        title="What the store holds",
        lead=(
            "No name, date or identifier of a patient stands on this page, but its pictures show "
            "patients: keep it where the store may be kept."
        ),
        sections=sections,
        footer=f"{footer} Digest of the store: {digest}.",
        style=STYLE,
    )


def examples(rows: Sequence[VolumeRow], most: int) -> list[VolumeRow]:
    """Return some volumes of every modality and body part in turn, one of near duplicates.

    They are always the same ones.

    Example:
        >>> examples([], 3)
        []
    """
    kinds: dict[tuple[str, str], list[VolumeRow]] = defaultdict(list)
    for row in sorted(without_near_duplicates(rows), key=lambda row: (row.word, row.key)):
        kinds[row.modality, row.technical.body_part or ""].append(row)
    turns = zip_longest(*(kinds[kind] for kind in sorted(kinds)))
    return [row for turn in turns for row in turn if row is not None][:most]


def _numbers(
    rows: Sequence[VolumeRow], patients: int, counts: Counts, groups: Sequence[NearDuplicates]
) -> str:
    flagged = sum(bool(missed(row, USUAL)) for row in rows)
    told = {
        "volumes": len(rows),
        "patients": patients,
        "studies": len({row.study_key for row in rows}),
        "files found": counts.discovered.files,
        "files in volumes": counts.accepted.files,
        "files refused": counts.refused.files,
        "volumes worth a look": flagged,
        "groups of near duplicates": len(groups),
    }
    cells = "".join(
        f"<div><b>{count:,}</b><span>{page.escape(name)}</span></div>"
        for name, count in told.items()
    )
    return f'<div class="numbers">{cells}</div>'


def _bars(found: Sequence[Breakdown]) -> str:
    return f'<div class="grid">{"".join(map(_bar_table, found))}</div>' if found else ""


def _bar_table(one: Breakdown) -> str:
    most = max((count for _, count in one.counts), default=1)
    lines = "".join(
        f'<tr><td>{page.escape(name)}</td><td class="number">{count:,}</td><td>'
        f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * count / most:.1f}" height="10"/></svg></td></tr>'
        for name, count in one.counts
    )
    unit = "" if one.unit == "volumes" else f" ({one.unit})"
    return (
        f"<div><h3>{page.escape(one.title + unit)}</h3>"
        f'<table class="bars"><tbody>{lines}</tbody></table></div>'
    )


def _accounting(counts: Counts) -> str:
    lines: list[list[object]] = [["stored as volumes", "", *counts.accepted]]
    by_files = sorted(counts.refused_by_reason.items(), key=lambda item: (-item[1].files, item[0]))
    lines += [[code.value, REASONS[code], *tally] for code, tally in by_files]
    lines += [["found", "", *counts.discovered]]
    return page.table(
        ["outcome", "meaning", "series", "files"], lines, new_group=[1, len(lines) - 1]
    )


def _quality(rows: Sequence[VolumeRow], draw: Draw, most: int) -> str:
    flags = quality_flags(rows)
    flagged = [row for row in rows if missed(row, USUAL)]
    if not flagged:
        return page.paragraphs(["Every volume keeps all of the usual bounds."])
    bounds = [
        [_FLAGS[name.split()[0]], f"cohort.quality.{name.replace(' ', ': ', 1)}", count]
        for name, count in flags.counts
    ]
    listed = [
        [row.key[:_SHORT_KEY], row.modality, ", ".join(_FLAGS[name] for name in missed(row, USUAL))]
        for row in flagged[:_MOST_LISTED]
    ]
    return (
        page.paragraphs(
            [
                "Nothing is left out for these reasons: a cohort does it, where its settings say "
                "so. The bounds are usual ones, not limits that were measured."
            ]
        )
        + page.table(["what", "setting that would leave them out", "volumes"], bounds)
        + _cards(examples(flagged, most), draw)
        + page.folded(
            f"Keys of the first {len(listed)} of {len(flagged)}",
            page.table(["key begins with", "modality", "what"], listed),
        )
    )


def _duplicates(groups: Sequence[NearDuplicates], draw: Draw) -> str:
    if not groups:
        return page.paragraphs(["No two volumes show the same scan."])
    lines = [
        [number, len(group.rows), group.num_patients, group.bits]
        for number, group in enumerate(groups[:_MOST_LISTED], start=1)
    ]
    several = sum(group.num_patients > 1 for group in groups)
    said = [
        f"{sum(len(group.rows) for group in groups)} volumes look alike, groups: {len(groups)}. "
        f"With cohort.collapse_near_duplicates: true one of each group takes part."
    ]
    if several:
        said.append(
            f"Groups over more than one patient: {several}. One patient may have two numbers."
        )
    shown = "".join(
        f"<h3>Group {number}</h3>" + _cards(group.rows[:4], draw)
        for number, group in enumerate(groups[:_MOST_GROUPS], start=1)
    )
    header = ["group", "volumes", "patients", "bits of 256 that differ"]
    return page.paragraphs(said) + page.table(header, lines) + shown


def _cards(rows: Sequence[VolumeRow], draw: Draw) -> str:
    return f'<div class="cards">{"".join(_card(row, draw(row)) for row in rows)}</div>'


def _card(row: VolumeRow, pictures: Sequence[Thumbnail]) -> str:
    drawn = "".join(map(_figure, pictures))
    known = (row.technical.body_part, row.technical.weighting, row.technical.manufacturer)
    title = " · ".join([row.modality, *(word.replace("_", " ") for word in known if word)])
    shape = " x ".join(map(str, row.shape))
    spacing = " x ".join(f"{value:.3g}" for value in row.spacing_mm)
    flags = "".join(
        f'<span class="flag">{page.escape(_FLAGS[name])}</span>' for name in missed(row, USUAL)
    )
    return (
        f'<div class="card"><div class="pictures">{drawn}</div><p><b>{page.escape(title)}</b><br>'
        f"{shape} voxels of {spacing} mm<br><code>{row.key[:_SHORT_KEY]}</code></p>{flags}</div>"
    )


def _figure(picture: Thumbnail) -> str:
    shown = page.image(picture.png, kind="png", description=picture.words)
    return f"<figure>{shown}<figcaption>{page.escape(picture.words)}</figcaption></figure>"
