"""Text from elsewhere, made safe and short enough to show: values, errors, names.

Control codes move the cursor, set a terminal's title or its clipboard; bidirectional overrides
show ``exe.gnp`` as ``png.exe``; a lone surrogate cannot be written at all. Each is spelled out
instead, as Python spells it.
"""

import re
from typing import Any

__all__ = ["error_line", "shortened", "shown", "state_text", "visible"]

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)
_LONGEST_VALUE = 60
_LONGEST_LINE = 200


def visible(text: str) -> str:
    r"""Returns a text with every sign that acts rather than shows spelled out; new lines stay.

    Example:
        >>> print(visible("\x1b[2Ja \u202egnp"))
        \x1b[2Ja \u202egnp
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shortened(text: str, longest: int = _LONGEST_LINE) -> str:
    """Returns a text of at most so many characters; a longer one ends in "…".

    Example:
        >>> shortened("abcdef", 4), shortened("abcd", 4)
        ('abc…', 'abcd')
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def shown(value: Any, longest: int = _LONGEST_VALUE) -> str:
    """Returns a value as a message shows it: as Python writes it, and not at any length.

    Example:
        >>> shown("a"), shown(0.5), shown(10**50)
        ("'a'", '0.5', 'an integer of 167 bits')
    """
    if isinstance(value, int) and abs(value) >= 10**40:
        return f"an integer of {value.bit_length()} bits"
    return shortened(repr(value), longest)


def state_text(state: str) -> str:
    """Returns how a trial ended, in words for people: Optuna's ``"pruned"`` is "stopped early".

    Example:
        >>> state_text("pruned"), state_text("complete")
        ('stopped early', 'complete')
    """
    return "stopped early" if state == "pruned" else state


def error_line(error: BaseException, *, is_last: bool = False, longest: int = _LONGEST_LINE) -> str:
    """Returns what an error says on one line, without a full stop: its cause's first line.

    Args:
        error: The error; the cause that it was raised from says more than it does itself.
        is_last: The last line instead, as of an error that ends with the one behind it.
        longest: At most so many characters.

    Example:
        >>> error_line(OSError("No such file."))
        'No such file'
        >>> error_line(KeyError())
        'KeyError'
    """
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        return visible(error.strerror.lower())
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return visible(shortened(lines[-1 if is_last else 0].strip().rstrip("."), longest))
