"""HTML from plain parts. All text that comes from outside is escaped here and nowhere else."""

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from html import escape
from importlib.resources import files

import plotly.graph_objects as go

from tune_bn.plain.text import visible
from tune_bn.report.figures.drawing import Drawing, draw
from tune_bn.report.figures.hover import plain_text
from tune_bn.report.pages.listings import Table

__all__ = ["code_block", "document", "figure_block", "folded", "plain", "section", "table_block"]


def plain(text: str) -> str:
    """Returns text as HTML that shows it as it is; what would act on a reader is spelled out."""
    return escape(visible(text), quote=True)


def section(name: str, title: str, parts: Iterable[str]) -> str:
    """Returns a section with a heading; its parts are HTML already."""
    body = "\n".join(part for part in parts if part)
    return (
        f'<section id="{plain(name)}" aria-labelledby="{plain(name)}-title">\n'
        f'<h2 id="{plain(name)}-title">{plain(title)}</h2>\n{body}\n</section>'
    )


def table_block(table: Table) -> str:
    """Returns a table that scrolls sideways where it is too wide."""

    def kind(i: int) -> str:
        return ' class="words"' if table.is_words(i) else ""

    head = "".join(f'<th scope="col"{kind(i)}>{plain(c)}</th>' for i, c in enumerate(table.columns))
    rows = []
    for row in table.rows:
        cells = [f'<th scope="row"{kind(0)}>{plain(row[0])}</th>']
        cells += [f"<td{kind(i)}>{plain(text)}</td>" for i, text in enumerate(row[1:], start=1)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption>{plain(table.note)}</caption>" if table.note else ""
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{plain(table.title)}">'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def folded(title: str, inside: str) -> str:
    """Returns what is shown only to who asks for it; the inside is HTML already."""
    return f'<details class="fold"><summary>{plain(title)}</summary>\n{inside}\n</details>'


def code_block(title: str, code: str) -> str:
    """Returns code to copy, under a heading."""
    lines = "\n".join(plain(line) for line in code.split("\n"))
    return (
        f'<h3>{plain(title)}</h3>\n<div class="code"><pre tabindex="0"><code>{lines}'
        "</code></pre></div>"
    )


_WIDE_PX, _NARROW_PX = 908, 340


def figure_block(name: str, figure: go.Figure, caption: str, table: Table | None) -> str:
    """Returns a figure with its heading, a sentence on how to read it, and its table.

    It is drawn twice, for a desk and for a phone, as text of one size in both; the page shows one
    of them. The figure's own title becomes the heading, so that a screen reader finds it.

    Args:
        name: Id of the element; letters and hyphens.
        figure: A plotly figure.
        caption: How to read it.
        table: The same as numbers; None for none.
    """
    meta = figure.layout.meta if isinstance(figure.layout.meta, dict) else {}
    title = plain_text(str(figure.layout.title.text or "").split("<br>")[0])
    note = str(meta.get("note", ""))
    wide = draw(figure, width=_WIDE_PX)
    narrow = draw(figure, width=_NARROW_PX, is_narrow=True)
    parts = [
        f'<div class="figure"><h3>{plain(title)}</h3>',
        f'<p class="caption">{plain(caption)}</p>' if caption else "",
        f'<p class="note">{plain(note)}</p>' if note else "",
        f'<div class="plot" id="{plain(name)}" role="img" aria-label="{plain(title)}">',
        _svg(wide, "wide"),
        _svg(narrow, "narrow"),
        _points(wide),
        "</div>",
    ]
    if table is not None and table.rows:
        parts.append(
            f"<details><summary>{plain(table.title)} as a table</summary>"
            f"{table_block(table)}</details>"
        )
    return "\n".join(part for part in parts if part) + "</div>"


def _svg(drawing: Drawing, kind: str) -> str:
    area = " ".join(f"{number:.0f}" for number in drawing.area)
    return (
        f'<svg class="{kind}" viewBox="0 0 {drawing.width} {drawing.height}" '
        f'width="{drawing.width}" height="{drawing.height}" data-area="{area}">{drawing.svg}</svg>'
    )


def _points(drawing: Drawing) -> str:
    """Returns what a pointer finds, once for both widths: places are shares of the area."""
    if not drawing.points:
        return ""
    # "</script>" and "<!--" in a name must not end the element.
    text = json.dumps(drawing.points, separators=(",", ":"), ensure_ascii=False)
    return f'<script type="application/json">{text.replace("<", chr(92) + "u003c")}</script>'


def document(title: str, lead: str, links: str, inside: str) -> str:
    """Returns a whole page that fetches nothing.

    Args:
        title: What it is about.
        lead: A line below the title.
        links: Items of the list of sections, as HTML.
        inside: The sections, as HTML; the first is called "summary".
    """
    folder = files("tune_bn.report.pages")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    # No address may be fetched: the page works offline because it cannot do otherwise.
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{plain(title)} · tune_bn report</title>
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#summary">Skip to the summary</a>
<header>
<p class="eyebrow">tune_bn report</p>
<h1>{plain(title)}</h1>
<p class="lead">{plain(lead)}</p>
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>
{inside}
</main>
<footer><p>Written {now} by tune_bn.</p></footer>
<script>
{script}</script>
</body>
</html>
"""
