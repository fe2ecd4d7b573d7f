"""A table with its target → its parts, and what was learned of the first of them.

The steps: find the target and its task (`target`), find how each column is read (`readings`), split
the rows (`splits`), learn from the training rows (`learning`), transform all three parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.asked import Asked
from tune_bn.training.columns import (
    category_key,
    dates_as_days,
    is_text,
    keys_of,
    numbers_of,
    require_finite,
)
from tune_bn.training.dataset import Part, Prepared
from tune_bn.training.doubtful import doubtful_notes, spelling_notes
from tune_bn.training.errors import DataError
from tune_bn.training.learned import DroppedColumn
from tune_bn.training.learning import learn
from tune_bn.training.readings import Reading, reading_notes, reading_of
from tune_bn.training.splits import (
    Parts,
    class_notes,
    group_notes,
    group_numbers,
    order_in_time,
    ordered_notes,
    split_by_group,
    split_by_time,
    split_rows,
)
from tune_bn.training.table_notes import (
    because,
    dropped_notes,
    encoded_notes,
    unbalanced_notes,
    weight_notes,
    word_notes,
)
from tune_bn.training.target import (
    Label,
    Target,
    encode_classes,
    infer_task,
    target_numbers,
    target_reading,
)

__all__ = ["MIN_ROWS", "WEIGHS", "prepared_of"]

MIN_ROWS = 10
"""Rows a table needs: with fewer, validation or test would be a single row."""
WEIGHS = "says how much each row counts"
"""Why a column of weights is no input."""
_LARGEST_WEIGHT = 1e30  # of which a float32 holds the squares of shares


def prepared_of(
    name: str,
    content: str,
    table: pd.DataFrame,
    asked: Asked,
    *,
    notes: list[str],
    words: dict[str, dict[str, int]],
    decimal: str,
) -> Prepared:
    """Returns a table that was checked and split, and what was learned of its training rows.

    Args:
        name: What the table is called.
        content: What is equal for equal tables, such as a digest.
        table: All rows, with the target.
        asked: What is to be done with it.
        notes: Lines that were said of it before; gets those that come.
        words: Column → word → how many of its cells held a word that is now a missing value.
        decimal: As `decimal_sign_of` gives it.

    Raises:
        DataError: The table cannot be used.
    """
    target = asked.require_columns([str(column) for column in table.columns], name)
    task = asked.task
    reading = Reading("category")
    if target not in asked.categories and table[target].notna().any():
        reading = target_reading(
            target, table[target], task, missing=asked.missing, decimal=decimal
        )
    own_words = words.pop(target, {})
    table = _labelled(name, table, target, reading, notes, own_words, asked.missing)
    column = table[target]
    aside = {
        name: reason
        for name, reason in (
            (asked.weights, WEIGHS),
            (asked.time, "decides the split"),
            (asked.group, "decides the split"),
        )
        if name is not None
    }
    features = table.drop(columns=[target, *aside])
    readings = _readings(features, target, asked, decimal)
    notes += reading_notes({target: reading, **readings})
    notes += word_notes({n: w for n, w in words.items() if n in readings}, readings)
    if task is None:
        task = infer_task(target, column, reading)
        distinct = int(column.nunique())
        notes.append(f"took {task} from target {target!r} ({distinct} different values)")
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    classes: tuple[Label, ...] | None = None
    if task == "classification":
        try:
            classes, y = encode_classes(target, column)
        except DataError as error:
            if not own_words:
                raise
            raise DataError(
                f"{error} Its cells are empty{because(own_words)}: --missing '' keeps these."
            ) from error
        notes += unbalanced_notes(classes, y)
    else:
        y = target_numbers(target, column, reading)
    rows, groups = _split(table, target, asked, classes, y)
    if asked.time is not None:
        cells = table[asked.time]
        known, tested = (category_key(cells.iloc[place]) for place in (rows[0][-1], rows[2][0]))
        if known == tested:
            notes.append(
                f"training and test rows have one {asked.time!r} in common, {shown(known)}: it is "
                "too coarse to test on what comes later"
            )
    if asked.group is not None and groups is not None:
        notes += group_notes(asked.group, groups, rows)
        _, names = keys_of(table[asked.group])
        notes += spelling_notes(f"groups {asked.group!r}", names)
    if classes is not None:
        notes += class_notes(classes, np.asarray(y, np.int64), rows)
    if (asked.split, asked.group) == ("random", None):
        notes += ordered_notes(table, target, None if classes else np.asarray(y, np.float64))
    targets: npt.NDArray[Any] = y
    if classes is not None:
        learned = Target(target, task, classes, 0.0, 1.0)
    else:
        values = np.asarray(y, np.float64)
        learned = _standardisation(target, values[rows[0]])
        targets = _standardised_target(learned, values)
    preprocessing, inputs = learn(
        features.iloc[rows[0]],
        target=learned,
        y=y[rows[0]],
        readings=readings,
        missing=asked.missing,
        seed=asked.seed,
    )
    notes += dropped_notes(preprocessing)
    notes += doubtful_notes(features, preprocessing, np.asarray(y, np.float64))
    notes += encoded_notes(preprocessing, len(rows[0]))
    if aside:
        dropped = tuple(DroppedColumn(name, reason) for name, reason in aside.items())
        preprocessing = replace(preprocessing, columns=(*preprocessing.columns, *dropped))
    weight = (
        None if asked.weights is None else _weights(asked.weights, table[asked.weights], decimal)
    )
    if weight is not None:
        notes += weight_notes(asked.weights, weight)
    parts = tuple(
        Part(
            inputs if of is rows[0] else preprocessing.inputs_noting(features.iloc[of])[0],
            targets[of],
            None if groups is None else groups[of],
            None if weight is None else weight[of],
        )
        for of in rows
    )
    return Prepared(
        *(name, parts, preprocessing, asked.fingerprint(content, target, task)),
        notes=tuple(notes),
        in_time=asked.split == "time",
    )


def _split(
    table: pd.DataFrame,
    target: str,
    asked: Asked,
    classes: tuple[Label, ...] | None,
    y: npt.NDArray[np.int64] | npt.NDArray[np.float64],
) -> tuple[Parts, npt.NDArray[np.int64] | None]:
    """Returns the rows of each part, and each row's group where groups stay together."""
    groups = None
    if asked.split == "time":
        order = np.arange(len(table))
        if asked.time is not None:
            order = order_in_time(asked.time, table[asked.time])
        parts = split_by_time(order)
    elif asked.group is not None:
        groups = group_numbers(asked.group, table[asked.group])
        parts = split_by_group(groups, seed=asked.seed)
    elif classes is None:
        return split_rows(len(table), seed=asked.seed), None
    else:
        return split_rows(len(table), seed=asked.seed, classes=np.asarray(y, np.int64)), None
    if classes is not None:
        lacking = sorted(set(range(len(classes))) - set(y[parts[0]].tolist()))
        if lacking:
            raise DataError(
                f"Classification needs training rows of each class, but by this split class "
                f"{shown(classes[lacking[0]])} of target {target!r} has none. Use another "
                "split, merge it with another class, or remove it."
            )
    return parts, groups


