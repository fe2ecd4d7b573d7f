"""HTML from plain parts. All text that comes from outside is escaped here and nowhere else."""

import json
from collections.abc import Iterable
from html import escape, unescape
from typing import Any

import plotly.io

from tune_bn.plain.text import visible
from tune_bn.report.figures.bars import LOOKS, bar_path
from tune_bn.report.pages.listings import Table

__all__ = ["bar_key", "code_block", "figure_block", "plain", "section", "table_block"]


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


def table_block(table: Table, *, with_title: bool = False) -> str:
    """Returns a table that scrolls sideways where it is too wide."""

    def kind(i: int) -> str:
        return ' class="words"' if table.is_words(i) else ""

    head = "".join(f'<th scope="col"{kind(i)}>{plain(c)}</th>' for i, c in enumerate(table.columns))
    rows = []
    for row in table.rows:
        cells = [f'<th scope="row"{kind(0)}>{plain(row[0])}</th>']
        cells += [f"<td{kind(i)}>{plain(text)}</td>" for i, text in enumerate(row[1:], start=1)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    about = " ".join(text for text in (table.title if with_title else "", table.note) if text)
    caption = f"<caption>{plain(about)}</caption>" if about else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{plain(table.title)}">'
        f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def code_block(title: str, code: str) -> str:
    """Returns code to copy, under a heading."""
    lines = "\n".join(plain(line) for line in code.split("\n"))
    return (
        f'<h3>{plain(title)}</h3>\n<div class="code"><pre tabindex="0"><code>{lines}'
        "</code></pre></div>"
    )


def bar_key(kinds: Iterable[str]) -> str:
    """Returns what the bars of each kind of region look like, in a row that wraps."""
    items = []
    for look in (LOOKS[kind] for kind in kinds):
        path = bar_path(look, 7, 2, 14, look.cap_px)
        items.append(
            f'<li><svg width="14" height="16" aria-hidden="true"><path d="{path}" '
            f'stroke="rgb({look.colour})" stroke-opacity="{look.opacity}" '
            f'stroke-width="{look.px}"/></svg>{plain(look.name)}</li>'
        )
    return f'<ul class="key" aria-label="Bars">{"".join(items)}</ul>' if items else ""


def figure_block(
    name: str, figure: Any, caption: str, table: Table | None, *, key: str = ""
) -> str:
    """Returns a figure with its heading, a sentence on how to read it, and its table.

    The figure's own title becomes the heading, so that a screen reader finds it.

    Args:
        name: Id of the element; letters and hyphens.
        figure: A plotly figure.
        caption: How to read it.
        table: The same as numbers; None for none.
        key: What its marks mean, as HTML.
    """
    layout = figure.layout
    meta = layout.meta if isinstance(layout.meta, dict) else {}
    title = _unescaped(str(layout.title.text or ""))
    note = str(meta.get("note", ""))
    data = json.loads(plotly.io.to_json(figure, validate=False))
    shown = data["layout"]
    shown.pop("title", None)
    margin = shown.setdefault("margin", {})
    spare = 34 if "<sup>" not in str(layout.title.text) else 46
    margin["t"] = max(margin.get("t", 76) - spare, 20)
    shown["height"] = shown.get("height", 400) - spare
    # "</script>" and "<!--" in a name must not end the element.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = [
        f'<div class="figure"><h3>{plain(title)}</h3>',
        f'<p class="caption">{plain(caption)}</p>' if caption else "",
        f'<p class="note">{plain(note)}</p>' if note else "",
        key,
        f'<div class="plot" id="{plain(name)}" role="img" aria-label="{plain(title)}" '
        f'style="min-height:{int(shown["height"])}px"></div>',
        f'<script type="application/json" id="{plain(name)}-data">{text}</script>',
    ]
    if table is not None and table.rows:
        parts.append(
            f"<details><summary>{plain(table.title)} as a table</summary>"
            f"{table_block(table)}</details>"
        )
    return "\n".join(part for part in parts if part) + "</div>"


def _unescaped(title: str) -> str:
    return unescape(title.split("<br>")[0])
