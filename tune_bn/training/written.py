"""How people write numbers, dates and gaps: one way for a whole column, found once, kept as data.

A cell is read by itself: what it means never depends on the cells beside it. Which way a column is
written is decided once, from the table that is learned from; nothing here knows of tables.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache

import pandas as pd

__all__ = [
    "DATE_FORMATS",
    "DURATIONS",
    "GAP_SIGNS",
    "MISSING_WORDS",
    "NumberStyle",
    "date_formats_of",
    "decimal_sign_of",
    "has_points_of_thousands",
    "is_date",
    "is_gap_sign",
    "is_some_date",
    "number_style_of",
    "parse_number",
    "zoned",
]

MISSING_WORDS: tuple[str, ...] = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""Words that stand for a missing value, as a blank does; those of `pandas.read_csv`."""

GAP_SIGNS: frozenset[str] = frozenset(
    [
        *("-", "--", "---", "–", "—", "?", "??", ".", "..", "...", "…", "*", "/"),
        *("n.a.", "n.a", "n/a", "na", "n.d.", "nd", "nil", "none", "null", "nan", "missing"),
        *("unknown", "undefined", "not available", "not applicable", "no data"),
        *("#value!", "#ref!", "#div/0!", "#name?", "#num!", "(blank)", "(none)", "(null)"),
    ]
)
"""What people put among numbers or dates for "no value", in lower case."""

# ASCII digits only, and no underscores: Python reads more as numbers than people write.
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_CURRENCY = r"(?:US\$|A\$|C\$|R\$|[$€£¥₹₽₩₺]|[A-Z]{3}(?= ?[-+−]?\d)|Rs\.?|kr\.?|CHF|Fr\.)"
_WORD = r"[A-Za-zµΩ°²³/.]{1,12}"
_UNIT = rf"(?:%|‰|°[CF]?|[$€£¥₹₽₩₺]|{_WORD}(?: {_WORD})?[23]?)"  # kg, sq ft, m2
_WRITTEN = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+])?(?P<before>{_CURRENCY})? ?(?P<open2>\()?(?P<sign2>[-+])?"
    r"(?P<body>\d[\d.,' ]*|[.,]\d+)(?<! )(?P<power>[eE][-+]?\d{1,3})? ?"
    rf"(?P<after>{_UNIT})?(?P<behind>-)?(?P<close>\))?",
    re.ASCII,
)
_IN_THOUSANDS = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})?|0)", re.ASCII)
# As in 12,– and 1'450.- and, in India, 500/-.
_NO_CENTS = re.compile(r"(?<=\d)(?:[.,](?:--?|[–—])(?=$|[\s)€$A-Z])|/[-–—]$)")
_SIGNS = str.maketrans("−–\u00a0\u202f\u2009\u2007’", "--    '")
_SURELY = {
    ".": re.compile(r"(?:[\d,' ]*\d)?\.(?:\d{1,2}|\d{4,})|0\.\d+|\d+(?:,\d{3}){2,}"),
    ",": re.compile(r"(?:[\d.' ]*\d)?,(?:\d{1,2}|\d{4,})|0,\d+|\d+(?:\.\d{3}){2,}"),
}
# Separator of groups and decimal sign, in the order in which they are tried.
_SEPARATORS = (
    ("", "."),
    (",", "."),
    ("", ","),
    (".", ","),
    (" ", "."),
    (" ", ","),
    ("'", "."),
    ("'", ","),
)


def is_gap_sign(text: str) -> bool:
    """Tells whether a word among numbers or dates stands for "no value".

    Example:
        >>> is_gap_sign("-"), is_gap_sign("Unknown"), is_gap_sign("yes")
        (True, True, False)
    """
    return text.strip().casefold() in GAP_SIGNS


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of a column are written, where that is not as a computer does.

    Args:
        group: What stands between groups of digits: "", ",", ".", " " or "'".
        decimal: The decimal sign, "." or ",".
        before: What stands before each number, such as "$"; "" for nothing.
        after: What stands after each number, such as "%" or "kg"; "" for nothing.
    """

    group: str = ""
    decimal: str = "."
    before: str = ""
    after: str = ""

    @property
    def has_letters(self) -> bool:
        """Whether a word follows the number, as in ``5 kg``: such a text may be a name, too."""
        return any(sign.isalpha() for sign in self.after)


DURATIONS = NumberStyle(after="duration")
"""The style of a column of durations, whose numbers are seconds; nobody's unit has this name."""

