"""What a person asked of a table: its target, split and weights; checked before a row is read."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass

from tune_bn.plain.checks import check_choice
from tune_bn.training.errors import DataError
from tune_bn.training.target import TASKS, Task
from tune_bn.training.written import MISSING_WORDS

__all__ = ["Asked", "some_of"]


def require_target(names: list[str], target: str | None, name: str) -> str:
    if target is None:
        raise DataError(
            f"Data from {name!r} needs a target column, but none was named. "
            f"Give one of its columns as target: {some_of(names)}."
        )
    if target not in names:
        near = difflib.get_close_matches(target, names, n=3, cutoff=0.5)
        lowered = {column.lower(): column for column in reversed(names)}
        folded = difflib.get_close_matches(target.lower(), list(lowered), n=3, cutoff=0.5)
        near = list(dict.fromkeys([*near, *(lowered[match] for match in folded)]))[:3]
        hint = f"Did you mean {some_of(near)}?" if near else f"Its columns are {some_of(names)}."
        if len(names) == 1 and not near:
            hint += " Begin it with the names of its columns, and put commas between them."
        raise DataError(
            f"Data needs the target column {target!r}, but {name!r} has no such column "
            f"among its {len(names)}. {hint}"
        )
    return target


def some_of(names: list[str]) -> str:
    """Returns the first names, in quotes, and how many more there are."""
    """Returns the first names, in quotes, and how many more there are."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more


@dataclass(frozen=True)
class Asked:
    """What `load_dataset` was asked for; its arguments are told there.

    Raises:
        DataError: What was asked for does not go together, whatever the table.
    """

    target: str | None = None
    task: Task | None = None
    seed: int = 0
    missing: tuple[str, ...] = MISSING_WORDS
    categories: tuple[str, ...] = ()
    split: str = "random"
    time: str | None = None
    group: str | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        words = tuple(word for word in self.missing if word.strip())
        object.__setattr__(self, "missing", words)
        if self.task is not None:
            check_choice(DataError, "Data", "task", self.task, TASKS)
        check_choice(DataError, "Data", "split", self.split, ("random", "time"))
        if self.split != "time" and self.time is not None:
            raise DataError(
                f"Data needs split='time' for the time column {self.time!r}, but got "
                f"split={self.split!r}. Add --split time, or leave out --time."
            )
        if self.split == "time" and self.group is not None:
            raise DataError(
                "Data needs one split, but got one in time and one by group. Leave out one."
            )

    def require_columns(self, names: list[str], name: str) -> str:
        """Returns the target; refuses columns that are not there.

        Args:
            names: Of the columns that are.
            name: Of the table.
        """
        target = require_target(names, self.target, name)
        for what, column in (
            ("A split needs", self.time),
            ("A split needs", self.group),
            ("Weights need", self.weights),
        ):
            if column is not None and (column == target or column not in names):
                raise DataError(
                    f"{what} a column beside the target, but {name!r} has no {column!r} "
                    f"among {some_of(names)}. Correct its spelling."
                )
        unknown = [column for column in self.categories if column not in names]
        if unknown:
            raise DataError(
                f"Data needs the columns that are to be categories, but {name!r} has no "
                f"{unknown[0]!r}. Correct its spelling, or leave it out."
            )
        return target

    def fingerprint(self, content: str, target: str, task: Task) -> str:
        """Returns what is equal for equal data, by the content of a file."""
        parts = [content, target, task]
        if self.missing != MISSING_WORDS:
            parts.append("missing: " + "\0".join(self.missing))
        if self.categories:
            parts.append("categories: " + "\0".join(sorted(self.categories)))
        if (self.split, self.group) != ("random", None):
            parts.append(f"split: {self.split} {self.time!r} {self.group!r}")
        if self.weights is not None:
            parts.append(f"weights: {self.weights}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
