"""How a column is read: as numbers, categories or dates, and how these are written in it.

That is decided once, from the whole table that is learned from, and goes into the model file; after
it a cell is read by itself (`columns`).
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.columns import found_in, is_text
from tune_bn.training.errors import DataError
from tune_bn.training.written import (
    DURATIONS,
    MISSING_WORDS,
    NumberStyle,
    date_formats_of,
    has_points_of_thousands,
    is_date,
    is_gap_sign,
    is_some_date,
    number_style_of,
    parse_number,
)

__all__ = ["Kind", "Reading", "column_kind", "reading_notes", "reading_of", "typed"]

Kind = Literal["number", "category", "date"]
_DIGITS = r"[\d\W_]*\d[\d\W_]*"  # and signs, but no letters
_ISO_DATE = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?"
# Text counts as meant to be numbers from this share of its rows, and above so many values. Fewer
# may well be codes, which are better categories.
_NUMERIC_SHARE = 0.9
_NUMERIC_VALUES = 20
# Up to so many different words among many numbers are signs of something, not names.
_LOOKED_AT = 30
_MOST_WORDS = 20
_LEAST_SHARE = 0.1
_MOST_FORMS = 24  # of months, each short and long
_A_FEW = 5  # texts, in which there may be no slip
_NUMBER_SIGNS = set("0123456789+-.eE")
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    Args:
        kind: As numbers, as categories or as dates.
        style: How its numbers are written; None: as computers do.
        date_format: How its dates are written, as `datetime.strptime` has it; None: as ISO dates.
        gaps: Words among its numbers or dates that stand for a missing value.
        example: A cell that is not written as computers do; None if all are.
        notes: What else a person should know of it, a line each.
    """

    kind: Kind
    style: NumberStyle | None = None
    date_format: str | None = None
    gaps: tuple[str, ...] = ()
    example: str | None = None
    notes: tuple[str, ...] = ()


def reading_notes(readings: Mapping[str, Reading]) -> list[str]:
    """Returns a line for each way of writing that is not a computer's, and for what else is odd.

    Args:
        readings: By the names of their columns.
    """
    written: dict[tuple[NumberStyle | None, str | None], list[str]] = {}
    gaps: dict[tuple[tuple[str, ...], Kind], list[str]] = {}
    for name, of in readings.items():
        if of.example is not None:
            written.setdefault((of.style, of.date_format), []).append(name)
        if of.gaps and of.kind != "category":
            gaps.setdefault((of.gaps, of.kind), []).append(name)
    notes = []
    for (style, date_format), names in written.items():
        example = readings[names[0]].example or ""
        said = f"by the format {date_format}"
        if date_format is None:
            unit = " seconds" if style == DURATIONS else ""
            said = f"is {parse_number(example, style):g}{unit}"
        what = "numbers" if date_format is None else "dates"
        notes.append(f"read {_columns(names)} as {what}: {example!r} {said}")
    notes += [
        f"took {_listed(words)} among the {kind}s of {_columns(names)} for missing values"
        for (words, kind), names in gaps.items()
    ]
    return notes + [note for of in readings.values() for note in of.notes]


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {_listed(names)}"


def typed(
    column: pd.Series, missing: Sequence[str] = MISSING_WORDS, *, decimal: str = ""
) -> tuple[pd.Series, dict[str, int]]:
    """Returns a column of text as what all of its cells spell: numbers, truth values, or text.

    Blank cells and words for missing values become missing values. Whole numbers with zeros in
    front (007) are codes, and stay text.

    Args:
        column: Texts, as a file without types holds them.
        missing: Words that stand for a missing value.
        decimal: As `decimal_sign_of` gives it.

    Returns:
        The column, and how many of its cells held each of the words that became missing values.
    """
    codes, found = pd.factorize(column.astype(object))
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    texts = [str(text) for text in found]
    gaps = {*missing, ""}
    is_gap = [text.strip() in gaps or text in gaps for text in texts]
    words = {
        t: int(n) for t, n, gap in zip(texts, counts, is_gap, strict=True) if gap and t.strip()
    }
    left = [text for text, gap in zip(texts, is_gap, strict=True) if not gap]
    values, kind = _spelled([text.strip() for text in left], decimal)
    has_gaps = any(is_gap) or bool((codes < 0).any())
    if not left or (kind is int and has_gaps and max(map(abs, values)) < 2**53):
        kind = float  # which has a value for "missing"
    elif has_gaps and kind is not float:
        kind = object
    spelled = iter(values if values else left)
    lookup = np.array([*(None if gap else next(spelled) for gap in is_gap), None], dtype=object)
    spread = pd.Series(lookup[codes], index=column.index, name=column.name, dtype=object)
    return spread.astype(kind), words


