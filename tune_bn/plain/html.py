"""HTML for notebooks: a table of names and values, without any dependency."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

__all__ = ["html_table", "short"]


def short(value: Any) -> str:
    """Returns a value as text that is short enough for a cell.

    Example:
        >>> short(0.123456789), short((1e-4, 1.0)), short(None)
        ('0.1235', '0.0001 … 1', '–')
    """
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(v, (int, float)) for v in value):
            return " … ".join(map(short, value))
        return ", ".join(map(short, value))
    return str(value)


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns an HTML table; every text is escaped.

    Example:
        >>> html_table("a < b", ["x"], [[1]])
        '<table><caption>a &lt; b</caption><tr><th>x</th></tr><tr><td>1</td></tr></table>'
    """
    top = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(short(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{top}</tr>{body}</table>"
