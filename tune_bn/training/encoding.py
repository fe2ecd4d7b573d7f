"""Columns of a table → inputs of a network, by what was learned of each; each row by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.training.columns import category_key, keys_of, require_finite
from tune_bn.training.errors import DataError
from tune_bn.training.learned import CategoryColumn, EncodedColumn, NumberColumn
from tune_bn.training.unlike import FarValues

__all__ = [
    "IS_GAP",
    "encoded",
    "far_notes",
    "numbers_in",
    "one_hot",
    "places_of",
    "standardised",
]


def numbers_in(
    columns: Sequence[NumberColumn], table: pd.DataFrame, missing: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Returns finite floats of shape (N, columns), NaN for gaps."""
    values = np.stack([column.values_of(table[column.name], missing) for column in columns], axis=1)
    require_finite([column.name for column in columns], values)
    return values


def standardised(
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


def far_notes(
    columns: Sequence[NumberColumn], values: npt.NDArray[np.float64]
) -> Iterator[FarValues]:
    """Yields a note for each column that holds values far outside of the training rows'."""
    for place, column in enumerate(columns):
        found = values[column.is_far(values[:, place]), place]
        if len(found) and column.least is not None and column.greatest is not None:
            yield FarValues(
                *(column.name, len(found), len(values)),
                *(column.written(column.least), column.written(column.greatest)),
                tuple(dict.fromkeys(column.written(value) for value in found[:3].tolist())),
            )


_UNKNOWN, IS_GAP = -2, -1
_FLOAT = re.compile(r"[+-]?(?:0|[1-9]\d*)\.\d+", re.ASCII)


def places_of(
    categories: Sequence[str], values: pd.Series, missing: Sequence[str]
) -> tuple[npt.NDArray[np.int64], dict[str, int]]:
    """Returns each row's place among the categories, and how often each unknown value occurs."""
    codes, keys = keys_of(values)
    places = {category: place for place, category in enumerate(categories)}
    lookup = np.array([*(_place(key, places, missing) for key in keys), IS_GAP], dtype=np.int64)
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
        return IS_GAP
    if text.casefold() in ("true", "false"):
        text = text.capitalize()
    elif _FLOAT.fullmatch(text):  # "1.0" in a file is the number 1 in another
        text = category_key(float(text))
    return places.get(text, _UNKNOWN)


def one_hot(column: CategoryColumn, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, categories), and one more where gaps are told."""
    fill = dict(zip(column.categories, range(len(column.categories)), strict=True)).get(column.fill)
    chosen = np.where(places == IS_GAP, _UNKNOWN if fill is None else fill, places)
    result = np.zeros((len(places), len(column.categories)), dtype=np.float32)
    rows = np.flatnonzero(chosen >= 0)
    result[rows, chosen[rows]] = 1.0
    if column.indicator:
        result = np.column_stack([result, (places == IS_GAP).astype(np.float32)])
    return result


def encoded(column: EncodedColumn, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Returns float32 of shape (N, codes)."""
    table = np.array([*column.codes, column.other, column.gap], dtype=np.float32)
    return np.asarray(table[places], dtype=np.float32)  # -2 is the last but one, -1 the last