def _spelled(texts: Sequence[str], decimal: str) -> tuple[list[Any], type]:
    """Returns the values that texts spell, all of one type; none, and `object`, if they do not."""
    if all(text.casefold() in _TRUTHS for text in texts):
        return [_TRUTHS[text.casefold()] for text in texts], bool
    if any(_is_code(text) for text in texts if "0" in text[:2]):
        return [], object
    numbers_ = _parsed(texts)
    if numbers_ is None or has_points_of_thousands(texts, decimal=decimal):
        return [], object
    if all(text.lstrip("+-").isdigit() and len(text) < 20 for text in texts):
        whole = [int(text) for text in texts]
        if max(map(abs, whole)) < 2**63:
            return whole, int
    return numbers_, float


def _parsed(texts: Sequence[str]) -> list[float] | None:
    """Returns the numbers that all of these texts are; None if one is none."""
    if set().union(*texts) <= _NUMBER_SIGNS:  # for which Python reads nothing else as a number
        try:
            return [float(text) for text in texts]
        except ValueError:
            return None
    values = [parse_number(text) for text in texts]
    return None if any(math.isnan(value) for value in values) else values


def _is_code(text: str) -> bool:
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits.isdigit()


def column_kind(name: str, column: pd.Series) -> Kind:
    """Returns whether a column is used as numbers, as categories or as dates; see `reading_of`."""
    return reading_of(name, column).kind


def reading_of(
    name: str,
    column: pd.Series,
    *,
    missing: Sequence[str] = MISSING_WORDS,
    decimal: str = "",
) -> Reading:
    """Returns how a column is read: as numbers, as categories, or as dates.

    Numbers are numbers, and so are durations, in seconds; text, truth values and pandas' categories
    are categories; timestamps are dates. Of text,

    - what is a number in every cell, with more than 20 different values, is numbers; so is what is
      written as people do (1,234 · $5.50 · 12 % · 5 kg · 1.234,5) in one way in every cell;
    - what is a date in every cell, in one format, is dates: an ISO date (2024-05-31) or another in
      which a day cannot be taken for a month;
    - durations (1h 5m · 2 days 3 hours · 26:15:00 · PT5M), more than 20 different ones, are
      numbers of seconds; below 24:00:00 such a text may be a time of day, which differs in nothing
      but its zero;
    - signs for "no value" among these ("-", "?", "unknown") are gaps;
    - everything else is categories.

    Args:
        name: For messages.
        column: All rows of the table that is learned from.
        missing: Words that stand for a missing value.
        decimal: As `decimal_sign_of` gives it of the whole table.

    Raises:
        DataError: The column holds something else (lists, complex numbers, bytes), or
            text with more than 20 different numbers or dates, and among them other words: some in
            at most a tenth of the rows, or no more than 20 different ones in any.
    """
    types = pd.api.types
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return Reading("category")
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return Reading("number")
    if types.is_datetime64_any_dtype(dtype):
        return Reading("date")
    found = str(dtype)
    if is_text(column):
        found = types.infer_dtype(column, skipna=True)
    if getattr(dtype, "kind", "") == "m" or found == "timedelta":
        note = f"read column {name!r} as numbers: its durations in seconds"
        return Reading("number", style=DURATIONS, notes=(note,))
    if is_text(column):
        if found in ("integer", "floating", "decimal", "mixed-integer-float"):
            return Reading("number")
        if found in ("boolean", "categorical"):
            return Reading("category")
        if found in ("date", "datetime", "datetime64"):
            return Reading("date")
        if found in ("string", "mixed-integer", "empty") or _all_scalars(column):
            return _reading_of_text(name, column, missing, decimal)
    raise DataError(
        f"Data needs columns of numbers, text, truth values or dates, but column {name!r} holds "
        f"{found} values. Convert it to one of these, or remove it."
    )


