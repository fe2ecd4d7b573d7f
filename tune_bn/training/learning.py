"""Learns from a table's training rows how its rows become a network's input.

Nothing here is needed to use a model: what is learned is the plain data of `Preprocessing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.columns import category_key, keys_of, require_finite
from tune_bn.training.errors import DataError
from tune_bn.training.learned import (
    CategoryColumn,
    Column,
    DroppedColumn,
    EncodedColumn,
    NumberColumn,
    encoded_names,
    n_codes,
)
from tune_bn.training.preprocessing import Preprocessing
from tune_bn.training.readings import Reading, reading_of
from tune_bn.training.target import Target
from tune_bn.training.written import MISSING_WORDS

__all__ = ["FEWEST_KEPT", "MOST_KEPT", "learn", "most_categories"]

FEWEST_KEPT = 32
"""Categories of one column that get an input of their own in any table."""
MOST_KEPT = 256
"""Most categories that do in a large table: one for each ten training rows, up to this."""
_ROWS_A_CATEGORY = 10
_LEAST_ALIKE = 0.05  # share of rows that share their category; fewer are an identifier
_FOLDS = 5
_GAP = "\0"  # a key that stands for a missing value; no category that a person writes
_LEAST_GAPS = 0.01  # share of gaps from which a column says which rows have one


def learn(
    train: pd.DataFrame,
    *,
    target: Target,
    y: npt.NDArray[Any] | None = None,
    readings: Mapping[str, Reading] | None = None,
    missing: tuple[str, ...] = MISSING_WORDS,
    seed: int = 0,
) -> tuple[Preprocessing, npt.NDArray[np.float32]]:
    """Learns from the training rows what `Preprocessing` holds; the table has no target column.

    A column with one value is dropped, and so is a column of categories in which hardly two rows
    are alike (an identifier). A column with more categories than one for each ten rows (32 at
    least, 256 at most, get an input of their own) is encoded by the target; without one it keeps
    its most frequent categories, of those that at least two rows share.

    Args:
        train: The training rows.
        target: What the network predicts.
        y: Their targets, shape (N,): classes by number, or numbers; None: not known.
        readings: How each column is read; None: as these rows suggest.
        missing: Words that stand for a missing value in text.
        seed: Decides how rows are divided where an encoding is fitted.

    Returns:
        The preprocessing, and the inputs of the training rows, (N, D). These differ from what
        `transform` gives of the same rows in the columns that are encoded by the target: there,
        each row's code comes from other rows, as it will for rows yet to come (cross-fitting;
        Micci-Barreca 2001, and scikit-learn's user guide, "Target Encoder").

    Raises:
        DataError: A column holds values of no known kind, or no column is left.
    """
    learned: list[Column] = []
    fitted: dict[str, npt.NDArray[np.float32]] = {}
    for name in map(str, train.columns):
        reading = readings[name] if readings else reading_of(name, train[name], missing=missing)
        column = _learn_column(name, train[name], reading, missing)
        if isinstance(column, list):
            column, codes = _learn_many(name, train[name], column, target, y, seed)
            if codes is not None:
                fitted[name] = codes
        learned.append(column)
    preprocessing = Preprocessing(tuple(learned), target, missing)
    if preprocessing.n_features == 0:
        left_out = next((c for c in learned if isinstance(c, DroppedColumn)), None)
        why = "" if left_out is None else f" ({left_out.name!r} has {left_out.reason})"
        raise DataError(
            f"Data needs at least one column that varies, beside the target {target.name!r}, but "
            f"got {len(learned)}{why}. Add a column."
        )
    inputs, _ = preprocessing.inputs_noting(train)
    if fitted:
        names = preprocessing.feature_names
        for column in learned:
            if column.name in fitted:
                first = names.index(encoded_names(column, target)[0])  # type: ignore[arg-type]
                codes = fitted[column.name]
                inputs[:, first : first + codes.shape[1]] = codes
    return preprocessing, inputs


def _learn_column(
    name: str, column: pd.Series, reading: Reading, missing: Sequence[str]
) -> Column | list[str]:
    """Returns what was learned of a column; for too many categories these, by frequency."""
    if column.notna().sum() == 0:
        return DroppedColumn(name, "no value in the training rows")
    if reading.kind == "category":
        return _learn_categories(name, column)
    found = NumberColumn(
        *(name, 0.0, 0.0, 1.0, reading.kind == "date"),
        *(reading.style, reading.date_format, reading.gaps),
    )
    values = found.values_of(column, missing)
    require_finite([name], values[:, None])
    is_gap = np.isnan(values)
    if is_gap.all():
        return DroppedColumn(name, "no value in the training rows")
    fill = _median(values)
    values = np.where(is_gap, fill, values)
    indicator = _tells_gaps(is_gap)
    found = replace(found, least=float(values.min()), greatest=float(values.max()))
    if found.least == found.greatest:
        if not indicator:
            is_plain = reading.kind == "number" and reading.style is None and not reading.gaps
            only = category_key(float(values[0])) if is_plain else None
            return DroppedColumn(name, f"only one value in the training rows, {values[0]:g}", only)
        return replace(found, fill=fill, mean=fill, indicator=True)
    largest = np.abs(values).max()
    mean = float((values / largest).mean() * largest)  # the sum of huge numbers would overflow
    scale = float((values / largest - mean / largest).std() * largest)
    if scale == 0.0:
        return DroppedColumn(name, "varies by less than rounding in the training rows")
    return replace(found, fill=fill, mean=mean, scale=scale, indicator=indicator)


def _tells_gaps(is_gap: npt.NDArray[np.bool_]) -> bool:
    """Whether there are so many gaps that a network may learn from where they are."""
    return int(is_gap.sum()) >= max(2.0, _LEAST_GAPS * len(is_gap))


def _median(values: npt.NDArray[np.float64]) -> float:
    """Returns the median of what is not NaN, also where the sum of the middle two overflows."""
    with np.errstate(over="ignore"):
        median = float(np.nanmedian(values))
    return median if np.isfinite(median) else float(2.0 * np.nanmedian(values / 2.0))


def _learn_categories(name: str, column: pd.Series) -> Column | list[str]:
    codes, keys = keys_of(column)
    counts = dict(zip(keys, np.bincount(codes[codes >= 0]).tolist(), strict=True))
    indicator = _tells_gaps(codes < 0)
    if len(counts) == 1 and not indicator:
        only = next(iter(counts))
        return DroppedColumn(name, f"only one value in the training rows, {only!r}", only)
    alike = sum(count for count in counts.values() if count > 1)
    if alike < _LEAST_ALIKE * len(column):
        about = "no two training rows alike" if not alike else "hardly two training rows alike"
        return DroppedColumn(name, f"{about}, as in an identifier")
    ranked = sorted(counts, key=lambda key: (-counts[key], key))
    if len(ranked) > most_categories(len(column)):
        return ranked
    return CategoryColumn(name, ranked[0], tuple(sorted(ranked)), indicator)


def most_categories(rows: int) -> int:
    """Returns how many categories of one column get an input of their own, by training rows."""
    return min(max(FEWEST_KEPT, rows // _ROWS_A_CATEGORY), MOST_KEPT)


def _learn_many(
    name: str,
    column: pd.Series,
    ranked: list[str],
    target: Target,
    y: npt.NDArray[Any] | None,
    seed: int,
) -> tuple[Column, npt.NDArray[np.float32] | None]:
    """Returns a column of many categories, and its training rows' inputs, cross-fitted."""
    codes, keys = keys_of(column)
    if y is None:
        counts = np.bincount(codes[codes >= 0], minlength=len(keys))
        count_of = dict(zip(keys, counts.tolist(), strict=True))
        kept = [key for key in ranked if count_of[key] >= 2][: most_categories(len(column))]
        return CategoryColumn(name, ranked[0], tuple(sorted(kept))), None
    categories = np.array(sorted(keys), dtype=object)
    cells = np.array([*keys, _GAP], dtype=object)[codes][:, None]
    outputs = _outputs(y, target)
    asked = np.array([*categories, _GAP], dtype=object)[:, None]
    means = _target_means(cells, outputs, asked)
    overall = outputs.mean(axis=0)
    held_out = np.empty_like(outputs)
    fold_of = np.random.default_rng(seed).permutation(len(outputs)) % _FOLDS
    for fold in range(_FOLDS):
        own = fold_of == fold
        held_out[own] = _target_means(cells[~own], outputs[~own], cells[own])
    center, scale = held_out.mean(axis=0), held_out.std(axis=0)
    if not (scale > 0).any():
        return DroppedColumn(name, "its categories say nothing of the target"), None
    scale = np.where(scale > 0, scale, 1.0)
    table = (means - center) / scale
    learned = EncodedColumn(
        name,
        tuple(map(str, categories)),
        tuple(tuple(map(float, row)) for row in table[:-1]),
        tuple(map(float, (overall - center) / scale)),
        tuple(map(float, table[-1])),
    )
    return learned, ((held_out - center) / scale).astype(np.float32)


def _outputs(y: npt.NDArray[Any], target: Target) -> npt.NDArray[np.float64]:
    """Returns what is averaged: the target, or for each class whether a row is of it."""
    if target.classes is None:
        return ((np.asarray(y, np.float64) - target.mean) / target.scale)[:, None]
    if n_codes(target) == 1:
        return np.asarray(y, np.float64)[:, None]
    is_class: npt.NDArray[np.bool_] = np.asarray(y)[:, None] == np.arange(target.n_outputs)
    return is_class.astype(np.float64)


def _target_means(
    cells: npt.NDArray[Any], outputs: npt.NDArray[np.float64], asked: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Returns for each category asked for its mean outputs, shrunk; fitted without folds."""
    from sklearn.preprocessing import TargetEncoder

    means = np.empty((len(asked), outputs.shape[1]))
    for place in range(outputs.shape[1]):
        encoder = TargetEncoder(target_type="continuous").fit(cells, outputs[:, place])
        means[:, place] = encoder.transform(asked)[:, 0]
    found: npt.NDArray[np.float64] = np.where(np.isfinite(means), means, outputs.mean(axis=0))
    return found
