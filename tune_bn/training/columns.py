"""One column of a table: its values as numbers, as days, or as keys of categories; cell by cell.

Everything here looks at one column at a time, and reads each cell by itself, whatever stands in the
cells beside it, as the column's reading says (`readings`).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.errors import DataError
from tune_bn.training.written import DURATIONS, MISSING_WORDS, NumberStyle, parse_number, zoned

__all__ = [
    "category_key",
    "dates_as_days",
    "found_in",
    "is_text",
    "keys_of",
    "numbers_of",
    "require_finite",
]


_SHORTEST_DATE = len("20240531")


def category_key(value: object) -> str:
    """Returns the text that stands for a category in JSON; equal values have one key.

    Example:
        >>> category_key("red"), category_key(True), category_key(3.0), category_key(3)
        ('red', 'True', '3', '3')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real) and float(value).is_integer():
        return str(int(float(value)))
    return str(value)


def keys_of(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Returns for each row a place in the list of different keys, shape (N,); -1 for a gap.

    `pandas.factorize` is asked only where all values are of one type: it takes True for 1.
    """
    if not pd.api.types.is_object_dtype(column.dtype):
        codes, found = pd.factorize(column)
        keys = [category_key(value) for value in found]
    else:
        cells = [None if is_missing(v) else category_key(v) for v in column.to_numpy()]
        codes, different = pd.factorize(np.array(cells, dtype=object))
        keys = [str(key) for key in different]
    if len(set(keys)) == len(keys):
        return np.asarray(codes, dtype=np.int64), keys
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    lookup = np.array([*(places[key] for key in keys), -1], dtype=np.int64)
    return lookup[codes], list(places)


def is_missing(value: Any) -> bool:
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return bool(value != value) if isinstance(value, numbers.Real | Decimal) else False


def is_text(column: pd.Series) -> bool:
    """Tells whether a column holds text, at least in part."""
    types = pd.api.types
    return bool(types.is_object_dtype(column.dtype) or types.is_string_dtype(column.dtype))


def found_in(values: pd.Series, bad: npt.NDArray[np.bool_]) -> str:
    """Says which values are wrong: the first with its row, and how many."""
    place = int(np.flatnonzero(bad)[0])
    row = values.index[place]
    where = f" in data row {row + 1}" if isinstance(row, int | np.integer) else ""
    count = int(bad.sum())
    more = f" and {count - 1} more" if count > 1 else ""
    value = values.iloc[place]
    return f"got {shown(value.item() if isinstance(value, np.generic) else value)}{where}{more}"


def numbers_of(
    name: str,
    column: pd.Series,
    *,
    style: NumberStyle | None = None,
    gaps: Sequence[str] = (),
    missing: Sequence[str] = MISSING_WORDS,
    remedy: str = "Correct these cells, or leave them empty.",
) -> npt.NDArray[np.float64]:
    """Returns a column as floats of shape (N,), missing values as NaN; each cell by itself.

    Args:
        name: For the message.
        column: N values of any kind.
        style: How text writes its numbers; None: as computers do.
        gaps: Words that stand for a missing value in this column.
        missing: Words that do in all columns.
        remedy: The last sentence of the message.

    Raises:
        DataError: A value is text or anything else that is no number.
    """
    types = pd.api.types
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused later
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
    if getattr(column.dtype, "kind", "") == "m" and style == DURATIONS:
        seconds = column.dt.total_seconds()
        return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    known: dict[Any, float | None] = {}
    no_values = {*gaps, *missing, ""}
    result = np.full(len(column), np.nan)
    bad = np.zeros(len(column), dtype=bool)
    for place, cell in enumerate(column.astype(object).to_numpy()):
        if isinstance(cell, str):
            if cell not in known:
                known[cell] = _number_in(cell, style, no_values)
            value = known[cell]
        elif isinstance(cell, timedelta) and style == DURATIONS:
            value = cell.total_seconds()
        else:
            value = _number_from(cell)
        if value is None:
            bad[place] = True
        else:
            result[place] = value
    if bad.any():
        what = "numbers"
        if style is not None:
            what = f"numbers like {_example(style)!r}"
        raise DataError(f"Column {name!r} needs {what}, but {found_in(column, bad)}. {remedy}")
    return result


def _example(style: NumberStyle) -> str:
    if style == DURATIONS:
        return "1h 30m"
    after = f" {style.after}" if style.has_letters else style.after
    return f"{style.before}1{style.group}234{style.decimal}5{after}"


def _number_in(text: str, style: NumberStyle | None, no_values: set[str]) -> float | None:
    stripped = text.strip()
    if stripped in no_values or text in no_values:
        return math.nan
    value = parse_number(stripped, style)
    return None if math.isnan(value) else value


def _number_from(value: Any) -> float | None:
    """Returns the number that a cell which is no text holds; NaN for a gap, None for no number."""
    if is_missing(value):
        return math.nan
    if isinstance(value, numbers.Real | Decimal | np.bool_):
        try:
            return float(value)
        except OverflowError:  # an integer that no float holds
            return math.inf if str(value)[0] != "-" else -math.inf
    return None


def dates_as_days(
    name: str,
    column: pd.Series,
    *,
    date_format: str | None = None,
    gaps: Sequence[str] = (),
    missing: Sequence[str] = MISSING_WORDS,
) -> npt.NDArray[np.float64]:
    """Returns dates as days since 1970-01-01 UTC of shape (N,), missing values as NaN.

    Args:
        name: For the message.
        column: N dates, timestamps or texts.
        date_format: How text writes its dates; an ISO date is read as well, unless these are times
            of day. None: as ISO dates.
        gaps: Words that stand for a missing value in this column.
        missing: Words that do in all columns.

    Raises:
        DataError: A value is no date.
    """
    gone = column.isna().to_numpy(dtype=bool, copy=True)
    try:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            stamps = pd.to_datetime(column, utc=True)
        else:
            no_values = {*gaps, *missing, ""}
            texts = column.astype(object).map(
                lambda value: zoned(value) if isinstance(value, str) else _iso(value)
            )
            gone |= texts.map(lambda text: text in no_values).to_numpy(dtype=bool)
            texts = texts.mask(gone, None)
            # A year, or a year and a month, is no day, though ISO would take the first of them.
            whole = texts.where(texts.map(lambda text: len(str(text)) >= _SHORTEST_DATE), None)
            stamps = pd.to_datetime(whole, utc=True, errors="coerce", format="ISO8601")
            if date_format is not None:
                if "%Y" not in date_format and "%y" not in date_format:
                    stamps = stamps.mask(stamps.notna())  # a day is no time of day
                written = pd.to_datetime(texts, utc=True, errors="coerce", format=date_format)
                stamps = written.where(written.notna(), stamps)
        # In one unit, so that a day is the same float beside any others.
        stamps = stamps.astype("datetime64[us, UTC]")
        days = (stamps - pd.Timestamp(0, tz="UTC").as_unit("us")) / pd.Timedelta(days=1)
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise DataError(
            f"Column {name!r} needs dates from 1678 to 2261, but pandas could not convert it "
            f"({error}). Correct these cells, or leave them empty."
        ) from error
    bad = stamps.isna().to_numpy(dtype=bool) & ~gone
    if bad.any():
        like = "2024-05-31"
        if date_format is not None:
            like = f"{pd.Timestamp('2024-05-31 13:30').strftime(date_format)} ({date_format})"
        raise DataError(
            f"Column {name!r} needs dates like {like}, but {found_in(column, bad)}. "
            "Correct these cells (a time zone is written as +01:00), or leave them empty."
        )
    return np.asarray(days.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def _iso(value: Any) -> str | None:
    """Returns the ISO text of a date or timestamp; None for anything else."""
    return str(value.isoformat()) if hasattr(value, "isoformat") and not pd.isna(value) else None


def require_finite(names: Sequence[str], values: npt.NDArray[np.float64]) -> None:
    """Refuses infinite values.

    Args:
        names: D column names.
        values: Floats of shape (N, D).

    Raises:
        DataError: A column holds an infinite value; the first such column is named.
    """
    counts = np.isinf(values).sum(axis=0)
    if counts.any():
        place = int(np.flatnonzero(counts)[0])
        others = int((counts > 0).sum()) - 1
        more = f" (and {others} more columns)" if others else ""
        raise DataError(
            f"Column {names[place]!r} needs finite numbers, but {int(counts[place])} of "
            f"{len(values)} values are infinite{more}. Correct them, or leave them empty."
        )