def _all_scalars(column: pd.Series) -> bool:
    return all(isinstance(value, str | bool | numbers.Real) for value in column.dropna())


def _reading_of_text(name: str, column: pd.Series, missing: Sequence[str], decimal: str) -> Reading:
    """Returns what text stands for; numbers or dates with typing errors among them are refused."""
    values = column.dropna()
    counts = values.map(lambda value: str(value).strip()).value_counts(sort=False)
    rows = {str(text): int(count) for text, count in counts.items()}
    gaps = tuple(sorted(t for t in rows if is_gap_sign(t) and t not in missing))
    texts = [text for text in rows if text and text not in missing and text not in gaps]
    if not texts or any(_is_code(text) for text in texts):
        return _as_numbers(texts, gaps, decimal) or Reading("category")
    for reading in (
        _as_numbers(texts, gaps, decimal),
        _as_iso_dates(values, texts, gaps),
        _as_written_numbers(texts, gaps, decimal),
        _as_written_dates(name, texts, gaps),
        _as_durations(texts, gaps),
    ):
        if reading is not None:
            return reading
    return _mixed(name, values, rows, texts)


def _as_numbers(texts: Sequence[str], gaps: tuple[str, ...], decimal: str) -> Reading | None:
    values = {parse_number(text) for text in texts}
    if any(math.isnan(value) for value in values) or len(values) <= _NUMERIC_VALUES:
        return None
    if has_points_of_thousands(texts, decimal=decimal):
        return None
    return Reading("number", gaps=gaps)


def _as_iso_dates(values: pd.Series, texts: Sequence[str], gaps: tuple[str, ...]) -> Reading | None:
    if not all(isinstance(value, str) for value in values):
        return None
    if not pd.Series(texts, dtype=object).str.fullmatch(_ISO_DATE).all():
        return None
    return Reading("date", gaps=gaps)


def _as_written_numbers(
    texts: Sequence[str], gaps: tuple[str, ...], decimal: str
) -> Reading | None:
    style = number_style_of(texts, decimal=decimal)
    if style is None:
        return None
    values = {parse_number(text, style) for text in texts}
    if style.has_letters and len(values) <= _NUMERIC_VALUES:
        return None  # "2wd" and "4wd" are names
    unplain = next((t for t in texts if math.isnan(parse_number(t))), texts[0])
    example = next((t for t in texts if style.group and style.group in t), unplain)
    return Reading("number", style=style, gaps=gaps, example=example)


def _as_written_dates(name: str, texts: Sequence[str], gaps: tuple[str, ...]) -> Reading | None:
    formats = date_formats_of(texts)
    if not formats:
        return None
    if len(formats) > 1:
        note = (
            f"left column {name!r} as text: {texts[0]!r} could be {formats[0]} or {formats[1]}; "
            "write its dates as 2024-05-31 to use them"
        )
        return Reading("category", notes=(note,))
    return Reading("date", date_format=formats[0], gaps=gaps, example=texts[0])


def _as_durations(texts: Sequence[str], gaps: tuple[str, ...]) -> Reading | None:
    values = {parse_number(text, DURATIONS) for text in texts}
    if any(math.isnan(value) for value in values) or len(values) <= _NUMERIC_VALUES:
        return None
    return Reading("number", style=DURATIONS, gaps=gaps, example=texts[0])


def _mixed(name: str, values: pd.Series, rows: Mapping[str, int], texts: Sequence[str]) -> Reading:
    """Returns the reading of text that is neither all numbers nor all dates; refuses some."""
    readable, what = _most_readable(texts)
    total = sum(rows[text] for text in texts)
    n_rows = sum(rows[text] for text in readable)
    n_words = len(texts) - len(readable)
    if len(readable) <= _NUMERIC_VALUES or n_rows < _LEAST_SHARE * total:
        return Reading("category", notes=_several_ways(name, texts))
    if n_rows < _NUMERIC_SHARE * total and n_words > _MOST_WORDS:
        note = (
            f"column {name!r} holds {what} in {n_rows} rows and {n_words} different words in "
            f"{total - n_rows}: it is used as text"
        )
        is_half = n_rows >= total / 2
        return Reading("category", notes=(note,) if is_half else _several_ways(name, texts))
    others = set(texts) - readable
    like = next(text for text in texts if text in readable)
    bad = values.map(lambda value: str(value).strip() in others).to_numpy(dtype=bool)
    second = "Remove row 1 if it is a second line of names, or one of units; else correct "
    is_second = bad[0] and bad.sum() == 1
    raise DataError(
        f"Column {name!r} needs {what}, as in {n_rows} of its rows ({shown(like)}), but "
        f"{found_in(values, bad)}. {second if is_second else 'Correct '}these cells, leave them "
        "empty, name such words with --missing, or the column with --category."
    )


