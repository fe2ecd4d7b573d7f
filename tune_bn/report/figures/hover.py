"""What a figure says of a mark that is pointed at: plotly's templates, filled in."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any

from tune_bn.plain.text import visible
from tune_bn.report.results.wording import number_text

__all__ = ["filled", "plain_text", "template_parts", "visible_lines"]

_PLACE = re.compile(r"%\{(\w+)(?:\[(\d+)\])?(?::([^}]*))?\}")


def plain_text(text: str) -> str:
    """Returns a figure's text without its markup, its lines apart.

    Example:
        >>> plain_text("<b>a &lt; b</b><br>c").splitlines()
        ['a < b', 'c']
    """
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", "\n", text)))


def template_parts(template: str) -> list[Any]:
    """Returns a hover template as words and places to fill: (name, index or None, format)."""
    text = plain_text(template.replace("<extra>", "<br>"))
    parts: list[Any] = []
    end = 0
    for found in _PLACE.finditer(text):
        parts.append(text[end : found.start()])
        name, index, how = found.groups()
        parts.append((name, None if index is None else int(index), (how or "").replace("~", "")))
        end = found.end()
    return [*parts, text[end:]]


def filled(parts: Sequence[Any], given: Mapping[str, Any]) -> str:
    """Returns a template's words with what is given in its places.

    Example:
        >>> filled(template_parts("trial %{x}: %{y:.2g}"), {"x": 3, "y": 0.123})
        'trial 3: 0.12'
    """
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        name, index, how = part
        value = given[name] if index is None else given[name][index]
        if isinstance(value, str):
            texts.append(plain_text(value))
        elif how:
            texts.append(format(float(value), how))
        else:
            texts.append(number_text(value if isinstance(value, int) else float(value), 6))
    return "".join(texts).strip("\n")


def visible_lines(text: str) -> str:
    """Returns text of several lines with what would act on a reader spelled out."""
    return "\n".join(map(visible, text.split("\n")))