_N = r"\d+(?:\.\d+)?"
_DURATION = re.compile(
    r"(?P<sign>[-+])?(?:"
    rf"p(?:(?P<d>{_N})d)?(?:t(?:(?P<h>{_N})h)?(?:(?P<m>{_N})m)?(?:(?P<s>{_N})s)?)?"  # ISO 8601
    r"|(?:(?P<d_>\d+) days?,? )?(?P<h_>\d+):(?P<m_>[0-5]\d):(?P<s_>[0-5]\d(?:\.\d+)?)"
    rf"|(?:(?P<_d>{_N}) ?d(?:ays?)?)?,? ?(?:(?P<_h>{_N}) ?(?:h|hrs?|hours?))?,? ?"
    rf"(?:(?P<_m>{_N}) ?m(?:ins?|inutes?)?)?,? ?(?:(?P<_s>{_N}) ?s(?:ecs?|econds?)?)?)",
    re.ASCII,
)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}


def _seconds(text: str) -> float:
    """Returns the seconds of a duration; NaN for any other text."""
    found = _DURATION.fullmatch(text.translate(_SIGNS).casefold())
    parts = {} if found is None else {n: v for n, v in found.groupdict().items() if v is not None}
    sign = -1.0 if parts.pop("sign", "") == "-" else 1.0
    if not parts or text[-1:] in ", ":
        return math.nan
    return sign * sum(float(value) * _SECONDS[name.strip("_")] for name, value in parts.items())


def parse_number(text: str, style: NumberStyle | None = None) -> float:
    """Returns the number that a text spells; NaN if it spells none.

    The style's sign or unit may be left out, and so may the separators of its groups.

    Args:
        text: Any text; blanks around it do not count.
        style: How the column writes its numbers; None: as computers do.

    Example:
        >>> parse_number("1e3"), parse_number("$1,234.50", NumberStyle(",", ".", "$"))
        (1000.0, 1234.5)
        >>> parse_number("1_000"), parse_number("1.5", NumberStyle("", ","))
        (nan, nan)
        >>> [parse_number(text, DURATIONS) for text in ("1h 5m", "26:15:00", "PT5M", "5")]
        [3900.0, 94500.0, 300.0, nan]
    """
    text = text.strip()
    if style is None:
        if _PLAIN.fullmatch(text) or _INFINITE.fullmatch(text):
            return float(text)
        return math.nan
    if style == DURATIONS:
        return _seconds(text)
    found = _matched(text)
    if found is None:
        return math.nan
    if (found["before"] or "") not in ("", style.before):
        return math.nan
    if (found["after"] or "") not in ("", style.after):
        return math.nan
    body = found["body"]
    if not _body(style.group, style.decimal).fullmatch(body):
        return math.nan
    if style.group:
        body = body.replace(style.group, "")
    value = float(body.replace(style.decimal, ".") + (found["power"] or ""))
    is_negative = found["open"] or found["open2"] or "-" in found.group("sign", "sign2", "behind")
    return -value if is_negative else value


def _matched(text: str) -> re.Match[str] | None:
    """Returns the parts of a number as people write it; None if a text is none."""
    found = _WRITTEN.fullmatch(_NO_CENTS.sub("", text.strip().translate(_SIGNS)))
    if found is None or bool(found["open"] or found["open2"]) != bool(found["close"]):
        return None
    signs = found.group("open", "open2", "sign", "sign2", "behind")
    return found if sum(map(bool, signs)) <= 1 else None


@cache
def _body(group: str, decimal: str) -> re.Pattern[str]:
    fraction = rf"(?:{re.escape(decimal)}\d*)?"
    whole = r"\d+"
    if group:
        g = re.escape(group)
        # Thousands, or as in India: 12,34,567.
        whole = rf"(?:[1-9]\d{{0,2}}(?:{g}\d{{3}})+|[1-9]\d?(?:{g}\d{{2}})+{g}\d{{3}}|\d+)"
    return re.compile(rf"{whole}{fraction}|{re.escape(decimal)}\d+", re.ASCII)


def _is_used(sign: str, bodies: Sequence[str]) -> bool:
    """Whether a sign is so frequent that it is how the column is written, and no slip."""
    n_with = sum(sign in body for body in bodies)
    return n_with >= min(3, len(bodies)) or n_with >= _LEAST_USED * len(bodies)


