"""One column of a table: what kind it is, and its values as numbers or as keys of categories.

Everything here looks at one column at a time and knows nothing of training rows or targets.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.errors import DataError

__all__ = [
    "Kind",
    "category_key",
    "column_kind",
    "dates_as_days",
    "numbers_of",
    "require_finite",
    "shown",
]

Kind = Literal["number", "category", "date"]

_ISO_DATE = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}.*)?"
# Text counts as meant to be numbers from this share of its rows, and above so many values. Fewer
# may well be codes, which are better categories.
_NUMERIC_SHARE = 0.9
_NUMERIC_VALUES = 20


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


def column_kind(name: str, column: pd.Series) -> Kind:
    """Returns how a column is used: as a number, as categories, or as a date.

    Numbers are numbers; text, truth values and pandas' categories are categories; timestamps are
    dates. Text that is an ISO date (2024-05-31) in every row is a date, and text that is a number
    in every row, with more than 20 different values, is a number.

    Raises:
        DataError: The column holds something else (lists, durations, complex numbers, bytes), or
            text in which 90 % of the rows or more, but not all, are numbers, with more than 20
            different ones: that is a column of numbers with typing errors.
    """
    types = pd.api.types
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype) or types.is_bool_dtype(dtype):
        return "category"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    found = str(dtype)
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        found = types.infer_dtype(column, skipna=True)
        if found in ("integer", "floating", "decimal", "mixed-integer-float"):
            return "number"
        if found in ("boolean", "categorical"):
            return "category"
        if found in ("date", "datetime", "datetime64"):
            return "date"
        if found in ("string", "mixed-integer") or _all_scalars(column):
            return _text_kind(name, column)
    raise DataError(
        f"Data needs columns of numbers, text, truth values or dates, but column {name!r} holds "
        f"{found} values. Convert it to one of these, or remove it."
    )


def _all_scalars(column: pd.Series) -> bool:
    return all(isinstance(value, str | bool | numbers.Real) for value in column.dropna())


def _all_iso_dates(values: pd.Series) -> bool:
    if not values.map(lambda value: isinstance(value, str)).all():
        return False
    return bool(values.astype(str).str.fullmatch(_ISO_DATE).all())


def _text_kind(name: str, column: pd.Series) -> Kind:
    """Returns what text stands for; numbers with typing errors among them are refused."""
    values = column.dropna()
    as_numbers = _to_numbers(values.astype(str))
    numeric = as_numbers.notna().to_numpy()
    if numeric.mean() >= _NUMERIC_SHARE and as_numbers.nunique() > _NUMERIC_VALUES:
        if numeric.all():
            return "number"
        raise DataError(
            f"Column {name!r} needs numbers, as in {int(numeric.sum())} of its rows, but "
            f"{_found(values, ~numeric)}. Correct these cells, or leave them empty."
        )
    return "date" if _all_iso_dates(values) else "category"


def _found(values: pd.Series, bad: npt.NDArray[np.bool_]) -> str:
    """Says which values are wrong: the first with its row, and how many."""
    place = int(np.flatnonzero(bad)[0])
    row = values.index[place]
    where = f" in data row {row + 1}" if isinstance(row, int | np.integer) else ""
    count = int(bad.sum())
    more = f" and {count - 1} more" if count > 1 else ""
    return f"got {shown(values.iloc[place])}{where}{more}"


def shown(value: object) -> str:
    """Returns a value as a message shows it: as Python writes it, and not at any length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def numbers_of(
    name: str,
    column: pd.Series,
    *,
    remedy: str = "Correct these cells, or leave them empty.",
) -> npt.NDArray[np.float64]:
    """Returns a column as floats of shape (N,), missing values as NaN.

    Args:
        name: For the message.
        column: N values of any kind.
        remedy: The last sentence of the message.

    Raises:
        DataError: A value is text or anything else that is no number.
    """
    types = pd.api.types
    if types.is_numeric_dtype(column.dtype):
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values are refused later
            return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), np.float64)
    missing = column.isna().to_numpy(dtype=bool)
    values = _to_numbers(column.astype(object)).astype(np.float64)
    result = np.asarray(values.to_numpy(), dtype=np.float64)
    bad = np.isnan(result) & ~missing
    if bad.any():
        raise DataError(f"Column {name!r} needs numbers, but {_found(column, bad)}. {remedy}")
    return result


def _to_numbers(values: pd.Series) -> pd.Series:
    """Returns the numbers that values are or spell; NaN for any other."""
    try:
        return pd.to_numeric(values, errors="coerce")
    except OverflowError:  # pandas' own, of an integer that no float holds; as text it is infinite
        return pd.to_numeric(values.astype(str), errors="coerce")


def dates_as_days(name: str, column: pd.Series) -> npt.NDArray[np.float64]:
    """Returns dates as days since 1970-01-01 UTC of shape (N,), missing values as NaN.

    Raises:
        DataError: A value is no date.
    """
    missing = column.isna().to_numpy(dtype=bool)
    try:
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            stamps = pd.to_datetime(column, utc=True)
        else:
            texts = column.map(lambda value: value if isinstance(value, str) else _iso(value))
            stamps = pd.to_datetime(texts, utc=True, errors="coerce", format="ISO8601")
        days = (stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    except pd.errors.OutOfBoundsDatetime as error:
        raise DataError(
            f"Column {name!r} needs dates from 1678 to 2261, but pandas could not convert it "
            f"({error}). Correct these cells, or leave them empty."
        ) from error
    bad = stamps.isna().to_numpy(dtype=bool) & ~missing
    if bad.any():
        raise DataError(
            f"Column {name!r} needs dates like 2024-05-31, but {_found(column, bad)}. "
            "Correct these cells, or leave them empty."
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
