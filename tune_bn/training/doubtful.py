"""What of a table can be used but is seldom meant: a person is to look at it again."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from tune_bn.plain.text import shown
from tune_bn.training.columns import is_text, keys_of
from tune_bn.training.learned import CategoryColumn, DroppedColumn, EncodedColumn, NumberColumn
from tune_bn.training.preprocessing import Preprocessing
from tune_bn.training.target import Target
from tune_bn.training.written import is_gap_sign, parse_number

__all__ = ["doubtful_notes", "spelling_notes", "version_notes"]

_STAND_INS = frozenset(
    [-1, *(sign * int("9" * digits) for sign in (-1, 1) for digits in (2, 3, 4, 5))]
)
_SUMS = frozenset(
    [
        *("total", "totals", "grand total", "subtotal", "sum", "average", "mean"),
        *("summe", "gesamt", "gesamtsumme", "somme", "totale", "totaal", "suma", "итого"),
    ]
)
_STATISTICS = frozenset(["average", "mean"])  # of which a row in the middle is seldom one
_MOST_SUMS = 0.1  # of the rows
_FEWEST_ALONE = 5  # rows with a filled cell below another that chance leads one to expect
_BOTH = (  # yes and no
    frozenset(["1.0", "yes", "y", "true", "t", "ja", "j", "oui", "o", "si", "sí", "s", "sim", "x"]),
    frozenset(["0.0", "no", "n", "false", "f", "nein", "non", "nee", "falso", "não"]),
)
_LEAST_TIMES = 3
_CODE = re.compile(r"\d+[eE]\d+", re.ASCII)
_VERSION = re.compile(r"\d{1,3}\.(?:0|[1-9]\d?)", re.ASCII)
_LOOKED_AT = 200  # cells of which one tells most columns to be no versions
_FEW_ROWS = 20  # that many may be in such an order by themselves
_VERY_FAR = 100.0  # times the range of all else
_SERIAL = 20_000, 80_000  # days from 1899-12-30 on, as spreadsheets count them: 1954 to 2119
_DAYS = frozenset(["date", "dates", "datetime", "datum", "day", "fecha", "timestamp"])
_UNIX = 946_684_800, 2_145_916_800  # seconds from 1970 on: 2000 to 2038
_CODES = frozenset(
    ["zip", "zipcode", "zips", "postal", "postcode", "postalcode", "plz", "fips", "zcta", "cep"]
)
_TIME = re.compile(r"\d:\d\d")
_ZONE = re.compile(r":\d\d.*(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)$")
_EXACT = 2.0**53  # from which floats are no longer every whole number
_SAME = 1e-9  # by which the square of a correlation may differ from 1
_ROWS_A_VALUE = 10


def doubtful_notes(
    table: pd.DataFrame, preprocessing: Preprocessing, y: npt.NDArray[np.float64]
) -> list[str]:
    """Returns a line each for spellings of one word, numbers for "missing", identifiers and leaks.

    Args:
        table: All rows, without the target.
        preprocessing: What was learned of them.
        y: Their targets, classes by number, shape (N,).
    """
    target = preprocessing.target
    notes = spelling_notes(f"target {target.name!r}", target.classes or ())
    notes += _sum_notes(table) + _merged_notes(table)
    if target.classes is None:
        distinct, counts = np.unique(y, return_counts=True)
        notes += _stand_in_notes(f"target {target.name!r}", distinct, counts)
    notes += [
        f"{shown(label)} is a class of target {target.name!r}: leave out its rows if it stands for "
        "a missing value"
        for label in target.classes or ()
        if isinstance(label, str) and (not label.strip() or is_gap_sign(label))
    ]
    for column in preprocessing.columns:
        if isinstance(column, DroppedColumn):
            continue
        cells = table[column.name]
        values = None
        if isinstance(column, CategoryColumn | EncodedColumn):
            notes += spelling_notes(f"column {column.name!r}", column.categories)
        else:
            values = column.values_of(cells, preprocessing.missing)
            notes += _number_notes(column, values)
            if column.date and is_text(cells):
                notes += _zone_notes(column.name, cells)
        if _tells(cells, values, y, target):
            notes.append(
                f"column {column.name!r} alone tells the target of every row: remove it if it is "
                "not known before the target is"
            )
    return notes


def _sum_notes(table: pd.DataFrame) -> list[str]:
    """Returns a line if a spreadsheet's sum stands below the rows, or sums between them."""
    for name, column in table.items():
        if not is_text(column):
            continue
        cells = column.astype(object)
        found = [c for c in cells.unique() if isinstance(c, str) and _plain(c) in _SUMS]
        last = cells.iloc[-1]
        if last in found and int((cells == last).sum()) == 1:
            where, sums = "the last row", "it out if it is a sum"
        else:
            found = [cell for cell in found if _plain(cell) not in _STATISTICS]
            rows = int(cells.isin(found).sum())
            if not 0 < rows <= _MOST_SUMS * len(cells):
                continue
            where, sums, last = f"{rows} rows", "these out if they are sums", found[0]
        return [f"column {name!r} says {shown(last)} in {where}: leave {sums} of others"]
    return []


