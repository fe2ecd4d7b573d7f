"""What of a table can be used but is seldom meant: a person is to look at it again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.preprocessing import (
    CategoryColumn,
    EncodedColumn,
    NumberColumn,
    Preprocessing,
)

__all__ = ["doubtful_notes"]

_STAND_INS = frozenset(sign * int("9" * digits) for sign in (-1, 1) for digits in (2, 3, 4, 5))
_LEAST_TIMES = 3
_FEW_ROWS = 20  # that many may be in such an order by themselves


def doubtful_notes(table: pd.DataFrame, preprocessing: Preprocessing) -> list[str]:
    """Returns a line each for spellings of one word, numbers for "missing", and row numbers.

    Args:
        table: All rows, without the target.
        preprocessing: What was learned of them.
    """
    target = preprocessing.target
    notes = _spelling_notes(f"target {target.name!r}", target.classes or ())
    for column in preprocessing.columns:
        if isinstance(column, CategoryColumn | EncodedColumn):
            notes += _spelling_notes(f"column {column.name!r}", column.categories)
        elif isinstance(column, NumberColumn) and not column.date:
            notes += _number_notes(column.name, table[column.name])
    return notes


def _spelling_notes(what: str, labels: Iterable[object]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for label in labels:
        if isinstance(label, str):
            alike.setdefault(" ".join(label.split()).casefold(), []).append(label)
    twins = [each for each in alike.values() if len(each) > 1]
    if not twins:
        return []
    words = " and ".join(shown(word) for word in twins[0][:3])
    more = f", and so are {len(twins) - 1} more" if len(twins) > 1 else ""
    return [f"in {what} {words} are different{more}: write alike what is the same"]


def _number_notes(name: str, column: pd.Series) -> list[str]:
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype.kind not in "iuf":
        return []
    values = column.dropna().to_numpy()
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 3 or not np.isfinite(distinct).all():
        return []
    is_whole = column.dtype.kind in "iu" and len(distinct) == len(column) > _FEW_ROWS
    if is_whole and int(distinct[-1]) - int(distinct[0]) == len(distinct) - 1:
        return [
            f"column {name!r} counts the rows and is used as a number: remove it if it is an "
            "identifier"
        ]
    for place, others in ((0, distinct[1:]), (-1, distinct[:-1])):
        value = float(distinct[place])
        gap = abs(value - float(others[0 if place == 0 else -1]))
        is_far = gap > float(others[-1]) - float(others[0])
        if value in _STAND_INS and counts[place] >= _LEAST_TIMES and is_far:
            return [
                f"column {name!r} holds {value:g} in {counts[place]} rows, far from all else: if "
                "it stands for a missing value, leave these cells empty"
            ]
    return []
