"""Tables and figures in Markdown, and the pages that hold them.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->`` on lines of their own, a single
figure between ``<!-- figure: NAME -->`` and ``<!-- end -->`` within one; what is between is made
from rows, and nothing in it is typed by hand.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["filled", "table"]

_MARKS = re.compile(r"(<!-- (?:table|figure): ([\w-]+) -->\n?).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    """Returns a table in Markdown, with a line break at its end."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in body]
    return "\n".join(lines) + "\n"


def filled(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Returns a page with every marked table and figure made anew.

    Raises:
        KeyError: If a mark names neither.
    """
    return _MARKS.sub(lambda m: m[1] + tables[m[2]]() + m[3], text)