def has_points_of_thousands(texts: Sequence[str], *, decimal: str = "") -> bool:
    """Tells whether texts that a computer could read have points between groups of digits.

    So it is where 12.340 keeps its last nought and 934 stands beside it: whoever writes decimals
    writes 12.34 or 934.000. And where 12.345 stands in a table with decimal commas.

    Args:
        texts: None of them blank.
        decimal: As `decimal_sign_of` gives it.

    Example:
        >>> has_points_of_thousands(["934", "12.340", "2.107"])
        True
        >>> has_points_of_thousands(["934", "12.34"]), has_points_of_thousands(["934.000", "1.200"])
        (False, False)
    """
    grouped = [text for text in texts if "." in text]
    is_meant = any(text.endswith("0") for text in grouped) and len(grouped) < len(texts)
    if not is_meant and not (grouped and decimal == ","):
        return False
    return all(_IN_THOUSANDS.fullmatch(text) for text in texts)


def decimal_sign_of(columns: Iterable[Sequence[str]], *, separator: str = "") -> str:
    """Returns the decimal sign of a table, "," or "."; "" if it tells none or nobody asks.

    It is asked for where a column could be read in two ways, as 1,126 and 7,590 can. Other
    columns tell, as 12,5 does; if none does, a file with semicolons has decimal commas.

    Args:
        columns: Some cells of each column of text.
        separator: What stands between the cells of the file; "" if it is no such file.

    Example:
        >>> decimal_sign_of([["1,126", "7,590"], ["12,5"]])
        ','
        >>> decimal_sign_of([["1,126", "7,590"], ["12.5"]], separator=";")
        '.'
    """
    cells = [
        [text for text in texts if text not in MISSING_WORDS and not is_gap_sign(text)]
        for texts in columns
    ]
    doubtful = [texts for texts in cells if _is_doubtful(texts)]
    if not doubtful:
        return ""
    signs: set[str] = set()
    for texts in cells:
        found = [_matched(text) for text in texts]
        bodies = [each["body"] for each in found if each]
        if len(bodies) == len(texts):
            signs |= {s for s, sure in _SURELY.items() if any(map(sure.fullmatch, bodies))}
    if (
        not signs
        and separator == ";"
        and not any("." in text for each in doubtful for text in each)
    ):
        return ","
    return signs.pop() if len(signs) == 1 else ""


def _is_doubtful(texts: Sequence[str]) -> bool:
    """Whether a sign among these numbers could be that of thousands or that of decimals."""
    for text in texts:
        found = None if text.isdigit() else _matched(text)
        body = found["body"].replace(",", ".") if found else text
        if not body.isdigit() and not _IN_THOUSANDS.fullmatch(body):
            return False
    return not all(text.isdigit() for text in texts)


def number_style_of(texts: Iterable[str], *, decimal: str = "") -> NumberStyle | None:
    """Returns the one way in which all of these texts are numbers; None if there is none.

    What stands before and after the number is the same in all of them. Where the separators could
    be read in two ways, a comma before three digits separates thousands unless the table's decimal
    sign is the comma, and so does a point if it is, or if the number is money.

    Args:
        texts: At least one; none of them blank.
        decimal: As `decimal_sign_of` gives it.

    Example:
        >>> number_style_of(["1.234,5", "7"])
        NumberStyle(group='.', decimal=',', before='', after='')
        >>> number_style_of(["house 1", "house 2"]) is None
        True
    """
    bodies: list[str] = []
    ends: set[tuple[str, str]] = set()
    are_plain = True
    for text in texts:
        are_plain = are_plain and _PLAIN.fullmatch(text.strip()) is not None
        found = _matched(text)
        if found is None:
            return None
        ends.add((found["before"] or "", found["after"] or ""))
        if len(ends) > 1:
            return None
        bodies.append(found["body"])
    if not bodies:
        return None
    before, after = ends.pop()
    fitting = [
        (group, sign)
        for group, sign in _SEPARATORS
        if all(_body(group, sign).fullmatch(body) for body in bodies)
        and (not group or _is_used(group, bodies))
        and (sign == "." or group or _is_used(sign, bodies))
    ]
    if not fitting:
        return None
    signs = fitting[0]
    is_money = before != "" or after in tuple("$€£¥₹")
    if has_points_of_thousands(bodies, decimal=decimal) or (
        signs == ("", ".") and (".", ",") in fitting and is_money
    ):
        signs = ".", ","  # 1.234 € has no tenths of a cent
    if signs == (",", ".") and ("", ",") in fitting:
        if decimal == "," and not has_points_of_thousands([b.replace(",", ".") for b in bodies]):
            signs = "", ","
        elif any(re.fullmatch(r"\d{4,}", body) for body in bodies):
            return None  # 1234 beside 1,234: thousands in one, decimals in the other
    style = NumberStyle(*signs, before, after)
    # Not plain although nothing stands around them: −1.5 with a sign of its own, or (1.50).
    return None if are_plain and style == NumberStyle() else style


