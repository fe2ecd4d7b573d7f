"""Which configurations were tried, so that none is drawn twice before all were.

Everything follows from the trials that ended and those that run, as they are known now: what was
drawn and never run leaves no trace here.

*Branches.* Where parameters depend on choices, a trial has the parameters of its branch, and a draw
those of all branches. A draw that agrees with a trial in everything that this trial used would run
as that trial did: the program that asked for these parameters would ask for the same again. So a
draw is a repetition if, cut down to the names of some trial, it is that trial. The values that
decide the branch are among them; no condition needs to be guessed.

*Without a result.* A trial that failed, or still runs, may say nothing of its configuration: its
worker may have been killed. Such a configuration is tried again when no other is left, before any
is repeated; after `_MOST_WITHOUT_RESULT` trials without a result it counts as tried. One that
ended before it had asked for all of its parameters counts against each way to complete it.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tune_bn.core.errors import SpaceError
from tune_bn.core.space import Categorical, Parameter

__all__ = ["Tried"]

_MOST_WITHOUT_RESULT = 3
_MOST_BRANCHES = 128  # looked at for one draw: those with the fewest parameters

Names = frozenset[str]


class Tried:
    """The configurations of a search that have a result, and those that failed or still run."""

    def __init__(self) -> None:
        self._done: set[int] = set()
        self._without: Counter[int] = Counter()
        # Names of the trials with a result; of those that failed and are none of these.
        self._branches: dict[Names, None] = {}
        self._failed: dict[Names, None] = {}
        self._running: dict[int, int] = {}
        # What `branches` was asked last, and its answer.
        self._asked: tuple[Names, int, list[Names], bool] = frozenset(), 0, [], False

    def add(self, space: Mapping[str, Parameter], params: Mapping[str, Any]) -> None:
        """Notes a configuration that has a result."""
        key = _key(space, params)
        if key is not None:
            self._done.add(key)
            self._branches[frozenset(params)] = None

    def fail(self, space: Mapping[str, Parameter], params: Mapping[str, Any]) -> None:
        """Notes a configuration that failed, or what a trial had of it by then."""
        key = _key(space, params)
        if key is not None and params:
            self._without[key] += 1
            self._failed[frozenset(params)] = None

    def run(self, number: int, space: Mapping[str, Parameter], params: Mapping[str, Any]) -> bool:
        """Notes what a running trial has of its configuration, in place of what it had before.

        Returns:
            Whether all of its parameters are known by now.
        """
        self.end(number)
        key = _key(space, params)
        if key is not None:
            self._running[number] = key
            self._without[key] += 1
        return key is not None

    def end(self, number: int) -> None:
        """Notes that a trial does not run any more."""
        key = self._running.pop(number, None)
        if key is not None:
            self._without[key] -= 1
            if not self._without[key]:
                del self._without[key]

    def branches(self, space: Mapping[str, Parameter]) -> list[Names]:
        """Returns the names of the trials with a result that have parameters of ``space`` only."""
        names, n, found, _ = self._asked
        if n != len(self._branches) or names != space.keys():
            names = frozenset(space)
            found = [branch for branch in self._branches if branch <= names]
            if len(found) > _MOST_BRANCHES:  # chosen whatever the order in which they came
                found = sorted(found, key=lambda branch: (len(branch), sorted(branch)))
                del found[_MOST_BRANCHES:]
            is_shorter = any(len(branch) < len(names) for branch in found)
            self._asked = names, len(self._branches), found, is_shorter
        return found

    def has_shorter_branch(self, space: Mapping[str, Parameter]) -> bool:
        """Tells whether a trial with a result has some of these parameters only."""
        self.branches(space)
        return self._asked[3]

    def has(
        self,
        space: Mapping[str, Parameter],
        params: Mapping[str, Any],
        *,
        by_branch: bool = True,
        without_result: bool = True,
    ) -> bool:
        """Tells whether to draw these values would repeat a trial.

        Args:
            space: The parameters by name.
            params: The values of all of them.
            by_branch: Whether the trial will use only some of them, those of its branch.
            without_result: Whether trials that failed or still run count, too.
        """
        if self._has(_key(space, params), without_result):
            return True
        for branch in self.branches(space) if by_branch else ():
            if len(branch) < len(params):
                part = {name: params[name] for name in branch}
                if self._has(_key(space, part), without_result):
                    return True
        for names in self._failed:
            if names < params.keys() and names not in self._branches:
                sizes = [space[name].n_cells for name in params if name not in names]
                most = _MOST_WITHOUT_RESULT * math.prod([n or math.inf for n in sizes])
                key = _key(space, {name: params[name] for name in names})
                if key is not None and self._without[key] >= most:
                    return True
        return False

    def _has(self, key: int | None, without_result: bool) -> bool:
        if key is None:
            return False
        if key in self._done:
            return True
        return self._without[key] >= (1 if without_result else _MOST_WITHOUT_RESULT)

    @property
    def is_any_without_result(self) -> bool:
        """Whether there is a configuration that failed or still runs."""
        return bool(self._without)


def _key(space: Mapping[str, Parameter], params: Mapping[str, Any]) -> int | None:
    """Returns a number that stands for the configuration, whatever the order of its parameters.

    None if a parameter is unknown, or a value none of its choices. A hash is kept in place of the
    configuration: of 100,000 trials two have the same by accident with a probability below 1e-9,
    and then one of them is drawn anew.
    """
    cells = []
    for name, value in params.items():
        parameter = space.get(name)
        if parameter is None:
            return None
        kind = type(value)
        if parameter.is_unordered or kind is not (float if parameter.n_cells is None else int):
            try:
                value = _meaning(parameter, value)  # noqa: PLW2901 - choices may be unhashable
            except SpaceError:
                return None
        cells.append((name, value < 0, abs(value)))  # hash(-1) is hash(-2)
    return hash(frozenset(cells))


def _meaning(parameter: Parameter, value: Any) -> float:
    """Returns a number that is the same for all that mean one value."""
    if isinstance(parameter, Categorical):
        return parameter.index(value)
    number: float = parameter.meant(value)
    if parameter.n_cells is None or isinstance(number, int):
        return number
    return float(f"{number:.12g}")  # a range that changed may have its steps elsewhere by a hair
