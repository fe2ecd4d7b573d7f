"""What of some rows is unlike the training rows, counted: of these a model can say little.

A line of each kind is printed by ``tune-bn predict`` and warned of from Python. Those of several
parts of a table are added up by `add_notes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tune_bn.plain.text import shown

__all__ = ["EmptyRows", "FarValues", "OtherValues", "RowNote", "UnknownValues", "add_notes"]

_MOST_VALUES = 1000  # different ones that are kept of a column, however long the table
_EXAMPLES = 3


@dataclass(frozen=True)
class UnknownValues:
    """Values of one column that are none of the model's categories; as text, a line that says so.

    Args:
        column: Its name.
        values: How often such values occur; of very many the first.
        rows: How many rows there were.
        categories: How many categories the model knows.
        others: How many more cells hold values that are not among `values`.
    """

    column: str
    values: Mapping[str, int]
    rows: int
    categories: int
    others: int = 0

    consequence = "they count as no category"

    def __add__(self, other: UnknownValues) -> UnknownValues:
        """Returns those of both, of one column in different rows."""
        values = dict(self.values)
        others = self.others + other.others
        for value, count in other.values.items():
            if value in values or len(values) < _MOST_VALUES:
                values[value] = values.get(value, 0) + count
            else:
                others += count
        return replace(self, values=values, rows=self.rows + other.rows, others=others)

    @property
    def examples(self) -> str:
        """The first of the values, and how many more there are."""
        examples = [shown(value) for value in list(self.values)[:_EXAMPLES]]
        more = len(self.values) - len(examples)
        at_least = "at least " if self.others else ""
        return ", ".join(examples) + (f" and {at_least}{more} more" if more else "")

    def __str__(self) -> str:
        count = sum(self.values.values()) + self.others
        return (
            f"{self.column}: {_counted(count, self.rows)} not among the model's {self.categories} "
            f"categories ({self.examples})"
        )


@dataclass(frozen=True)
class OtherValues(UnknownValues):
    """Values of a column that was left out since its training rows had one value only.

    Args:
        only: That value.
    """

    only: str = ""

    consequence = "the column was left out, so that the model knows nothing of them"

    def __str__(self) -> str:
        count = sum(self.values.values()) + self.others
        return (
            f"{self.column}: {_counted(count, self.rows)} not {shown(self.only)}, the only one of "
            f"the training rows ({self.examples})"
        )


@dataclass(frozen=True)
class FarValues:
    """Numbers or dates of one column that lie far outside of the training rows' range.

    That is further beyond its end than it is wide, as prices in cents lie where the model has
    learned of euros.

    Args:
        column: Its name.
        count: How many cells hold such a value.
        rows: How many rows there were.
        least: The least value of the training rows, as text.
        greatest: The greatest one.
        examples: The first of the cells, as text.
    """

    column: str
    count: int
    rows: int
    least: str
    greatest: str
    examples: tuple[str, ...]

    consequence = "check their unit; the model has seen nothing like them"

    def __add__(self, other: FarValues) -> FarValues:
        """Returns those of both, of one column in different rows."""
        examples = tuple(dict.fromkeys((*self.examples, *other.examples)))[:_EXAMPLES]
        count, rows = self.count + other.count, self.rows + other.rows
        return replace(self, count=count, rows=rows, examples=examples)

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.examples) else ""
        lie = _counted(self.count, self.rows, "lies", "lie")
        return (
            f"{self.column}: {lie} far outside of the {self.least} … {self.greatest} of the "
            f"training rows ({', '.join(self.examples)}{more})"
        )


@dataclass(frozen=True)
class EmptyRows:
    """Rows that hold a gap in every column that is an input.

    Args:
        count: How many do.
        rows: How many rows there were.
    """

    count: int
    rows: int

    column = ""
    consequence = "their answer is that of the medians and the most frequent categories"

    def __add__(self, other: EmptyRows) -> EmptyRows:
        """Returns those of both, in different rows."""
        return EmptyRows(self.count + other.count, self.rows + other.rows)

    def __str__(self) -> str:
        hold = "holds" if self.count == 1 else "hold"
        return f"{self.count} of {self.rows} rows {hold} no value that the model knows of"


RowNote = UnknownValues | FarValues | EmptyRows


def add_notes(
    notes: Iterable[RowNote], more: Iterable[RowNote], *, rows: int
) -> tuple[RowNote, ...]:
    """Returns the notes of two parts of a table, one for each kind and column.

    Args:
        notes: Of the first part.
        more: Of the other.
        rows: How many rows both have, also those of which there is no note.
    """
    found: dict[tuple[type, str], RowNote] = {}
    for note in (*notes, *more):
        key = type(note), note.column
        earlier = found.get(key)
        found[key] = note if earlier is None else earlier + note  # type: ignore[operator]
    return tuple(replace(note, rows=rows) for note in found.values())


def _counted(count: int, rows: int, one: str = "is", several: str = "are") -> str:
    return f"{count} of {rows} values {one if count == 1 else several}"