def _several_ways(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Returns a line that says that dates, or numbers, are written in several ways."""
    looked_at = texts[:_LOOKED_AT]
    if len(texts) < 3:
        return ()
    if all(re.fullmatch(_ISO_DATE, text) or is_some_date(text) for text in looked_at):
        what, so = "dates", "2024-05-31"
    elif len(texts) > _NUMERIC_VALUES and all(map(_is_some_number, looked_at)):
        what, so = "numbers", "1234.5, in one unit,"
    elif len(texts) > _NUMERIC_VALUES and (
        all(re.fullmatch(_DIGITS, text) for text in looked_at) or _is_form(texts)
    ):
        return (
            f"left column {name!r} as text: {shown(texts[0])} is no number or date that is known "
            "here; write numbers as 1234.5, dates as 2024-05-31, durations as a number of seconds",
        )
    else:
        return ()
    return (
        f"left column {name!r} as text: its {what} are written in several ways "
        f"({_listed(looked_at)}); write them as {so} to use them",
    )


def _is_form(texts: Sequence[str]) -> bool:
    """Tells whether texts are numbers within a few same words, as in 3. März 2024 and 1h 5m."""
    numbers_in = [re.findall(r"\d+", text) for text in texts]
    forms = len({re.sub(r"\d+", "0", text) for text in texts})
    if not all(numbers_in) or forms > max(_MOST_FORMS, min(len(texts) / 2, 7 * 12)):
        return False
    several = sum(len(each) > 1 for each in numbers_in)
    has_years = all(re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", text) for text in texts)
    return has_years or several > len(texts) / 2


def _is_some_number(text: str) -> bool:
    """Tells whether a text is a number by itself, and no code such as ABC123 or 12F."""
    is_number = number_style_of([text]) is not None or not math.isnan(parse_number(text))
    return is_number and not re.fullmatch(r"[A-Z]{3}\d.*|\d+[A-Z]", text)


def _most_readable(texts: Sequence[str]) -> tuple[set[str], str]:
    """Returns those texts that are numbers or dates, if there are any, and which of the two."""
    plain = {text for text in texts if not math.isnan(parse_number(text))}
    digits = [text for text in texts if any(sign.isdigit() for sign in text)]
    if len(plain) > len(digits) / 2 or not digits:
        return plain, "numbers"
    style = number_style_of(digits)
    if style is not None and not style.has_letters:
        return set(digits), "numbers"
    if date_formats_of(digits):
        return set(digits), "dates"
    return _most_written(digits) or (plain, "numbers")


def _most_written(texts: Sequence[str]) -> tuple[set[str], str] | None:
    """Returns those texts that are dates, or numbers, in the one way that nearly all are."""
    parts = [texts[place : place + _A_FEW] for place in range(0, _LOOKED_AT * _A_FEW, _A_FEW)]
    styles = {number_style_of(part) for part in parts if part}
    formats = {form for part in parts if part for form in date_formats_of(part)}
    read = [
        ({text for text in texts if _is_written(text, style)}, "numbers")
        for style in styles
        if style is not None and not style.has_letters
    ] + [({t for t in texts if is_date(t, form)}, "dates") for form in formats]
    most = max(read, key=lambda each: len(each[0]), default=(set[str](), ""))
    return most if len(most[0]) >= _NUMERIC_SHARE * len(texts) else None


def _is_written(text: str, style: NumberStyle) -> bool:
    """Tells whether a text is a number in a style, with the sign or unit of that."""
    has_ends = style.before in text and style.after in text
    return has_ends and not math.isnan(parse_number(text, style))


def _listed(words: Sequence[str], most: int = 3) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(shown(word) for word in words[:most]) + more
