"""The search for people with neither Optuna nor Ray: ask for a configuration, tell its value."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tune_bn.core.draws.conditions import (
    checked_conditions,
    decode_conditions,
    is_open,
    propose_open,
)
from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.marker import Marker
from tune_bn.core.draws.narrowing import Narrowing, stage_for
from tune_bn.core.errors import SpaceError, StateError, TrialError
from tune_bn.core.history.history import History
from tune_bn.core.search.found import Found
from tune_bn.core.search.records import (
    Direction,
    End,
    Finished,
    State,
    Suggestion,
    checked_end,
    checked_narrowing,
    checked_seed,
)
from tune_bn.core.search.state import (
    decode_mark,
    decode_params,
    decode_seed,
    decode_state,
    encode_mark,
    encode_params,
    encode_state,
    encode_trial,
)
from tune_bn.core.space import Parameter
from tune_bn.plain.reading import UNREADABLE, brief, decode_number

__all__ = ["CoarseToFine"]


class CoarseToFine(Found):
    """Random search that starts wide and zooms in, driven by hand.

    Args:
        space: The parameters by name.
        seed: Seed of all draws, 0 ≤ seed < 2⁶⁴; None takes one from the operating system.
        narrowing: The schedule; None is ``Narrowing()``.
        directions: ``"minimize"`` or ``"maximize"``, or one of them for each objective.
        conditions: Parameters that exist only where another one has a certain choice:
            ``{"momentum": ("optimizer", "sgd")}``. The other one must be a Categorical that comes
            before them in the space. Trials have the parameters that their choices open.

    Raises:
        SpaceError: If the space is no mapping from names to parameters, or empty, or a condition
            names what it cannot.
        ValueError: If the seed or a direction is none.

    Example:
        >>> from tune_bn import Float, Int
        >>> search = CoarseToFine({"lr": Float(1e-4, 1.0, log=True), "n": Int(1, 9)}, seed=0)
        >>> for _ in range(100):
        ...     trial = search.ask()
        ...     search.tell(trial, abs(trial.params["lr"] - 0.02) + abs(trial.params["n"] - 4))
        >>> search.best.params["n"]
        4
    """

    def __init__(
        self,
        space: Mapping[str, Parameter],
        *,
        seed: int | None = None,
        narrowing: Narrowing | None = None,
        directions: Direction | Sequence[Direction] = "minimize",
        conditions: Mapping[str, tuple[str, Any]] | None = None,
    ) -> None:
        if not isinstance(space, Mapping) or not space:
            raise SpaceError(
                "CoarseToFine needs a space, a dict from names to Float, Int or Categorical, "
                f"but got {space!r}."
            )
        for name, parameter in space.items():
            if not isinstance(name, str) or not isinstance(parameter, Parameter):
                raise SpaceError(
                    "CoarseToFine needs a Float, Int or Categorical for each name, but got "
                    f"{name!r}: {parameter!r}."
                )
        self.space = dict(space)
        self.directions: tuple[Direction, ...] = (
            (directions,) if isinstance(directions, str) else tuple(directions)
        )
        for direction in self.directions or (None,):
            if direction not in ("minimize", "maximize"):
                raise ValueError(
                    "CoarseToFine needs 'minimize' or 'maximize' as each of directions, but got "
                    f"{direction!r}."
                )
        self.seed = checked_seed(seed, "CoarseToFine")
        self.narrowing = checked_narrowing(narrowing, "CoarseToFine")
        self._conditions = checked_conditions(self.space, conditions or {})
        self._history = History(len(self.directions))
        self._marker = Marker(self.seed, self.narrowing)
        self._furthest = 0.0
        self._is_any_open = False  # whether a trial's progress is "as far as the furthest"
        self._next_number = 0
        self._pending: dict[int, Suggestion] = {}
        self._marks: dict[int, Mark | None] = {}
        self._first_stage: int | None = None  # of the schedule, that drew a trial
        self._finished: dict[int, Finished] = {}
        # Finished trials as JSON, so that saving often stays cheap.
        self._encoded: dict[int, str] = {}

    def ask(self, fixed: Mapping[str, Any] | None = None) -> Suggestion:
        """Returns the next configuration. Several may be asked for before any is told.

        Args:
            fixed: Values that are given, for a configuration that should be tried; the other
                parameters are drawn. A value whose condition does not hold is left out.

        Raises:
            SpaceError: If a given name is unknown or a value cannot be one of its parameter.
        """
        fixed = self._meant(fixed or {})
        number = self._next_number
        plan = stage_for(self.narrowing, self._history, number)
        proposal, params = propose_open(
            self.seed,
            number,
            self.space,
            self._history,
            self.narrowing,
            plan,
            self._conditions,
            fixed,
        )
        is_settled = proposal.params.keys() == params.keys()
        self._marks[number], _ = self._marker.mark(
            number,
            plan,
            proposal,
            self._history,
            self.space,
            given=tuple(name for name in fixed if name in params),
            names=None if is_settled else tuple(proposal.params),
        )
        self._history.tried.run(number, self.space, params)
        self._next_number += 1
        self._note_stage(number, params)
        suggestion = self._suggestion(number, params)
        self._pending[number] = suggestion
        return suggestion

    def _note_stage(self, number: int, params: Mapping[str, Any]) -> None:
        """Takes a trial into account of which something was drawn; stages count from the first."""
        mark, first = self._marks[number], self._first_stage
        if mark is not None and not params.keys() <= set(mark.given):
            self._first_stage = mark.stage if first is None else min(first, mark.stage)

    def _suggestion(self, number: int, params: Mapping[str, Any]) -> Suggestion:
        mark = self._marks[number] or Mark(0, 1.0)
        return Suggestion(number, params, self.counted(mark.stage), mark.width)

    def tell(
        self,
        trial: Suggestion | int,
        value: float | Sequence[float] | None = None,
        *,
        state: State = "complete",
        progress: float | None = 0.0,
        violation: float = 0.0,
        end: End = "unknown",
    ) -> None:
        """Reports how a trial ended.

        A value that is None or NaN makes it a failed trial, whatever ``state`` says: it is kept
        in the record and does not attract the search. A failed trial may be told again, after it
        was repeated.

        Args:
            trial: What `ask` returned, or its number.
            value: Objective value, or one for each objective; ±inf counts as a value, but is
                never the best where a finite one exists.
            state: ``"complete"``, ``"stopped"`` early, or ``"failed"``.
            progress: How far it got, in a unit that is the same for all trials. Compared before
                the value. None is as far as the furthest, also of trials to come: for a final
                result of which nothing else is known.
            violation: Sum of the positive parts of violated constraints; 0 is feasible.
            end: Why it ended, where trials differ in how far they get. ``"itself"``: by its own
                rule, as patience is one; it counts as having got as far as any. ``"goal"``: it
                reached the value at which trials end; it ranks above all that did not, and of
                equal values the sooner is the better. ``"unknown"``: as its progress says.

        Raises:
            TrialError: If the trial was never asked for or is told again, or if what is told
                cannot be: an unknown state, a wrong number of values.
        """
        number = trial.number if isinstance(trial, Suggestion) else trial
        known = self._pending.get(number) or self._finished.get(number)
        if known is None or (isinstance(known, Finished) and known.state != "failed"):
            told = "was told already" if known else "was never asked for"
            raise TrialError(f"tell needs a trial that is running, but trial {number!r} {told}.")
        self._finish(number, known.params, value, state, progress, violation, end)
        self._pending.pop(number, None)

    def correct(
        self,
        number: int,
        value: float | Sequence[float] | None,
        *,
        state: State = "complete",
        progress: float | None = 0.0,
        violation: float = 0.0,
        end: End = "unknown",
    ) -> None:
        """Reports a trial that has ended once more, as `tell` does: what is told last counts.

        Raises:
            TrialError: If the trial has not ended, or as for `tell`.
        """
        if number not in self._finished:
            raise TrialError(f"correct needs a trial that was told, but trial {number!r} was not.")
        params = self._finished[number].params
        self._finish(number, params, value, state, progress, violation, end)

    def add(
        self,
        params: Mapping[str, Any],
        value: float | Sequence[float] | None,
        *,
        state: State = "complete",
        progress: float | None = 0.0,
        violation: float = 0.0,
        end: End = "unknown",
    ) -> int:
        """Takes in a trial that was run elsewhere; returns the number that it gets here.

        Of ``params``, its values by name, some may be missing. A number outside its range is moved
        to the nearest end when the search looks around it. What came of it is said as to `tell`.

        Raises:
            SpaceError: If a name is unknown or a value cannot be one of its parameter.
            TrialError: As for `tell`.
        """
        params = self._meant(params)
        number = self._next_number
        self._finish(number, params, value, state, progress, violation, end)
        self._marks[number] = None
        self._next_number += 1
        return number

    def _meant(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Returns what given values mean, however they are written; see `Parameter.meant`."""
        found = {}
        for name, given in params.items():
            if name not in self.space:
                raise SpaceError(
                    f"The space has no parameter {name!r}; it has {', '.join(self.space)}."
                )
            found[name] = self.space[name].meant(given)
        return found

    def _finish(
        self,
        number: int,
        params: Mapping[str, Any],
        value: float | Sequence[float] | None,
        state: State,
        progress: float | None,
        violation: float,
        end: End,
    ) -> None:
        ended = checked_end(
            number, params, value, state, progress, violation, end, n_values=len(self.directions)
        )
        if number in self._finished:  # a repeated trial: as if it had not failed before
            del self._finished[number], self._encoded[number]
            self._rank_all_again()
        if ended.state != "failed":
            self._rank(ended)
            self._history.remember(self.space, params)
        else:
            self._history.avoid(number, self.space, params)
        self._history.tried.end(number)
        self._finished[number] = ended
        self._encoded[number] = encode_trial(self.space, ended, self._marks.get(number))

    def _rank(self, trial: Finished) -> None:
        """Takes a trial into the history; one that got further raises those that are "furthest"."""
        if trial.progress is None or trial.end != "unknown":
            self._is_any_open = True
        is_finite = all(map(math.isfinite, trial.values))  # others rank last, however far they got
        if trial.progress is not None and trial.progress > self._furthest and is_finite:
            self._furthest = trial.progress
            if self._is_any_open:
                self._rank_all_again()
        self._history.add(self._ranked(trial))

    def _rank_all_again(self) -> None:
        self._history = History(len(self.directions))
        for finished in self._finished.values():
            if finished.state != "failed":
                self._history.add(self._ranked(finished))
                self._history.remember(self.space, finished.params)
            else:
                self._history.avoid(finished.number, self.space, finished.params)
        for suggestion in self._pending.values():
            self._history.tried.run(suggestion.number, self.space, suggestion.params)

    def to_json(self) -> str:
        """Returns the whole search as a JSON text from which `from_json` continues identically.

        Costs time in proportion to the length of the text; finished trials are encoded once.
        """
        conditions = {n: [parent, i] for n, (parent, i) in self._conditions.items()}
        pending = [
            [n, encode_params(self.space, s.params), encode_mark(self._marks[n])]
            for n, s in self._pending.items()
        ]
        head = {
            "seed": self.seed,
            "narrowing": self.narrowing.to_json(),
            "directions": self.directions,
            "conditions": conditions,
            "next_number": self._next_number,
            "pending": pending,
        }
        return encode_state(self.space, head, self._encoded.values())

    @classmethod
    def from_json(
        cls, text: str, *, space: Mapping[str, Parameter] | None = None
    ) -> "CoarseToFine":
        """Returns the search that `to_json` described.

        Args:
            text: What `to_json` returned.
            space: The space; needed where choices are objects that JSON cannot hold.

        Raises:
            StateError: If the text is no saved search, comes from a later version, or does not
                fit the space.
        """
        state, space = decode_state(text, space)
        try:
            return cls._from_state(state, space)
        except UNREADABLE as error:
            raise StateError(f"The saved search does not fit its space: {brief(error)}.") from error

    @classmethod
    def _from_state(
        cls, state: Mapping[str, Any], space: Mapping[str, Parameter]
    ) -> "CoarseToFine":
        if list(space) != state["names"]:
            raise SpaceError(f"it has the names {state['names']!r}, the space {list(space)!r}")
        search = cls(
            space,
            seed=decode_seed(state["seed"]),
            narrowing=Narrowing.from_json(state["narrowing"]),
            directions=state["directions"],
        )
        search._conditions = checked_conditions(
            search.space, decode_conditions(space, state["conditions"])
        )
        for number, encoded, mark, ended, values, progress, violation, *end in state["trials"]:
            search._take_number(number, mark)
            params = decode_params(space, encoded)
            search._note_stage(number, params)
            told = tuple(map(float, values)) or None
            reached = None if progress is None else float(progress)
            why: list[End] = end or ["unknown"]
            search._finish(number, params, told, ended, reached, float(violation), *why)
        pending = {}
        for number, encoded, mark in state["pending"]:
            search._take_number(number, mark)
            params = decode_params(space, encoded)
            if any(is_open(n, space, search._conditions, params) != (n in params) for n in space):
                raise ValueError(f"trial {number} has {list(params)!r}")
            search._note_stage(number, params)
            pending[number] = params
            search._history.tried.run(number, space, params)
        search._pending = {n: search._suggestion(n, params) for n, params in pending.items()}
        search._next_number = decode_number(state["next_number"])
        if search._marks and max(search._marks) >= search._next_number:
            raise ValueError(f"the next trial would be {search._next_number}")
        return search

    def _take_number(self, number: Any, mark: Any) -> None:
        """Notes a saved trial's number and marks, of which there may be only one."""
        if decode_number(number) in self._marks:
            raise ValueError(f"trial {number} is there twice")
        self._marks[number] = decode_mark(mark, number)
