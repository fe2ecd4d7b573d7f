"""A table's rows → the network's input, by what was learned from the training rows alone.

What was learned is plain data and goes to JSON and back, so that a model file holds no code.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.columns import (
    category_key,
    dates_as_days,
    keys_of,
    numbers_of,
    require_finite,
)
from tune_bn.training.errors import DataError
from tune_bn.training.target import Target
from tune_bn.training.unlike import EmptyRows, FarValues, RowNote, UnknownValues
from tune_bn.training.written import DATE_FORMATS, MISSING_WORDS, NumberStyle

if TYPE_CHECKING:
    import torch

__all__ = [
    "CategoryColumn",
    "Column",
    "DroppedColumn",
    "EncodedColumn",
    "NumberColumn",
    "Preprocessing",
    "Rows",
    "encoded_names",
    "n_codes",
]

Rows = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]] | npt.NDArray[Any]
"""Rows to transform: a table, one row by column name, several such rows, or an array."""


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
        """Tells of each value whether it lies further beyond the range than that is wide, (N,)."""
        if self.least is None or self.greatest is None:
            return np.zeros(len(values), dtype=bool)
        reach = self.greatest - self.least or max(abs(self.least), 1.0)
        return (values < self.least - reach) | (values > self.greatest + reach)

    def written(self, value: float) -> str:
        """Returns one of its values as text: a number in six digits, or a date as its column's."""
        if not self.date:
            return f"{value:g}"
        stamp = pd.Timestamp(0) + pd.Timedelta(value, unit="D").round("s")
        whole = "%Y-%m-%d" if value == int(value) else "%Y-%m-%d %H:%M"
        return str(stamp.strftime(self.date_format or whole))


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
    """A column that is no input, and why; it may be absent from the rows to transform."""

    name: str
    reason: str


_KEPT_BEFORE = 32  # categories of a column, by version 0.1

Column = NumberColumn | CategoryColumn | EncodedColumn | DroppedColumn
_KINDS: dict[str, type[Column]] = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "encoded": EncodedColumn,
    "dropped": DroppedColumn,
}