_LEAST_USED = 0.1
_DAYS = (
    *(f"%Y{s}%m{s}%d" for s in "/.-"),
    *(f"%y{s}%m{s}%d" for s in "/-"),
    *(
        f"{day}{s}{year}"
        for s in "/.-"
        for day in (f"%d{s}%m", f"%m{s}%d")
        for year in ("%Y", "%y")
    ),
)
_NAMED = (
    *(f"%d{s}{month}{s}{year}" for s in "- /" for month in ("%b", "%B") for year in ("%Y", "%y")),
    *("%d. %B %Y", "%d. %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%b %d %Y", "%d%b%Y"),
    *("%A, %B %d, %Y", "%A, %d %B %Y", "%a %d %b %Y", "%a, %d %b %Y", "%a, %b %d, %Y"),
    *("%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%m/%Y", "%Y/%m", "%Y-%m"),
)
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")
_HOURS = ("", *(between + time for between in (" ", ", ") for time in _TIMES), " %H:%M:%S.%f")
DATE_FORMATS: tuple[str, ...] = (
    *(day + hour for day in (*_DAYS, *_NAMED) for hour in (*_HOURS, "T%H:%M:%S")),
    *(day + f"{between}%H:%M:%S%z" for day in _DAYS for between in " T"),
    *("%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y"),
    *("%d/%b/%Y:%H:%M:%S %z", *_TIMES),
)
"""The formats that are looked for, as `datetime.strptime` has them; ISO dates need none."""

_LIKE_A_DATE = re.compile(r"(?=.*\d)[\w,.:/ +-]{4,48}", re.ASCII)
_UNIVERSAL = re.compile(r"(?<=\d)( ?)(?:UTC|GMT|Z)$")


def date_formats_of(texts: Sequence[str]) -> list[str]:
    """Returns the formats in which all of these texts are dates or times of day, which differ.

    None means that they are no dates; two that a day could be a month or a year.

    Args:
        texts: At least one; none of them blank.

    Example:
        >>> date_formats_of(["31/12/2024", "01/02/2024"]), date_formats_of(["01/02/2024"])
        (['%d/%m/%Y'], ['%d/%m/%Y', '%m/%d/%Y'])
    """
    stripped = [zoned(text) for text in texts]
    likely = set.intersection(*(set(_formats_like(text)) for text in stripped[:20]))
    formats = [form for form in DATE_FORMATS if form in likely]
    found: list[str] = []
    values: list[pd.Series] = []
    for form in formats:
        stamps = pd.to_datetime(pd.Series(stripped), format=form, errors="coerce", utc=True)
        if form.startswith("%y") and 2 * stamps.dt.year.nunique() > stamps.dt.day.nunique():
            continue  # more years than days: it is the other way round
        if stamps.notna().all() and not any(stamps.equals(other) for other in values):
            found.append(form)
            values.append(stamps)
    return found


def is_some_date(text: str) -> bool:
    """Tells whether a text is a date by any of the formats.

    Example:
        >>> is_some_date("31/12/2024"), is_some_date("flat 12")
        (True, False)
    """
    return bool(_formats_like(zoned(text)))


def zoned(text: str) -> str:
    """Returns a date without blanks around it, and with +00:00 for UTC.

    Example:
        >>> zoned(" 2024-05-31 13:30 UTC")
        '2024-05-31 13:30 +00:00'
    """
    return _UNIVERSAL.sub(r"\1+00:00", text.strip())


def _formats_like(text: str) -> list[str]:
    """Returns the formats by which a text is a date."""
    if not _LIKE_A_DATE.fullmatch(text):
        return []
    return [form for form in _by_shape().get(_shape(text), ()) if is_date(text, form)]


def _shape(text: str) -> str:
    """Returns what a date has in common with all of its format; `strptime` takes long to say no."""
    text = re.sub(r" ?[+-]\d\d:?\d\d\b", " z", text)
    return re.sub(r"\s+", " ", re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "0", text)))


@cache
def _by_shape() -> dict[str, list[str]]:
    now = datetime(2024, 5, 31, 13, 30, tzinfo=timezone.utc)
    shapes: dict[str, list[str]] = {}
    for form in DATE_FORMATS:
        shapes.setdefault(_shape(now.strftime(form)), []).append(form)
    return shapes


def is_date(text: str, form: str) -> bool:
    """Tells whether a text is a date by a format.

    Example:
        >>> is_date("31/12/2024", "%d/%m/%Y"), is_date("31/02/2024", "%d/%m/%Y")
        (True, False)
    """
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True
