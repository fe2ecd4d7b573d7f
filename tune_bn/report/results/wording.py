"""Numbers, names and values as short text, the same in figures, tables and in the terminal."""

import html
import math
from typing import Any

from tune_bn.plain.text import state_text, visible

__all__ = [
    "count_text",
    "duration_text",
    "label",
    "number_text",
    "plotly_text",
    "share_text",
    "state_text",
    "value_text",
    "window_text",
]

_LONGEST_LABEL = 40


def number_text(value: float, digits: int = 4) -> str:
    """Returns a number with ``digits`` significant digits, without trailing zeros.

    Below ten million all digits before the point are written out.

    Example:
        >>> number_text(0.012345678), number_text(64), number_text(25993.88)
        ('0.01235', '64', '25994')
    """
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if 10**digits <= abs(value) < 1e7:
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def count_text(n: int, what: str) -> str:
    """Returns a number with what it counts, in the plural where it is not one.

    Example:
        >>> count_text(1, "trial"), count_text(12345, "trial")
        ('1 trial', '12,345 trials')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def share_text(share: float) -> str:
    """Returns a share in percent; what is above 0 does not become 0.

    Example:
        >>> share_text(0.123), share_text(0.0004), share_text(0.0)
        ('12%', '<1%', '0%')
    """
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"


def value_text(value: Any, digits: int = 4) -> str:
    """Returns a parameter's value as text: numbers short, choices as Python shows them.

    Example:
        >>> value_text(0.123456), value_text("relu"), value_text(None)
        ('0.1235', 'relu', 'None')
    """
    if isinstance(value, (bool, str)) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return number_text(value, digits)
    return label(repr(value), 60)


def window_text(window: tuple[Any, ...] | None, *, is_choice: bool) -> str:
    """Returns a window as text: ``low … high``, the open choices, or a dash where nothing is drawn.

    Ends have three digits, or up to seven where fewer do not tell them apart.

    Example:
        >>> window_text((0.001, 0.1), is_choice=False)
        '0.001 … 0.1'
        >>> window_text((0.97968, 0.98031), is_choice=False)
        '0.9797 … 0.9803'
        >>> window_text(("relu", "tanh"), is_choice=True)
        'relu, tanh'
    """
    if window is None:
        return "–"
    if is_choice:
        return ", ".join(value_text(choice) for choice in window)
    low, high = window
    for digits in range(3, 8):
        first, last = value_text(low, digits), value_text(high, digits)
        if first != last:
            return f"{first} … {last}"
    return value_text(low, 3)


def duration_text(seconds: float) -> str:
    """Returns a duration in the units that a person would use.

    Example:
        >>> duration_text(0.034), duration_text(75), duration_text(7300)
        ('34 ms', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def label(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Returns the text, cut in its middle if it is longer than a label should be.

    Example:
        >>> label("a" * 50, 11)
        'aaaaa…aaaaa'
    """
    if len(text) <= longest:
        return text
    keep = longest - 1
    return f"{text[: keep - keep // 2]}…{text[-(keep // 2) :]}"


def plotly_text(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Returns a label that plotly shows as it is: plotly reads ``<b>``, ``$x$`` and entities.

    Example:
        >>> plotly_text("<b>lr")
        '&lt;b&gt;lr'
    """
    return html.escape(visible(label(text, longest)), quote=False).replace("$", "&#36;")
