"""The words that users read: which are not to be used is read off `docs/words.md`."""

import re
from pathlib import Path

__all__ = ["forbidden", "misused", "prose"]

ROOT = Path(__file__).parent.parent.parent


def forbidden() -> dict[str, str]:
    """Returns each phrase that is not to be used, with the word that stands for it."""
    found: dict[str, str] = {}
    for line in (ROOT / "docs/words.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] != "word" and not cells[0].startswith("-"):
            found |= {phrase.strip(): cells[0] for phrase in cells[3].split(",") if phrase.strip()}
    return found


def prose(markdown: str) -> str:
    """Returns what a page says in its own words: no code, no links' targets, no titles in italics.

    Example:
        >>> prose("See `pruned` in [here](pruned.md), *Pruned Trees*.")
        'See  in [here], .'
    """
    text = re.sub(r"```.*?```|<!--.*?-->", "", markdown, flags=re.DOTALL)
    return re.sub(r"`[^`\n]*`|(?<=\])\([^)]*\)|\*[^*\n]+\*", "", text)


def misused(text: str, *, allowed: tuple[str, ...] = ()) -> list[str]:
    """Returns each forbidden phrase of a text with what stands around it, and the word to use.

    Args:
        text: What a user reads.
        allowed: Phrases that are right in this place.
    """
    one_line = " ".join(text.split())
    found = []
    for phrase, word in forbidden().items():
        if phrase in allowed:
            continue
        pattern = rf"(?<![\w-]){re.escape(phrase)}s?(?![\w-])"
        for match in re.finditer(pattern, one_line, re.IGNORECASE):
            around = one_line[max(match.start() - 40, 0) : match.end() + 40]
            found.append(f"{match[0]!r}, but {word!r} is the word: … {around} …")
    return found