def _plain(cell: str) -> str:
    return cell.strip(" :").casefold()


def _merged_notes(table: pd.DataFrame) -> list[str]:
    """Returns a line for columns that a spreadsheet filled in the first row of each group alone."""
    names = []
    for name, column in table.items():
        is_filled = column.notna().to_numpy(dtype=bool)
        n_filled = int(is_filled.sum())
        if not is_filled[0] or (is_filled[1:] & is_filled[:-1]).any():
            continue
        if n_filled**2 >= _FEWEST_ALONE * len(column):  # or else chance may part them
            names.append(name)
    if not names:
        return []
    more = f" (and {len(names) - 1} more columns)" if len(names) > 1 else ""
    return [
        f"column {names[0]!r}{more} is empty below each cell that is filled: if that stands for "
        "the rows below it, too, fill it in there"
    ]


def version_notes(name: str, texts: pd.Series) -> list[str]:
    """Returns a line if numbers may be versions (1.10 is not 1.1) or codes (1E5 is 100000).

    Args:
        name: Of the column.
        texts: Its cells, as they are written.

    Example:
        >>> version_notes("v", pd.Series(["1.1", "1.9", "1.10", "1.1"]))[0][:55]
        "column 'v' holds '1.1' and '1.10', which are one number"
    """
    cells = _all_like(_CODE, texts)
    if len(cells) > 1:
        return [
            f"read column {name!r} as numbers, {shown(min(cells))} as {float(min(cells)):g}: if "
            f"these are codes, use --category {name}"
        ]
    cells = _all_like(_VERSION, texts)
    twice = sorted(cell for cell in cells if cell[-2:] != ".0" and cell[-1] == "0")
    twice = [cell for cell in twice if cell[:-1] in cells]
    if not twice:
        return []
    return [
        f"column {name!r} holds {shown(twice[0][:-1])} and {shown(twice[0])}, which are one number "
        f"here: if they are versions, use --category {name}"
    ]


def _tells(
    cells: pd.Series,
    values: npt.NDArray[np.float64] | None,
    y: npt.NDArray[np.float64],
    target: Target,
) -> bool:
    """Whether a column is the target in other words, or on another scale."""
    if len(y) <= _FEW_ROWS:
        return False
    if target.classes is None:
        if values is None or np.isnan(values).any():
            return False
        x, z = (v / (np.abs(v).max() or 1.0) for v in (values, y))  # squares would overflow
        in_order = np.diff(z[np.argsort(x, kind="stable")])
        if len(np.unique(x)) == len(x) and ((in_order > 0).all() or (in_order < 0).all()):
            return True
        x, z = x - x.mean(), z - z.mean()
        spread = float((x @ x) * (z @ z))
        return spread > 0 and float(x @ z) ** 2 > (1.0 - _SAME) * spread
    if values is not None and not np.isnan(values).any():
        # Each class has a range of its own.
        order = np.lexsort((y, values))
        changes = np.flatnonzero(np.diff(y[order]))
        apart = values[order][changes] < values[order][changes + 1]
        if len(changes) == target.n_outputs - 1 and apart.all():
            return True
    codes, keys = keys_of(cells)
    if (codes < 0).any() or len(keys) * _ROWS_A_VALUE > len(y):
        return False
    return len(np.unique(codes * target.n_outputs + y.astype(np.int64))) == len(keys)


def _all_like(pattern: re.Pattern[str], texts: pd.Series) -> set[str]:
    """Returns the different texts if all that are not empty have a form; else none."""
    cells: set[str] = set()
    for some in (texts.iloc[:_LOOKED_AT], texts):  # the first tell of most columns
        cells = {cell for cell in some.unique() if isinstance(cell, str) and cell}
        if not all(pattern.fullmatch(cell) for cell in cells):
            return set()
    return cells


