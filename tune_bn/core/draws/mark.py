"""What a trial records of its own draw: one line of text, of which everything follows.

A line says stage and kind of region in words, then the trials that the region was made of, best
first, the width of the stage, and what the dice need to be thrown again: ``fine 6, box of the best;
after 36; trial 37; width 0.0412; trials 8, 12, 19; …``. So whoever has the line and those trials
can say in which window each value was drawn, also of parameters that the trial had not asked for
when the line was written. It is tied to them by content: it holds the number of its own trial, and
a digest of the values of the trials that it names. In a study that was rebuilt from parts of others
it is recognised as foreign.

What this file leaves out: making the marks of a search (`tune_bn.core.draws.marker`), and reading
the windows off a mark (`tune_bn.core.draws.origin`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from tune_bn.core.draws.digest import NOTHING
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.draws.regions import KINDS

__all__ = ["MARK_KEY", "USUAL", "Mark", "numbers_text", "stage_index", "stage_name"]

MARK_KEY = "tune_bn:stage"
"""Under which an Optuna trial carries its mark, as a user attribute."""

_LONGEST = 2000  # bytes
_LARGEST_NUMBER = 2**62
_NONE: Mapping[str, int] = {}
_CHECK = re.compile("check [0-9a-f]{8}")
_FIRST = re.compile(r"(coarse|fine [1-9][0-9]*), ([a-z ]+)")

USUAL: dict[str, Any] = {
    "coarse_trials": 8,
    "elites": 5,
    "elite_power": 1.5,
    "spread": 0.4,
    "min_choice_width": 0.3,
    "min_width": 0.001,
    "candidates": 4,
}
"""What a draw needs to know of its schedule, at the defaults of the first version that wrote marks.