@dataclass(frozen=True)
class Preprocessing:
    """What was learned from the training rows: each column in the table's order, and the target.

    Example:
        >>> import pandas as pd
        >>> from tune_bn.training.learning import learn
        >>> table = pd.DataFrame({"size": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"]})
        >>> learned, _ = learn(table, target=Target("y", "regression", None, 0.0, 1.0))
        >>> learned.transform({"size": 2.0, "colour": "green"}).tolist()
        [[0.0, 0.0, 0.0]]
    """

    columns: tuple[Column, ...]
    target: Target
    missing: tuple[str, ...] = MISSING_WORDS
    """Words that stand for a missing value in text, unless they are a category of the column."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the D inputs, in order; a category's is `column=category`."""
        names: list[str] = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                names.append(column.name)
            elif isinstance(column, CategoryColumn):
                names += [f"{column.name}={category}" for category in column.categories]
            elif isinstance(column, EncodedColumn):
                names += encoded_names(column, self.target)
            if isinstance(column, NumberColumn | CategoryColumn) and column.indicator:
                names.append(f"{column.name} is missing")
        return tuple(names)

    @property
    def n_features(self) -> int:
        """How many inputs the network has, D."""
        return len(self.feature_names)

    @property
    def refinement(self) -> str:
        """Fingerprint of how these inputs differ from those of version 0.1; "" if they do not.

        That version had no indicators of gaps, knew numbers and dates of computers alone, and kept
        32 categories of a column. What it made of a plain table is made of it still.
        """
        beyond: list[Any] = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                refined = (column.style, column.date_format, column.gaps, column.indicator)
                if any(refined):
                    beyond.append((column.name, *refined))
            elif isinstance(column, EncodedColumn):
                beyond.append((column.name, "encoded"))
            elif isinstance(column, CategoryColumn):
                many = len(column.categories) > _KEPT_BEFORE
                if column.indicator or many:
                    beyond.append((column.name, column.indicator, many))
        return hashlib.sha256(repr(beyond).encode()).hexdigest()[:12] if beyond else ""

    def transform(self, rows: Rows) -> torch.Tensor:
        """Returns the rows as float32 of shape (N, D).

        Args:
            rows: A table; or one row as a mapping by column name; or several such mappings; or an
                array of shape (N, columns) or (columns,), with all columns but the target in the
                table's order. Columns that were dropped may be missing. The target column may be
                present, and is ignored.

        Each row's inputs depend on that row alone.

        Raises:
            DataError: A column is missing or unknown, a number is infinite or no number.
        """
        return self.transform_noting(rows)[0]

    def transform_noting(self, rows: Rows) -> tuple[torch.Tensor, list[RowNote]]:
        """Returns what `transform` does, and what of the rows is unlike the training rows.

        Args:
            rows: As for `transform`.

        Raises:
            DataError: As for `transform`.
        """
        import torch

        inputs, notes = self.inputs_noting(rows)
        return torch.from_numpy(inputs), notes

    def inputs_noting(self, rows: Rows) -> tuple[npt.NDArray[np.float32], list[RowNote]]:
        """Returns what `transform_noting` does, as an array; torch is not needed."""
        table = self._table(rows)
        parts: list[npt.NDArray[np.float32]] = []
        notes: list[RowNote] = []
        is_empty = np.ones(len(table), dtype=bool)
        block: list[NumberColumn] = []
        for column in (*self.columns, None):
            if isinstance(column, NumberColumn):
                block.append(column)
                continue
            if isinstance(column, DroppedColumn):
                continue
            if block:  # several at once, since tables of numbers may be wide
                values = _numbers(block, table, self.missing)
                parts.append(_standardised(block, values))
                notes += _far(block, values)
                is_empty &= np.isnan(values).all(axis=1)
                block = []
            if column is None:
                break
            places, unknown = _places(column, table[column.name], self.missing)
            is_empty &= places == _IS_GAP
            if isinstance(column, CategoryColumn):
                parts.append(_one_hot(column, places))
            else:
                parts.append(_encoded(column, places))
            if unknown:
                n_known = len(column.categories)
                notes.append(UnknownValues(column.name, unknown, len(table), n_known))
        if is_empty.any():
            notes.append(EmptyRows(int(is_empty.sum()), len(table)))
        inputs = np.concatenate(parts, axis=1) if parts else np.zeros((len(table), 0), np.float32)
        return inputs, notes

    def _table(self, rows: Rows) -> pd.DataFrame:
        """Returns the rows as a table with every column that is an input."""
        if isinstance(rows, np.ndarray):
            return self._table_of_array(rows)
        if isinstance(rows, pd.DataFrame):
            table = rows
        elif isinstance(rows, Mapping):
            table = pd.DataFrame([dict(rows)], dtype=object)
        elif isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows):
            # As objects: pandas would make one type of a column, whatever each row holds.
            table = pd.DataFrame([dict(row) for row in rows], dtype=object)
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
            (missing, "lack", "Add what is missing (an empty cell is filled in)"),
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
        columns = [{"kind": kinds[type(column)], **_plain(column)} for column in self.columns]
        data: dict[str, Any] = {"columns": columns, "target": asdict(self.target)}
        if self.missing != MISSING_WORDS:
            data["missing"] = list(self.missing)
        # Beside the columns, where earlier versions look past it.
        ranges = {c.name: [c.least, c.greatest] for c in self.columns if _has_range(c)}
        if ranges:
            data["ranges"] = ranges
        return json.dumps(data, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Returns the preprocessing that `to_json` wrote.

        Raises:
            DataError: The text is not what `to_json` writes.
        """
        try:
            data = json.loads(text)
            ranges = data.get("ranges", {})
            columns = tuple(_column_from(record, ranges) for record in data["columns"])
            target = _target_from(data["target"])
            missing = data.get("missing", list(MISSING_WORDS))
            _require_texts(*_list(missing))
            for column in columns:
                if isinstance(column, EncodedColumn) and len(column.other) != n_codes(target):
                    raise ValueError(f"column {column.name!r} is encoded for another target")
            return cls(columns, target, tuple(missing))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                "Preprocessing needs the JSON text that to_json writes, but reading it failed: "
                f"{type(error).__name__}: {str(error)[:200]}. Write it again."
            ) from error


def _has_range(column: Column) -> TypeGuard[NumberColumn]:
    return isinstance(column, NumberColumn) and column.least is not None


def _plain(column: Column) -> dict[str, Any]:
    """Returns a column's fields; those that earlier versions did not know only where they say."""
    values = asdict(column)
    later = {"style", "date_format", "gaps", "indicator"}
    for field in fields(column):
        is_default = field.name in later and values[field.name] == field.default
        if is_default or field.name in ("least", "greatest"):
            del values[field.name]
    return values


def _column_from(record: Mapping[str, Any], ranges: Mapping[str, Any]) -> Column:
    values = dict(record)
    kind = _KINDS[values.pop("kind")]
    if kind is NumberColumn and values["name"] in ranges:
        values["least"], values["greatest"] = _list(ranges[values["name"]])
    for name in ("categories", "gaps", "other", "gap"):
        if name in values:
            values[name] = tuple(_list(values[name]))
    if values.get("style") is not None:
        values["style"] = _style_from(values["style"])
    if "codes" in values:
        values["codes"] = tuple(tuple(_list(code)) for code in _list(values["codes"]))
    column = kind(**values)
    _require_texts(column.name)
    if isinstance(column, NumberColumn):
        _require_finite_numbers(column.fill, column.mean, column.scale)
        _require_texts(*column.gaps)
        if not column.scale > 0:
            raise ValueError(f"column {column.name!r} has the scale {column.scale!r}")
        if (column.least, column.greatest) != (None, None):
            _require_finite_numbers(column.least, column.greatest)
        if column.date_format not in (None, *DATE_FORMATS):
            raise ValueError(f"column {column.name!r} has an unknown format of dates")
    elif isinstance(column, CategoryColumn):
        _require_texts(column.fill, *column.categories)
    elif isinstance(column, EncodedColumn):
        _require_texts(*column.categories)
        for code in (*column.codes, column.other, column.gap):
            _require_finite_numbers(*code)
            if len(code) != len(column.other):
                raise ValueError(f"column {column.name!r} has codes of different lengths")
        if len(column.codes) != len(column.categories):
            raise ValueError(f"column {column.name!r} needs a code for each category")
    if isinstance(column, NumberColumn | CategoryColumn) and not isinstance(column.indicator, bool):
        raise TypeError(f"{str(column.indicator)[:40]!r} should be true or false")
    return column


def _style_from(record: Any) -> NumberStyle:
    style = NumberStyle(**dict(record))
    _require_texts(style.before, style.after)
    if style.group not in ("", ",", ".", " ", "'") or style.decimal not in (".", ","):
        raise ValueError("a style of numbers has unknown separators")
    if style.group == style.decimal:
        raise ValueError("a style of numbers has one sign for groups and decimals")
    return style


def _list(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError(f"{str(values)[:40]!r} should be a list")
    return values


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


def _numbers(
    columns: Sequence[NumberColumn], table: pd.DataFrame, missing: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Returns finite floats of shape (N, columns), NaN for gaps."""
    values = np.stack([column.values_of(table[column.name], missing) for column in columns], axis=1)
    require_finite([column.name for column in columns], values)
    return values


def _standardised(
    columns: Sequence[NumberColumn], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, inputs of these columns)."""
    is_gap = np.isnan(values)
    values = np.where(is_gap, [column.fill for column in columns], values)
    means = np.array([column.mean for column in columns])
    scales = np.array([column.scale for column in columns])
    with np.errstate(over="ignore"):  # what overflows is refused in the next lines
        result = ((values - means) / scales).astype(np.float32)
    if not np.isfinite(result).all():
        row, place = (int(index) for index in np.argwhere(~np.isfinite(result))[0])
        raise DataError(
            f"Column {columns[place].name!r} needs numbers near those of the training rows (mean "
            f"{means[place]:.4g}, standard deviation {scales[place]:.4g}), but got "
            f"{values[row, place]:.4g}, which overflows. Correct it, or leave it empty."
        )
    # Each indicator goes behind its own column.
    marked = [place for place, column in enumerate(columns) if column.indicator]
    after = [place + 1 for place in marked]
    return np.insert(result, after, is_gap[:, marked].astype(np.float32), axis=1)


def _far(columns: Sequence[NumberColumn], values: npt.NDArray[np.float64]) -> Iterator[FarValues]:
    """Yields a note for each column that holds values far outside of the training rows'."""
    for place, column in enumerate(columns):
        found = values[column.is_far(values[:, place]), place]
        if len(found) and column.least is not None and column.greatest is not None:
            yield FarValues(
                *(column.name, len(found), len(values)),
                *(column.written(column.least), column.written(column.greatest)),
                tuple(dict.fromkeys(column.written(value) for value in found[:3].tolist())),
            )


_UNKNOWN, _IS_GAP = -2, -1
_FLOAT = re.compile(r"[+-]?(?:0|[1-9]\d*)\.\d+", re.ASCII)


def _places(
    column: CategoryColumn | EncodedColumn, values: pd.Series, missing: Sequence[str]
) -> tuple[npt.NDArray[np.int64], dict[str, int]]:
    """Returns each row's place among the categories, and how often each unknown value occurs."""
    codes, keys = keys_of(values)
    places = {category: place for place, category in enumerate(column.categories)}
    lookup = np.array([*(_place(key, places, missing) for key in keys), _IS_GAP], dtype=np.int64)
    chosen = lookup[codes]  # a missing value has code -1 and so reads the last entry
    counts = np.bincount(codes[chosen == _UNKNOWN], minlength=len(keys))
    unknown = {key: int(n) for key, n in zip(keys, counts, strict=True) if n}
    return chosen, unknown


def _place(key: str, places: Mapping[str, int], missing: Sequence[str]) -> int:
    """Returns the place of one cell's key: as written, as a gap, or as it is written elsewhere."""
    if key in places:
        return places[key]
    text = key.strip()
    if not text or text in missing:
        return _IS_GAP
    if text.casefold() in ("true", "false"):
        text = text.capitalize()
    elif _FLOAT.fullmatch(text):  # "1.0" in a file is the number 1 in another
        text = category_key(float(text))
    return places.get(text, _UNKNOWN)


def _one_hot(column: CategoryColumn, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, categories), and one more where gaps are told."""
    fill = dict(zip(column.categories, range(len(column.categories)), strict=True)).get(column.fill)
    chosen = np.where(places == _IS_GAP, _UNKNOWN if fill is None else fill, places)
    result = np.zeros((len(places), len(column.categories)), dtype=np.float32)
    rows = np.flatnonzero(chosen >= 0)
    result[rows, chosen[rows]] = 1.0
    if column.indicator:
        result = np.column_stack([result, (places == _IS_GAP).astype(np.float32)])
    return result


def _encoded(column: EncodedColumn, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, codes)."""
    table = np.array([*column.codes, column.other, column.gap], dtype=np.float32)
    return np.asarray(table[places], dtype=np.float32)  # -2 is the last but one, -1 the last


def n_codes(target: Target) -> int:
    """Returns how many inputs an encoded column has: one, or one for each of many classes."""
    return 1 if target.n_outputs <= 2 else target.n_outputs


def encoded_names(column: EncodedColumn, target: Target) -> list[str]:
    """Returns the names of an encoded column's inputs."""
    if target.classes is None:
        return [f"{column.name}: mean {target.name}"]
    classes = target.classes[1:] if n_codes(target) == 1 else target.classes
    return [f"{column.name}: share of {label}" for label in classes]
