"""Text from elsewhere, made safe to show: a name may steer a terminal, or turn what is read around.

Control codes move the cursor, set a terminal's title or its clipboard; bidirectional overrides
show ``exe.gnp`` as ``png.exe``; a lone surrogate cannot be written at all. Each is spelled out
instead, as Python spells it.
"""

import re

__all__ = ["visible"]

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Returns a text with every sign that acts rather than shows spelled out; new lines stay.

    Example:
        >>> print(visible("\x1b[2Ja \u202egnp"))
        \x1b[2Ja \u202egnp
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