def spelling_notes(what: str, labels: Iterable[object]) -> list[str]:
    """Returns a line if some labels are one word, or one number, written in several ways.

    Example:
        >>> spelling_notes("column 'town'", ["Rome", "rome ", "Oslo"])
        ["in column 'town' 'Rome' and 'rome ' are different: write alike what is the same"]
    """
    alike: dict[str, list[str]] = {}
    for label in labels:
        if isinstance(label, str):
            number = parse_number(label)
            word = " ".join(label.split()).casefold() if math.isnan(number) else str(number)
            alike.setdefault(word, []).append(label)
    if len(alike) > 2 and frozenset().union(*_BOTH).issuperset(alike):
        sides = [[each for word in alike if word in side for each in alike[word]] for side in _BOTH]
        alike = dict(zip(("yes", "no"), sides, strict=True))
    twins = [each for each in alike.values() if len(each) > 1]
    if not twins:
        return []
    words = " and ".join(shown(word) for word in twins[0][:3])
    more = f", and so are {len(twins) - 1} more" if len(twins) > 1 else ""
    return [f"in {what} {words} are different{more}: write alike what is the same"]


def _number_notes(column: NumberColumn, values: npt.NDArray[np.float64]) -> list[str]:
    rows, values = len(values), values[~np.isnan(values)]
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) < 3:
        return []
    name = f"column {column.name!r}"
    first, last = float(distinct[0]), float(distinct[-1])
    if not column.date and (distinct == np.rint(distinct)).all():
        for is_so, what in (
            (last - first == len(distinct) - 1, "counts the rows"),
            (max(-first, last) >= _EXACT, "has numbers above 2**53, another in each row,"),
        ):
            if is_so and len(distinct) == rows > _FEW_ROWS:
                return [f"{name} {what} and is used as a number: remove it if it is an identifier"]
        if len(distinct) > _FEW_ROWS and (what := _instead_of_numbers(column.name, distinct)):
            return [f"{name} holds numbers like {first:.0f}: {what}"]
    return _stand_in_notes(name, distinct, counts, column)


def _instead_of_numbers(name: str, distinct: npt.NDArray[np.float64]) -> str:
    """Returns what whole numbers may be that are used as numbers, and what to do then, or ""."""
    first, last = float(distinct[0]), float(distinct[-1])
    words = set(re.findall("[a-z]+", name.lower()))
    if first >= 19000101 and last <= 21001231:
        texts = pd.Series(distinct.astype(np.int64).astype(str))
        if pd.to_datetime(texts, format="%Y%m%d", errors="coerce").notna().all():
            return "if they are dates, write them as 2024-05-31"
    if _SERIAL[0] <= first and last <= _SERIAL[1] and words & _DAYS:
        return "if they are a spreadsheet's dates, save them as 2024-05-31"
    if any(_UNIX[0] * unit <= first and last <= _UNIX[1] * unit for unit in (1, 1e3, 1e6)):
        return "if they count time from 1970 on, write them as dates: 2024-05-31T13:30"
    if words & _CODES:
        return f"if near ones are not alike, take them as categories (--category {name!r})"
    return ""


def _zone_notes(name: str, texts: pd.Series) -> list[str]:
    """Returns a line if some times of a column have a time zone and some have none."""
    times = texts.dropna().astype(str).str.strip()
    times = times[times.str.contains(_TIME)]
    without = ~times.str.contains(_ZONE)
    if not without.any() or without.all():
        return []
    return [
        f"column {name!r} has a time zone in {len(times) - without.sum():,} of {len(times):,} "
        f"times; the others, like {shown(times[without].iloc[0])}, are read as UTC"
    ]


def _stand_in_notes(
    what: str,
    distinct: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
    column: NumberColumn | None = None,
) -> list[str]:
    """Returns a line if the first or the last of some values lies far from all others."""
    if len(distinct) < 3:
        return []
    is_date = column is not None and column.date
    for place, others in ((0, distinct[1:]), (-1, distinct[:-1])):
        value, span = float(distinct[place]), float(others[-1] - others[0])
        gap = abs(value - float(others[0 if place == 0 else -1]))
        is_very_far = gap > _VERY_FAR * span
        is_odd = counts[place] >= _LEAST_TIMES and (value in _STAND_INS or is_date)
        if gap > span and (is_odd or is_very_far):
            said = f"{value:g}" if column is None else column.written(value)
            rows = "1 row" if counts[place] == 1 else f"{counts[place]} rows"
            return [
                f"{what} holds {said} in {rows}, far from all else: if it stands for a missing "
                "value, leave these cells empty"
            ]
    return []
