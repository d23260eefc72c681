"""A page that stands alone: no request leaves it, no script runs in it, all text is escaped."""

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; color: #222;
  max-width: 60rem; margin: 2.5rem auto 4rem; padding: 0 1.25rem; background: #fff; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 1px solid #ddd; }
p.lead { color: #555; margin-top: 0; }
p.headline { font-size: 1.08rem; border-left: 4px solid #0072b2; padding: .35rem .9rem;
  margin: .7rem 0; background: #f4f8fb; }
p.caution { color: #555; font-size: .93rem; margin: .4rem 0; }
img { max-width: 100%; height: auto; display: block; margin: .5rem 0; }
.scroll { overflow-x: auto; margin: .4rem 0 1rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem 1rem .32rem 0; border-bottom: 1px solid #eee;
  vertical-align: top; }
th { font-weight: 600; border-bottom: 2px solid #bbb; }
td + td { white-space: nowrap; }
td.number { text-align: right; }
tr.first td { border-top: 1px solid #bbb; }
pre { background: #f6f6f6; padding: .8rem 1rem; overflow-x: auto; font-size: .85rem;
  line-height: 1.45; border-radius: 4px; white-space: pre-wrap; }
details > summary { cursor: pointer; color: #0072b2; margin: .5rem 0; }
table.prose td, table.pairs td { white-space: normal; }
table.prose td:first-child { min-width: 6.5rem; }
table.pairs td { overflow-wrap: anywhere; }
table.pairs th { border-bottom: 1px solid #eee; font-weight: normal; white-space: nowrap; }
.mark { font-weight: 600; padding: .05rem .5rem; border-radius: .7rem; white-space: nowrap; }
.pass { background: #d9f0e3; color: #0b5132; } .warn { background: #fff1c9; color: #6b4a00; }
.fail { background: #f9d8d4; color: #8a1509; } .none { background: #eee; color: #555; }
p.verdict { font-size: 1.15rem; padding: .6rem 1rem; border-radius: 6px; font-weight: 600; }
p.warning { border-left: 4px solid #e69f00; padding: .35rem .9rem; background: #fff9e8; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr));
  gap: 0 2rem; }
h3 { font-size: 1rem; margin: 1.1rem 0 .3rem; }
h4 { font-size: .95rem; margin: .9rem 0 .2rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
figure { margin: 1rem 0; } figure img { border-radius: 6px; width: 100%; }
table.figures td:first-child { min-width: 12rem; }
table.figures td, table.figures th { padding-right: .7rem; }
table.sign { width: 100%; }
.sign td { height: 2.6rem; min-width: 9rem; border: 1px solid #999; padding: .3rem .6rem; }
.sign th { padding: .3rem .6rem; }
footer { margin-top: 3rem; color: #666; font-size: .85rem; }
@media (max-width: 40rem) { table.figures td:first-child { min-width: 7rem; }
  table.prose:has(th:nth-child(3)) { min-width: 32rem; }
  table:is(.figures, .prose) :is(th, td):first-child { position: sticky; left: 0;
    background: #fff; } }
@page { size: A4; margin: 14mm; }
@media print { html { font-size: 9.5pt; }
  body { margin: 0; max-width: none; font-size: 1rem; padding: 0; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .scroll { overflow: visible; } h2, h3, h4 { break-after: avoid; }
  tr, figure, table.whole, .sign { break-inside: avoid; }
  section:has(> figure) { break-before: page; }
  figure img { width: auto; max-width: 100%; max-height: 200mm; }
  figure.half { margin: 2mm 0; } figure.half img { max-width: 89%; max-height: none; }
  details pre { columns: 3; font-size: .75rem; }
  * { print-color-adjust: exact; } }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it.

    Attributes:
        title: Plain text.
        body: HTML whose text is escaped already.
    """

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word in a coloured field, such as a verdict in a table.

    Attributes:
        text: Plain text.
        kind: ``pass``, ``warn``, ``fail`` or ``none``.
    """

    text: str
    kind: str


def page(
    *, title: str, lead: str, sections: Sequence[Section], footer: str, style: str = ""
) -> str:
    """Return a whole HTML page under a policy that lets nothing in or out.

    Args:
        title: Plain text.
        lead: One line below it.
        sections: In order; empty ones are left out.
        footer: Plain text.
        style: More rules of CSS, for this kind of page.

    Returns:
        HTML.

    Example:
        >>> "&lt;b&gt;" in page(title="<b>", lead="", sections=[], footer="")
        True
    """
    rules = _STYLE + style
    digest = base64.b64encode(hashlib.sha256(rules.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    body = "\n".join(
        f"<section>\n<h2>{escape(section.title)}</h2>\n{section.body}\n</section>"
        for section in sections
        if section.body
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{rules}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n{body}\n'
        f"<footer>{escape(footer)}</footer>\n</body>\n</html>\n"
    )


def escape(text: object) -> str:
    """Return text that is only text in HTML, in quoted attributes too."""
    return html.escape(str(text), quote=True)


def paragraphs(texts: Sequence[str], *, kind: str = "") -> str:
    """Return one paragraph per text, of a CSS class."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return "\n".join(f"<p{attribute}>{escape(text)}</p>" for text in texts)


def image(content: bytes, *, kind: str, description: str) -> str:
    """Return an image that is part of the page.

    Args:
        content: The file's bytes.
        kind: ``png`` or ``svg+xml``.
        description: For readers who do not see it.

    Returns:
        An ``img`` element.
    """
    data = base64.b64encode(content).decode()
    return f'<img alt="{escape(description)}" src="data:image/{escape(kind)};base64,{data}">'


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    new_group: Sequence[int] = (),
    kind: str = "",
) -> str:
    """Return a table; numbers stand at the right.

    Args:
        header: Names of the columns.
        rows: Cells; integers and floats count as numbers, a `Mark` is coloured.
        new_group: Rows above which a line is drawn.
        kind: CSS classes: ``prose`` wraps long cells, ``figures`` keeps the first column in sight,
            ``whole`` is not parted on paper, ``sign`` leaves room to write.

    Returns:
        A ``table`` element that scrolls sideways on a narrow screen.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    lines = []
    for position, row in enumerate(rows):
        cells = "".join(_cell(cell) for cell in row)
        group = ' class="first"' if position in new_group else ""
        lines.append(f"<tr{group}>{cells}</tr>")
    attribute = f' class="{escape(kind)}"' if kind else ""
    return (
        f'<div class="scroll"><table{attribute}><thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def _cell(cell: object) -> str:
    if isinstance(cell, Mark):
        return f"<td>{mark(cell)}</td>"
    kind = ' class="number"' if isinstance(cell, int | float) else ""
    return f"<td{kind}>{escape(cell)}</td>"


def mark(given: Mark) -> str:
    """Return a word in a coloured field."""
    return f'<span class="mark {escape(given.kind)}">{escape(given.text)}</span>'


def bullets(texts: Sequence[str]) -> str:
    """Return a list of texts; nothing of none."""
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>" if texts else ""


def columns(*parts: tuple[str, str]) -> str:
    """Return parts side by side where the page is wide enough.

    Args:
        parts: Titles as plain text and bodies as HTML; empty bodies are left out.

    Returns:
        A ``div`` element.
    """
    shown = [f"<div><h3>{escape(title)}</h3>{body}</div>" for title, body in parts if body]
    return f'<div class="columns">{"".join(shown)}</div>'


def pairs(values: Mapping[str, object]) -> str:
    """Return names and values as a table of two columns; nothing of an empty mapping."""
    lines = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>{_cell(value)}</tr>'
        for name, value in values.items()
    )
    body = f'<table class="pairs"><tbody>\n{lines}\n</tbody></table>'
    return f'<div class="scroll">{body}</div>' if values else ""


def folded(summary: str, content: str) -> str:
    """Return HTML that is shown when its summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>\n{content}\n</details>"


def preformatted(text: str) -> str:
    """Return text as it is, in a fixed-width face."""
    return f"<pre>{escape(text)}</pre>"
