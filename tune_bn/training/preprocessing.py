"""A table's rows → the network's input, by what was learned from the training rows alone.

What was learned is plain data and goes to JSON and back, so that a model file holds no code.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from tune_bn.training.columns import (
    category_key,
    column_kind,
    dates_as_days,
    numbers_of,
    require_finite,
)
from tune_bn.training.errors import DataError
from tune_bn.training.target import Target

__all__ = [
    "MAX_CATEGORIES",
    "CategoryColumn",
    "DroppedColumn",
    "NumberColumn",
    "Preprocessing",
    "Rows",
    "learn_preprocessing",
]

MAX_CATEGORIES = 32
"""Most categories of one column that get an input of their own."""

Rows = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]] | npt.NDArray[Any]
"""Rows to transform: a table, one row by column name, several such rows, or an array."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers or dates: `(value - mean) / scale`; a missing value becomes `fill`.

    `mean` and `scale` (the population standard deviation) are those of the training rows after
    filling; `fill` is the median. Dates count as days since 1970-01-01 UTC.
    """

    name: str
    fill: float
    mean: float
    scale: float
    date: bool = False

    def values_of(self, column: pd.Series) -> npt.NDArray[np.float64]:
        """Returns the column as floats of shape (N,), missing values as NaN."""
        return (dates_as_days if self.date else numbers_of)(self.name, column)


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: one input of 0 or 1 for each of `categories`.

    A missing value counts as `fill`, the most frequent category; a value that is no category
    gives zeros only.
    """

    name: str
    fill: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class DroppedColumn:
    """A column that is no input, and why; it may be absent from the rows to transform."""

    name: str
    reason: str


Column = NumberColumn | CategoryColumn | DroppedColumn
_KINDS: dict[str, type[Column]] = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "dropped": DroppedColumn,
}


@dataclass(frozen=True)
class Preprocessing:
    """What was learned from the training rows: each column in the table's order, and the target.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"]})
        >>> learned = learn_preprocessing(table, target=Target("y", "regression", None, 0.0, 1.0))
        >>> learned.transform({"size": 2.0, "colour": "green"}).tolist()
        [[0.0, 0.0, 0.0]]
    """

    columns: tuple[Column, ...]
    target: Target

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the D inputs, in order; a category's is `column=category`."""
        names: list[str] = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                names.append(column.name)
            elif isinstance(column, CategoryColumn):
                names += [f"{column.name}={category}" for category in column.categories]
        return tuple(names)

    @property
    def n_features(self) -> int:
        """How many inputs the network has, D."""
        return len(self.feature_names)

    def transform(self, rows: Rows) -> torch.Tensor:
        """Returns the rows as float32 of shape (N, D).

        Args:
            rows: A table; or one row as a mapping by column name; or several such mappings; or an
                array of shape (N, columns) or (columns,), with all columns but the target in the
                table's order. Columns that were dropped may be missing. The target column may be
                present, and is ignored.

        Raises:
            DataError: A column is missing or unknown, a number is infinite or no number.
        """
        table = self._table(rows)
        parts: list[npt.NDArray[np.float32]] = []
        block: list[NumberColumn] = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                block.append(column)
            elif isinstance(column, CategoryColumn):
                parts += _standardised(block, table)
                block = []
                parts.append(_one_hot(column, table[column.name]))
        parts += _standardised(block, table)
        inputs = np.concatenate(parts, axis=1) if parts else np.zeros((len(table), 0), np.float32)
        return torch.from_numpy(inputs)

    def _table(self, rows: Rows) -> pd.DataFrame:
        """Returns the rows as a table with every column that is an input."""
        if isinstance(rows, np.ndarray):
            return self._table_of_array(rows)
        if isinstance(rows, pd.DataFrame):
            table = rows
        elif isinstance(rows, Mapping):
            table = pd.DataFrame([dict(rows)])
        elif isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
            table = pd.DataFrame([dict(row) for row in rows])
        else:
            raise DataError(
                "Prediction needs a DataFrame, a mapping for one row, a list of mappings or an "
                f"array, but got {type(rows).__name__}. Convert it to one of these."
            )
        if len(table) == 0:
            return pd.DataFrame(columns=[column.name for column in self.columns], dtype=np.float64)
        known = {column.name for column in self.columns} | {self.target.name}
        needed = {c.name for c in self.columns if not isinstance(c, DroppedColumn)}
        present = list(table.columns)
        missing = sorted(needed - set(present))
        unknown = sorted(str(name) for name in present if name not in known)
        twice = sorted(str(name) for name, count in Counter(present).items() if count > 1)
        for names, claim, remedy in (
            (missing, "lack", "Add it (an empty cell is filled in)"),
            (unknown, "have the unknown", "Remove it"),
            (twice, "have more than one", "Keep one"),
        ):
            if names:
                raise DataError(
                    f"Prediction needs rows with the {len(needed)} columns of the training table, "
                    f"but they {claim} {_listed(names)}. {remedy}."
                )
        return table

    def _table_of_array(self, rows: npt.NDArray[Any]) -> pd.DataFrame:
        width = len(self.columns)
        if rows.ndim not in (1, 2) or rows.shape[-1] != width:
            raise DataError(
                f"Prediction needs an array of shape (N, {width}), or ({width},) for one row, "
                f"but got shape {rows.shape}. Pass the training table's columns in their order, "
                "without the target."
            )
        names = [column.name for column in self.columns]
        return pd.DataFrame(np.atleast_2d(rows), columns=names)

    def to_json(self) -> str:
        """Returns everything as JSON text; `from_json` of it is equal to this."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        columns = [{"kind": kinds[type(column)], **asdict(column)} for column in self.columns]
        return json.dumps({"columns": columns, "target": asdict(self.target)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Returns the preprocessing that `to_json` wrote.

        Raises:
            DataError: The text is not what `to_json` writes.
        """
        try:
            data = json.loads(text)
            columns = tuple(_column_from(record) for record in data["columns"])
            return cls(columns, _target_from(data["target"]))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                "Preprocessing needs the JSON text that to_json writes, but reading it failed: "
                f"{type(error).__name__}: {str(error)[:200]}. Write it again."
            ) from error


