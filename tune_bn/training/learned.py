"""What was learned of each column of a table, as plain data that goes to JSON and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.columns import dates_as_days, numbers_of
from tune_bn.training.target import Target
from tune_bn.training.written import DATE_FORMATS, MISSING_WORDS, NumberStyle

__all__ = [
    "CategoryColumn",
    "Column",
    "DroppedColumn",
    "EncodedColumn",
    "NumberColumn",
    "column_from",
    "encoded_names",
    "has_range",
    "list_of",
    "n_codes",
    "plain_of",
    "require_finite_numbers",
    "require_texts",
]


# Other years have other than four digits.
_YEAR_1000, _YEAR_9999 = np.datetime64("1000-01-01", "s"), np.datetime64("9999-12-31", "s")


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers or dates: `(value - mean) / scale`; a missing value becomes `fill`.

    `mean` and `scale` (the population standard deviation) are those of the training rows after
    filling; `fill` is the median. Dates count as days since 1970-01-01 UTC. `style`, `date_format`
    and `gaps` say how its text is read; with `indicator` a second input is 1 where the value is
    missing, and 0 elsewhere. `least` and `greatest` are the ends of the training rows' values,
    which files of early versions lack.
    """

    name: str
    fill: float
    mean: float
    scale: float
    date: bool = False
    style: NumberStyle | None = None
    date_format: str | None = None
    gaps: tuple[str, ...] = ()
    indicator: bool = False
    least: float | None = None
    greatest: float | None = None

    def values_of(
        self, column: pd.Series, missing: Sequence[str] = MISSING_WORDS
    ) -> npt.NDArray[np.float64]:
        """Returns the column as floats of shape (N,), missing values as NaN."""
        if self.date:
            return dates_as_days(
                self.name, column, date_format=self.date_format, gaps=self.gaps, missing=missing
            )
        return numbers_of(self.name, column, style=self.style, gaps=self.gaps, missing=missing)

    def is_far(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tells of each value whether it lies further beyond the range than that is wide, (N,).

        Below numbers that are all above 0 the width is a factor: 3 is far below 1000 … 9000.
        """
        if self.least is None or self.greatest is None:
            return np.zeros(len(values), dtype=bool)
        reach = self.greatest - self.least or max(abs(self.least), 1.0)
        is_far = (values < self.least - reach) | (values > self.greatest + reach)
        if self.least > 0 and not self.date:
            is_far |= (values > 0) & (values < self.least * (self.least / self.greatest))
        return np.asarray(is_far, dtype=bool)

    def written(self, value: float) -> str:
        """Returns one of its values as text: a number in six digits, or a date as its column's."""
        if not self.date:
            return f"{value:g}"
        stamp = np.datetime64(round(value * 86400), "s")
        if self.date_format is not None and _YEAR_1000 <= stamp <= _YEAR_9999:
            return str(stamp.item().strftime(self.date_format))
        return str(stamp.astype("datetime64[D]" if value == int(value) else "datetime64[m]"))


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: one input of 0 or 1 for each of `categories`.

    A missing value counts as `fill`, the most frequent category; a value that is no category
    gives zeros only. With `indicator` a further input is 1 where the value is missing.
    """

    name: str
    fill: str
    categories: tuple[str, ...]
    indicator: bool = False


@dataclass(frozen=True)
class EncodedColumn:
    """A column of very many categories: each stands for the mean target of its training rows.

    That is scikit-learn's `TargetEncoder`: the mean is shrunk towards that of all rows, the more
    so the fewer rows a category has; with more than two classes there is one input for each.

    Args:
        name: Of the column.
        categories: All that the training rows hold, sorted.
        codes: For each category its inputs, standardised.
        other: The inputs of a value that is no category.
        gap: Those of a missing value.
    """

    name: str
    categories: tuple[str, ...]
    codes: tuple[tuple[float, ...], ...]
    other: tuple[float, ...]
    gap: tuple[float, ...]


@dataclass(frozen=True)
class DroppedColumn:
    """A column that is no input, and why; it may be absent from the rows to transform.

    `only` is the one value that the training rows have, as a category's key; None: there were
    others, or it is not known, as in files of early versions.
    """

    name: str
    reason: str
    only: str | None = None


Column = NumberColumn | CategoryColumn | EncodedColumn | DroppedColumn
_KINDS: dict[str, type[Column]] = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "encoded": EncodedColumn,
    "dropped": DroppedColumn,
}


def has_range(column: Column) -> TypeGuard[NumberColumn]:
    """Tells whether it is known between which values a column of numbers lies."""
    return isinstance(column, NumberColumn) and column.least is not None


def plain_of(column: Column) -> dict[str, Any]:
    """Returns a column's fields; those that earlier versions did not know only where they say."""
    kind = next(name for name, kind in _KINDS.items() if kind is type(column))
    values = {"kind": kind, **asdict(column)}
    later = {"style", "date_format", "gaps", "indicator"}
    for field in fields(column):
        is_default = field.name in later and values[field.name] == field.default
        if is_default or field.name in ("least", "greatest", "only"):
            del values[field.name]
    return values


def column_from(
    record: Mapping[str, Any], ranges: Mapping[str, Any], only: Mapping[str, Any]
) -> Column:
    """Returns the column that `plain_of` gave, with its range or only value, by its name.

    Raises:
        ValueError: It is no such record; or LookupError, TypeError, AttributeError.
    """
    values = dict(record)
    kind = _KINDS[values.pop("kind")]
    if kind is NumberColumn and values["name"] in ranges:
        values["least"], values["greatest"] = list_of(ranges[values["name"]])
    if kind is DroppedColumn and values["name"] in only:
        values["only"] = only[values["name"]]
        require_texts(values["only"])
    for name in ("categories", "gaps", "other", "gap"):
        if name in values:
            values[name] = tuple(list_of(values[name]))
    if values.get("style") is not None:
        values["style"] = _style_from(values["style"])
    if "codes" in values:
        values["codes"] = tuple(tuple(list_of(code)) for code in list_of(values["codes"]))
    column = kind(**values)
    require_texts(column.name)
    if isinstance(column, NumberColumn):
        require_finite_numbers(column.fill, column.mean, column.scale)
        require_texts(*column.gaps)
        if not column.scale > 0:
            raise ValueError(f"column {column.name!r} has the scale {column.scale!r}")
        if (column.least, column.greatest) != (None, None):
            require_finite_numbers(column.least, column.greatest)
        if column.date_format not in (None, *DATE_FORMATS):
            raise ValueError(f"column {column.name!r} has an unknown format of dates")
    elif isinstance(column, CategoryColumn):
        require_texts(column.fill, *column.categories)
    elif isinstance(column, EncodedColumn):
        require_texts(*column.categories)
        for code in (*column.codes, column.other, column.gap):
            require_finite_numbers(*code)
            if len(code) != len(column.other):
                raise ValueError(f"column {column.name!r} has codes of different lengths")
        if len(column.codes) != len(column.categories):
            raise ValueError(f"column {column.name!r} needs a code for each category")
    if isinstance(column, NumberColumn | CategoryColumn) and not isinstance(column.indicator, bool):
        raise TypeError(f"{str(column.indicator)[:40]!r} should be true or false")
    return column


def _style_from(record: Any) -> NumberStyle:
    style = NumberStyle(**dict(record))
    require_texts(style.before, style.after)
    if style.group not in ("", ",", ".", " ", "'") or style.decimal not in (".", ","):
        raise ValueError("a style of numbers has unknown separators")
    if style.group == style.decimal:
        raise ValueError("a style of numbers has one sign for groups and decimals")
    return style


def list_of(values: Any) -> list[Any]:
    """Returns a list as it is; raises TypeError if it is none."""
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:40]!r} should be a list")
    return values


def require_texts(*values: object) -> None:
    """Raises TypeError for what is no text."""
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{str(value)[:40]!r} should be a text")


def require_finite_numbers(*values: object) -> None:
    """Raises ValueError for what is no finite number."""
    for value in values:
        largest = sys.float_info.max
        is_number = isinstance(value, (int, float)) and -largest <= value <= largest
        if isinstance(value, bool) or not is_number:
            raise ValueError(f"{str(value)[:40]!r} should be a finite number")


def n_codes(target: Target) -> int:
    """Returns how many inputs an encoded column has: one, or one for each of many classes."""
    return 1 if target.n_outputs <= 2 else target.n_outputs


def encoded_names(column: EncodedColumn, target: Target) -> list[str]:
    """Returns the names of an encoded column's inputs."""
    if target.classes is None:
        return [f"{column.name}: mean {target.name}"]
    classes = target.classes[1:] if n_codes(target) == 1 else target.classes
    return [f"{column.name}: share of {label}" for label in classes]