def _weights(name: str, column: pd.Series, decimal: str) -> npt.NDArray[np.float32]:
    """Returns how much each row counts, float32 of shape (N,)."""
    style = reading_of(name, column, decimal=decimal).style
    values = numbers_of(name, column, style=style)
    wrong = ~(np.isfinite(values) & (values > 0) & (values < _LARGEST_WEIGHT))
    if wrong.any():
        first = shown(column.astype(object).iloc[int(np.flatnonzero(wrong)[0])])
        raise DataError(
            f"Weights need a number above zero for each row, but {int(wrong.sum())} of "
            f"{len(values)} cells of column {name!r} hold another ({first}). Correct them, or "
            "leave out these rows."
        )
    return np.asarray(values / values.mean(), np.float32)


def _labelled(
    name: str,
    table: pd.DataFrame,
    target: str,
    reading: Reading,
    notes: list[str],
    words: dict[str, int],
    missing: Sequence[str],
) -> pd.DataFrame:
    """Returns the rows that have a target, if they are enough."""
    column = table[target]
    labelled = column.notna()
    if reading.kind == "number" and is_text(column):
        gaps = {*reading.gaps, *missing, ""}
        labelled &= ~column.map(lambda cell: str(cell).strip() in gaps)
    left_out = int((~labelled).sum())
    reason = because(words)
    if left_out == len(table):
        raise DataError(
            f"Target {target!r} needs values, but all {len(table)} of its cells are empty"
            f"{reason}. Choose another target column{', or --missing' if words else ''}."
        )
    if left_out:
        keep = "; --missing '' keeps such words as classes" if words else ""
        notes.append(
            f"left out {left_out} of {len(table)} rows: their target is empty{reason}{keep}"
        )
        table = table[labelled.to_numpy(dtype=bool)]
    if len(table) < MIN_ROWS:
        raise DataError(
            f"Data needs at least {MIN_ROWS} rows with a target, to split them three ways, but "
            f"{name!r} has {len(table)}. Add rows."
        )
    return table


def _readings(
    features: pd.DataFrame, target: str, asked: Asked, decimal: str
) -> dict[str, Reading]:
    """Returns how each column is read, by all rows; refuses those that no row makes usable.

    How a column is written is decided by all rows, what is learned of its values by the training
    rows alone.
    """
    if features.shape[1] == 0:
        raise DataError(
            f"Data needs at least one column beside the target {target!r}, but there is "
            "none. Add a column."
        )
    readings = {}
    for name, column in features.items():
        if name in asked.categories or not column.notna().any():
            readings[str(name)] = Reading("category")
            continue
        found = readings[str(name)] = reading_of(
            str(name), column, missing=asked.missing, decimal=decimal
        )
        if found.kind == "number":
            values = numbers_of(
                str(name), column, style=found.style, gaps=found.gaps, missing=asked.missing
            )
            require_finite([str(name)], values[:, None])
        elif found.kind == "date":
            dates_as_days(
                str(name),
                column,
                date_format=found.date_format,
                gaps=found.gaps,
                missing=asked.missing,
            )
    return readings


def _standardisation(name: str, train: npt.NDArray[np.float64]) -> Target:
    largest = float(np.abs(train).max()) or 1.0  # the sum of huge numbers would overflow
    scale = float((train / largest).std() * largest)
    if scale == 0.0:
        raise DataError(
            f"Target {name!r} needs at least two different values in the training rows, but all "
            f"{len(train)} hold {train[0]:g}. Add rows, or use another seed."
        )
    return Target(name, "regression", None, float((train / largest).mean() * largest), scale)


def _standardised_target(learned: Target, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Returns the target in units of the training rows' deviation from their mean."""
    with np.errstate(over="ignore"):  # what overflows is refused in the next lines
        result: npt.NDArray[np.float32] = ((y - learned.mean) / learned.scale).astype(np.float32)
    if not np.isfinite(result).all():
        worst = y[np.flatnonzero(~np.isfinite(result))[0]]
        raise DataError(
            f"Target {learned.name!r} needs numbers near those of the training rows (mean "
            f"{learned.mean:.4g}, standard deviation {learned.scale:.4g}), but got {worst:.4g}, "
            "which overflows. Correct it, or leave out its row."
        )
    return result