def _column_from(record: Mapping[str, Any]) -> Column:
    values = dict(record)
    kind = _KINDS[values.pop("kind")]
    if kind is CategoryColumn:
        values["categories"] = tuple(values["categories"])
    column = kind(**values)
    _require_texts(column.name)
    if isinstance(column, NumberColumn):
        _require_finite_numbers(column.fill, column.mean, column.scale)
        if not column.scale > 0:
            raise ValueError(f"column {column.name!r} has the scale {column.scale!r}")
    elif isinstance(column, CategoryColumn):
        _require_texts(column.fill, *column.categories)
    return column


def _target_from(record: Mapping[str, Any]) -> Target:
    values = dict(record)
    if values["classes"] is not None:
        values["classes"] = tuple(values["classes"])
    target = Target(**values)
    _require_texts(target.name)
    _require_finite_numbers(target.mean, target.scale)
    is_known = target.task == ("regression" if target.classes is None else "classification")
    labels = target.classes or ()
    is_plain = all(isinstance(label, (str, int, float)) for label in labels)
    if not is_known or not is_plain or target.n_outputs < 1:
        raise ValueError(f"the target {target.name!r} is neither a number nor classes")
    return target


def _require_texts(*values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError(f"{str(value)[:40]!r} should be a text")


def _require_finite_numbers(*values: object) -> None:
    for value in values:
        largest = sys.float_info.max
        is_number = isinstance(value, (int, float)) and -largest <= value <= largest
        if isinstance(value, bool) or not is_number:
            raise ValueError(f"{str(value)[:40]!r} should be a finite number")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"column{'s' if len(names) > 1 else ''} {shown}{more}"


def _standardised(
    columns: Sequence[NumberColumn], table: pd.DataFrame
) -> list[npt.NDArray[np.float32]]:
    """Returns a list of one float32 array (N, len(columns)), or an empty list for no columns."""
    if not columns:
        return []
    names = [column.name for column in columns]
    values = np.stack([column.values_of(table[column.name]) for column in columns], axis=1)
    require_finite(names, values)
    values = np.where(np.isnan(values), [column.fill for column in columns], values)
    means = np.array([column.mean for column in columns])
    scales = np.array([column.scale for column in columns])
    with np.errstate(over="ignore"):  # what overflows is refused in the next lines
        result = ((values - means) / scales).astype(np.float32)
    if not np.isfinite(result).all():
        row, place = (int(index) for index in np.argwhere(~np.isfinite(result))[0])
        raise DataError(
            f"Column {names[place]!r} needs numbers near those of the training rows (mean "
            f"{means[place]:.4g}, standard deviation {scales[place]:.4g}), but got "
            f"{values[row, place]:.4g}, which overflows. Correct it, or leave it empty."
        )
    return [result]


def _one_hot(column: CategoryColumn, values: pd.Series) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, categories)."""
    codes, found = pd.factorize(values)
    places = {category: place for place, category in enumerate(column.categories)}
    lookup = np.array([places.get(category_key(value), -1) for value in found], dtype=np.int64)
    # A missing value has code -1 and so reads the last entry.
    chosen = np.append(lookup, places.get(column.fill, -1))[codes]
    result = np.zeros((len(values), len(column.categories)), dtype=np.float32)
    rows = np.flatnonzero(chosen >= 0)
    result[rows, chosen[rows]] = 1.0
    return result


def learn_preprocessing(train: pd.DataFrame, *, target: Target) -> Preprocessing:
    """Learns from the training rows what `Preprocessing` holds; the table has no target column.

    A column with one value is dropped, and so is a column of categories in which no two rows are
    alike (an identifier). A column with more than `MAX_CATEGORIES` categories keeps the most
    frequent ones, of those that at least two rows share; the rest become zeros.

    Raises:
        DataError: A column holds values of no known kind, or no column is left.
    """
    columns = tuple(_learn_column(str(name), train[name]) for name in train.columns)
    learned = Preprocessing(columns, target)
    if learned.n_features == 0:
        raise DataError(
            f"Data needs at least one column that varies, beside the target {target.name!r}, but "
            f"got {len(columns)}. Add a column."
        )
    return learned


def _learn_column(name: str, column: pd.Series) -> Column:
    if column.notna().sum() == 0:
        return DroppedColumn(name, "no value in the training rows")
    kind = column_kind(name, column)
    if kind == "category":
        return _learn_categories(name, column)
    date = kind == "date"
    values = (dates_as_days if date else numbers_of)(name, column)
    require_finite([name], values[:, None])
    fill = _median(values)
    values = np.where(np.isnan(values), fill, values)
    if values.min() == values.max():
        return DroppedColumn(name, f"only one value in the training rows, {values[0]:g}")
    largest = np.abs(values).max()
    mean = float((values / largest).mean() * largest)  # the sum of huge numbers would overflow
    scale = float((values / largest - mean / largest).std() * largest)
    if scale == 0.0:
        return DroppedColumn(name, "varies by less than rounding in the training rows")
    return NumberColumn(name, fill, mean, scale, date)


def _median(values: npt.NDArray[np.float64]) -> float:
    """Returns the median of what is not NaN, also where the sum of the middle two overflows."""
    with np.errstate(over="ignore"):
        median = float(np.nanmedian(values))
    return median if np.isfinite(median) else float(2.0 * np.nanmedian(values / 2.0))


def _learn_categories(name: str, column: pd.Series) -> Column:
    codes, found = pd.factorize(column)
    counts: dict[str, int] = {}
    for value, count in zip(found, np.bincount(codes[codes >= 0]), strict=True):
        key = category_key(value)
        counts[key] = counts.get(key, 0) + int(count)
    if len(counts) == 1:
        return DroppedColumn(name, f"only one value in the training rows, {next(iter(counts))!r}")
    if max(counts.values()) == 1:
        return DroppedColumn(name, "no two training rows alike, as in an identifier")
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    kept = ranked
    if len(ranked) > MAX_CATEGORIES:
        kept = [key for key in ranked if counts[key] >= 2][:MAX_CATEGORIES]
    return CategoryColumn(name, ranked[0], tuple(sorted(kept)))