A mark names what differs from these. They never change, whatever the defaults become.
"""


def stage_name(index: int) -> str:
    """Returns what to call a stage.

    Example:
        >>> stage_name(-1), stage_name(0), stage_name(3)
        ('given', 'coarse', 'fine 3')
    """
    if index < 0:
        return "given"
    return "coarse" if index == 0 else f"fine {index}"


def stage_index(name: str) -> int:
    """Returns the index of a stage that `stage_name` named."""
    return 0 if name == "coarse" else -1 if name == "given" else int(name.removeprefix("fine "))


class Mark(NamedTuple):
    """What a trial records of its own draw.

    Args:
        stage: Index of the stage it was drawn in; 0 is the coarse one.
        width: Width of the stage's windows, as a share of each scale.
        trials: Numbers of the trials that its region was made of, best first.
        kind: Kind of its region; ``""`` in marks of versions that did not say.
        number: Number of the trial that the mark belongs to; −1 if it does not say.
        dice: The number that the dice were thrown for, where that is another one.
        seed: Seed of the search.
        after: How many ranked trials there were.
        attempt: Which throw of the dice it is, counted from 0.
        chance: Probability that a parameter left the value of a good trial.
        n_best: How many of the best trials span its box; 0 of a region without one.
        settings: What its schedule had, of all that a draw depends on.
        without: Names that were fixed before the draw, though good trials have them.
        given: Names of the parameters whose values were given, as far as the search knew.
        names: Names of the parameters drawn together, where they are not those of the trial.
        ranges: For each name whose range has changed in the search, a trial with the range used.
        check: Digest of the values of ``trials``.
        is_whole: False if it had to leave out so much that windows cannot be told.
    """

    stage: int
    width: float
    trials: tuple[int, ...] = ()
    kind: str = ""
    number: int = -1
    dice: int | None = None
    seed: int = 0
    after: int = 0
    attempt: int = 0
    chance: float = 0.0
    n_best: int = 0
    settings: Mapping[str, Any] = _NONE
    without: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    ranges: Mapping[str, int] = _NONE
    check: str = NOTHING
    is_whole: bool = True

    @property
    def narrowing(self) -> Narrowing:
        """The schedule, as far as the draw depended on it."""
        return _narrowing(tuple(sorted(self.settings.items())))

    def renumbered(self, number: int, numbers: Mapping[int, int], names: Sequence[str]) -> "Mark":
        """Returns the mark as it is right in a copy of the search, where numbers are others.

        Args:
            number: Number of the trial in the copy.
            numbers: Numbers there of the trials that it may name, by their number here.
            names: Names of the parameters that were drawn together.
        """
        is_whole = self.is_whole and all(n in numbers for n in self.trials)
        return self._replace(
            number=number,
            dice=self.number if self.dice is None else self.dice,
            trials=tuple(numbers[n] for n in self.trials if n in numbers),
            names=tuple(names),
            is_whole=is_whole,
        )

    def to_text(self) -> str:
        """Returns the line, of at most 2,000 bytes; `read` turns it back."""
        line = self._text()
        if len(line) <= _LONGEST // 4:  # of characters; one has four bytes at most
            return line
        if len(line.encode()) > _LONGEST:
            line = self._replace(
                without=(), given=(), names=None, ranges={}, is_whole=False
            )._text()
        if len(line.encode()) > _LONGEST:  # no trial names so many others; but nothing is endless
            line = self._replace(
                without=(), given=(), names=None, ranges={}, trials=(), is_whole=False
            )._text()
        return line

    def _text(self) -> str:
        line = (  # it is made for every trial, so in few steps
            f"{stage_name(self.stage)}, {self.kind}; after {self.after}; trial {self.number}; "
            f"attempt {self.attempt}; seed {self.seed}; width {self.width!r}"
        )
        if self.n_best:
            line += f"; best {self.n_best}"
        if self.chance:
            line += f"; chance {self.chance!r}"
        if self.trials:
            line += f"; trials {numbers_text(self.trials)}"
        words = [line]
        if self.settings:
            pairs = (f"{name} {value}" for name, value in sorted(self.settings.items()))
            words.append(f"with {' '.join(pairs)}")
        if self.without:
            words.append(f"without {_listed(self.without)}")
        if self.given:
            words.append(f"given {_listed(self.given)}")
        if self.names is not None:
            words.append(f"names {_listed(self.names)}")
        if self.ranges:
            pairs = (f"{quote(name, safe='')} {n}" for name, n in sorted(self.ranges.items()))
            words.append(f"ranges {' '.join(pairs)}")
        if not self.is_whole:
            words.append("shortened")
        if self.dice is not None:
            words.append(f"dice {self.dice}")
        words.append(f"check {self.check}")  # at the end: a line that was cut off lacks it
        return "; ".join(words)

    @classmethod
    def read(cls, data: Any, number: int | None = None) -> "Mark | None":
        """Returns the mark that a trial carries, of any version; None if these data are none.

        Args:
            data: Anything: whoever may write to a storage may write what they like.
            number: Number of the trial that carries it; a mark of another trial is none.
        """
        try:
            mark = _from_text(data) if isinstance(data, str) else _from_dict(data)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
            return None
        return None if mark.kind and number is not None and mark.number != number else mark


def _from_dict(data: Any) -> Mark:
    """Returns a mark of versions before regions: stage, width, and the trials of its windows."""
    width = float(data["width"])
    stage, trials = int(data["stage"]), tuple(map(int, data["elites"]))
    if not 0.0 <= width <= 1.0 or not 0 <= stage < _LARGEST_NUMBER:
        raise ValueError(f"a trial's width is {width!r}")
    return Mark(stage, width, trials)


def _from_text(line: str) -> Mark:
    if len(line) > 2 * _LONGEST:
        raise ValueError("it is too long")
    first, *rest = line.split("; ")
    found = _FIRST.fullmatch(first)
    if found is None or found[2] not in KINDS or not _CHECK.fullmatch(rest[-1]):
        raise ValueError(f"it begins with {first!r} and ends with {rest[-1:]!r}")
    known: dict[str, Any] = {"stage": stage_index(found[1]), "kind": found[2]}
    for word in rest:
        key, _, text = word.partition(" ")
        name, value = _FIELDS[key](text)  # a KeyError: of a later version
        if name in known:
            raise ValueError(f"it has two {key}")
        known[name] = value
    mark = Mark(**known)
    if not 0.0 < mark.width <= 1.0 or not 0.0 <= mark.chance < float("inf"):
        raise ValueError(f"a trial's width is {mark.width!r}")
    mark.narrowing  # noqa: B018 - raises where its settings are none
    return mark


def numbers_text(trials: Sequence[int]) -> str:
    """Returns numbers as text: "12, 8, 19"."""
    return repr([*trials])[1:-1]


def _listed(names: Iterable[str]) -> str:
    text = " ".join(quote(name, safe="") or "%" for name in names)
    return "%2D" if text == "-" else text or "-"  # a hyphen alone stands for no name


def _names(text: str) -> tuple[str, ...]:
    if text == "-":
        return ()
    return tuple("" if word == "%" else unquote(word, errors="strict") for word in text.split(" "))


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**64:
        raise ValueError(f"a number is {text!r}")
    return value


def _pairs(text: str) -> list[tuple[str, str]]:
    words = text.split(" ")
    return list(zip(words[::2], words[1::2], strict=True))


def _settings(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in _pairs(text):
        whole = isinstance(USUAL[name], int)
        found[name] = None if value == "None" else int(value) if whole else float(value)
    return found


_FIELDS: dict[str, Any] = {
    "after": lambda text: ("after", _count(text)),
    "trials": lambda text: ("trials", tuple(_count(word) for word in text.split(", "))),
    "width": lambda text: ("width", float(text)),
    "best": lambda text: ("n_best", _count(text)),
    "chance": lambda text: ("chance", float(text)),
    "attempt": lambda text: ("attempt", _count(text)),
    "with": lambda text: ("settings", _settings(text)),
    "without": lambda text: ("without", _names(text)),
    "given": lambda text: ("given", _names(text)),
    "names": lambda text: ("names", _names(text)),
    "ranges": lambda text: ("ranges", {unquote(n): _count(i) for n, i in _pairs(text)}),
    "shortened": lambda text: ("is_whole", bool(text)),
    "seed": lambda text: ("seed", _count(text)),
    "dice": lambda text: ("dice", _count(text)),
    "trial": lambda text: ("number", _count(text)),
    "check": lambda text: ("check", text),
}


_narrowings: dict[tuple[tuple[str, Any], ...], Narrowing] = {}


def _narrowing(settings: tuple[tuple[str, Any], ...]) -> Narrowing:
    known = _narrowings.get(settings)
    if known is None:
        if len(_narrowings) > 64:
            _narrowings.clear()
        options = {**USUAL, **dict(settings), "width": 1.0}
        known = _narrowings[settings] = Narrowing.from_json(options)
    return known
