"""Which rows are for training, validation and test, where chance is not to decide it.

Rows that follow one another in time are split in time, so that the test rows are the future of the
training rows; rows of one group (a patient, a house) stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.columns import dates_as_days, keys_of, numbers_of
from tune_bn.training.errors import DataError
from tune_bn.training.readings import reading_of

__all__ = [
    "Parts",
    "class_notes",
    "group_notes",
    "group_numbers",
    "order_in_time",
    "ordered_notes",
    "split_by_group",
    "split_by_time",
    "split_rows",
]

_SHARES = (0.6, 0.2, 0.2)
_LEAST_GROUPS = 5
_ALIKE = 0.9
_LEAST_COPIES = 0.05

Parts = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def order_in_time(name: str, column: pd.Series) -> npt.NDArray[np.int64]:
    """Returns the row numbers in the order of a column of dates or numbers, ties as they stand.

    Raises:
        DataError: It holds something else, or a row has no value.
    """
    reading = reading_of(name, column)
    if reading.kind == "category":
        raise DataError(
            f"A split in time needs dates or numbers, but column {name!r} holds neither. Write "
            "dates as 2024-05-31, or name another column."
        )
    if reading.kind == "date":
        values = dates_as_days(name, column, date_format=reading.date_format, gaps=reading.gaps)
    else:
        values = numbers_of(name, column, style=reading.style, gaps=reading.gaps)
    gaps = int(np.isnan(values).sum())
    if gaps:
        raise DataError(
            f"A split in time needs a time for each row, but {gaps} of {len(column)} cells of "
            f"column {name!r} are empty. Fill them, or leave out these rows."
        )
    return np.argsort(values, kind="stable")


def split_by_time(order: npt.NDArray[np.int64]) -> Parts:
    """Returns the first 60 % of the rows, the next 20 % and the last 20 %, in their order.

    Example:
        >>> [part.tolist() for part in split_by_time(np.array([4, 3, 2, 1, 0]))]
        [[4, 3, 2], [1], [0]]
    """
    rows = len(order)
    ends = [round(0.6 * rows), round(0.8 * rows)]
    train, validation, test = np.split(order, ends)
    return train, validation, test


def group_numbers(name: str, column: pd.Series) -> npt.NDArray[np.int64]:
    """Returns each row's group, counted from 0, shape (N,).

    Raises:
        DataError: There are fewer than five groups, or a row has none.
    """
    codes, keys = keys_of(column)
    gaps = int((codes < 0).sum())
    if gaps:
        raise DataError(
            f"A split by group needs a group for each row, but {gaps} of {len(column)} cells of "
            f"column {name!r} are empty. Fill them, or leave out these rows."
        )
    if len(keys) < _LEAST_GROUPS:
        raise DataError(
            f"A split by group needs at least {_LEAST_GROUPS} groups, but column {name!r} has "
            f"{len(keys)}. Name another column, or leave it out."
        )
    return codes


def split_by_group(groups: npt.NDArray[np.int64], *, seed: int) -> Parts:
    """Returns the rows of training, validation and test (60, 20, 20 %), no group in two of them.

    The groups come in an order that the seed decides; each goes where most rows are missing.
    """
    sizes = np.bincount(groups)
    left = np.array(_SHARES) * len(groups)
    part_of = np.empty(len(sizes), dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(sizes))
    for place, group in enumerate(order):
        # The first three make sure that no part is empty.
        part = place if place < len(left) else int(left.argmax())
        part_of[group] = part
        left[part] -= sizes[group]
    parts = part_of[groups]
    train, validation, test = (np.flatnonzero(parts == which) for which in range(3))
    return train, validation, test


def group_notes(name: str, groups: npt.NDArray[np.int64], parts: Parts) -> list[str]:
    """Returns a line if a split by groups does not what it should: one is too large, or all tiny.

    Args:
        name: Of the column.
        groups: Each row's group, shape (N,).
        parts: What `split_by_group` returns of these.

    Example:
        >>> groups = np.array([0] * 90 + [1, 2, 3, 4] * 3)
        >>> group_notes("house", groups, split_by_group(groups, seed=0))
        ["one 'house' has 90 of 102 rows: 93 are for training, 6 for validation, 3 for the test"]
    """
    largest = int(np.bincount(groups).max())
    if largest == 1:
        return [f"no two rows have one {name!r}: to keep its groups together changes nothing"]
    if all(abs(len(p) / len(groups) - s) < s / 2 for p, s in zip(parts, _SHARES, strict=True)):
        return []
    train, validation, test = map(len, parts)
    return [
        f"one {name!r} has {largest} of {len(groups)} rows: {train} are for training, {validation} "
        f"for validation, {test} for the test"
    ]


def class_notes(classes: Sequence[object], y: npt.NDArray[np.int64], parts: Parts) -> list[str]:
    """Returns a line for each part, of those with a score, that lacks a class.

    Args:
        classes: Their labels.
        y: Each row's class, shape (N,).
        parts: Rows of training, validation and test.
    """
    notes = []
    for what, rows in (("validation", parts[1]), ("test", parts[2])):
        lacking = sorted(set(range(len(classes))) - set(y[rows].tolist()))
        if lacking:
            more = f", nor of {len(lacking) - 1} more" if len(lacking) > 1 else ""
            notes.append(
                f"by this split no {what} row is of class {shown(classes[lacking[0]])}{more}: the "
                "scores there say nothing of it"
            )
    return notes


def ordered_notes(table: pd.DataFrame, target: str, y: npt.NDArray[np.float64] | None) -> list[str]:
    """Returns what speaks against a split by chance: rows in order of time, or repeated rows.

    Args:
        table: All rows.
        target: The target column.
        y: A regression target in the order of the rows, shape (N,); None for classes.
    """
    notes = []
    copies = int(table.duplicated().sum())
    if copies >= _LEAST_COPIES * len(table):
        notes.append(
            f"{copies} of {len(table)} rows are copies of others: the same row may be learned "
            "from and tested on; remove them, or keep them together with --group COLUMN"
        )
    if y is not None and len(y) >= 30 and not _is_sorted(y):
        scaled = y / (np.abs(y).max() or 1.0)  # squares of huge numbers would overflow
        first, second = scaled[:-1], scaled[1:]
        if first.std() > 0 and second.std() > 0:
            alike = float(np.corrcoef(first, second)[0, 1])
            if alike > _ALIKE:
                notes.append(
                    f"each row's {target!r} is much like that of the row before (correlation "
                    f"{alike:.2f}): if the rows are in the order of time, a split by chance "
                    "promises too much; use --split time"
                )
    return notes


def _is_sorted(y: npt.NDArray[np.float64]) -> bool:
    steps = np.diff(y)
    return bool((steps >= 0).all() or (steps <= 0).all())


def split_rows(
    rows: int, *, seed: int, classes: npt.NDArray[np.int64] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the row numbers of training (60 %), validation and test (20 % each), ascending.

    With `classes` of shape (rows,), each class is split in these shares as evenly as whole rows
    allow, and has at least one row in each part (it needs three).

    Example:
        >>> [len(part) for part in split_rows(10, seed=0)]
        [6, 2, 2]
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(rows)
    part = np.empty(rows, dtype=np.int64)
    # Of five rows in a line, three train. Lining the classes up one after the other keeps the
    # shares in each class and in all, whatever five rows of one class one begins with.
    pattern = np.array([0, 1, 0, 2, 0])
    if classes is None:
        part[order] = pattern[np.arange(rows) % 5]
    else:
        order = order[np.argsort(classes[order], kind="stable")]
        part[order] = pattern[np.arange(rows) % 5]
        for label, count in enumerate(np.bincount(classes)):
            if count < 5:
                own = order[classes[order] == label]
                part[own] = np.array([0, 1, 2, 0])[:count]
    train, validation, test = (np.flatnonzero(part == which) for which in range(3))
    return train, validation, test
