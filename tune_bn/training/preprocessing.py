"""A table's rows → the network's input, by what was learned from the training rows alone.

What was learned is plain data and goes to JSON and back, so that a model file holds no code.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.encoding import (
    IS_GAP,
    encoded,
    far_notes,
    numbers_in,
    one_hot,
    places_of,
    standardised,
)
from tune_bn.training.errors import DataError
from tune_bn.training.learned import (
    CategoryColumn,
    Column,
    DroppedColumn,
    EncodedColumn,
    NumberColumn,
    column_from,
    encoded_names,
    has_range,
    list_of,
    n_codes,
    plain_of,
    require_finite_numbers,
    require_texts,
)
from tune_bn.training.target import Target
from tune_bn.training.unlike import EmptyRows, OtherValues, RowNote, UnknownValues
from tune_bn.training.written import MISSING_WORDS

if TYPE_CHECKING:
    import torch

__all__ = ["Preprocessing", "Rows"]

Rows = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]] | npt.NDArray[Any]
"""Rows to transform: a table, one row by column name, several such rows, or an array."""


_KEPT_BEFORE = 32  # categories of a column, by version 0.1


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
                if column.only is not None and column.name in table.columns:
                    _, others = places_of([column.only], table[column.name], self.missing)
                    if others:
                        about = (column.name, others, len(table), 1)
                        notes.append(OtherValues(*about, only=column.only))
                continue
            if block:  # several at once, since tables of numbers may be wide
                values = numbers_in(block, table, self.missing)
                parts.append(standardised(block, values))
                notes += far_notes(block, values)
                is_empty &= np.isnan(values).all(axis=1)
                block = []
            if column is None:
                break
            places, unknown = places_of(column.categories, table[column.name], self.missing)
            is_empty &= places == IS_GAP
            if isinstance(column, CategoryColumn):
                parts.append(one_hot(column, places))
            else:
                parts.append(encoded(column, places))
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
        columns = [plain_of(column) for column in self.columns]
        data: dict[str, Any] = {"columns": columns, "target": asdict(self.target)}
        if self.missing != MISSING_WORDS:
            data["missing"] = list(self.missing)
        # Beside the columns, where earlier versions look past it.
        ranges = {c.name: [c.least, c.greatest] for c in self.columns if has_range(c)}
        if ranges:
            data["ranges"] = ranges
        only = {c.name: c.only for c in self.columns if isinstance(c, DroppedColumn) and c.only}
        if only:
            data["only"] = only
        return json.dumps(data, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """Returns the preprocessing that `to_json` wrote.

        Raises:
            DataError: The text is not what `to_json` writes.
        """
        try:
            data = json.loads(text)
            ranges, only = data.get("ranges", {}), data.get("only", {})
            columns = tuple(column_from(record, ranges, only) for record in data["columns"])
            target = _target_from(data["target"])
            missing = data.get("missing", list(MISSING_WORDS))
            require_texts(*list_of(missing))
            for column in columns:
                if isinstance(column, EncodedColumn) and len(column.other) != n_codes(target):
                    raise ValueError(f"column {column.name!r} is encoded for another target")
            return cls(columns, target, tuple(missing))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                "Preprocessing needs the JSON text that to_json writes, but reading it failed: "
                f"{type(error).__name__}: {str(error)[:200]}. Write it again."
            ) from error


def _target_from(record: Mapping[str, Any]) -> Target:
    values = dict(record)
    if values["classes"] is not None:
        values["classes"] = tuple(values["classes"])
    target = Target(**values)
    require_texts(target.name)
    require_finite_numbers(target.mean, target.scale)
    is_known = target.task == ("regression" if target.classes is None else "classification")
    labels = target.classes or ()
    is_plain = all(isinstance(label, (str, int, float)) for label in labels)
    if not is_known or not is_plain or target.n_outputs < 1:
        raise ValueError(f"the target {target.name!r} is neither a number nor classes")
    return target


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"column{'s' if len(names) > 1 else ''} {shown}{more}"
