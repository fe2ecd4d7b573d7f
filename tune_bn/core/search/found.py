"""What a search has found so far, for those who read it: people, adapters, reports."""

from collections.abc import Mapping
from typing import Any, Literal

from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.origin import Origin, Origins
from tune_bn.core.draws.stages import Stage, Stages, counted, group_stages
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial
from tune_bn.core.search.records import Direction, Finished, State, Suggestion
from tune_bn.core.space import Parameter

__all__ = ["Found"]


class Found:
    """The part of a search that changes nothing."""

    space: dict[str, Parameter]
    directions: tuple[Direction, ...]
    seed: int
    _conditions: dict[str, tuple[str, int]]
    _history: History
    _furthest: float
    _pending: dict[int, Suggestion]
    _marks: dict[int, Mark | None]
    _first_stage: int | None
    _finished: dict[int, Finished]

    @property
    def best(self) -> Finished:
        """The best trial: feasible, finite, at its goal, complete, furthest, then by value.

        Of several objectives, one end of the Pareto front; see `best_trials`.

        Raises:
            ValueError: If no trial has finished with a value.
        """
        if not self._history.n_ranked:
            raise ValueError("CoarseToFine.best needs a finished trial, but there is none yet.")
        return self._finished[self._history.best.number]

    @property
    def best_trials(self) -> list[Finished]:
        """The best trial, or of several objectives the best front (the 64 least crowded)."""
        return [self._finished[t.number] for t in self._history.elites(1)]

    @property
    def trials(self) -> list[Finished]:
        """All trials that were told or added, in order of their numbers."""
        return [self._finished[n] for n in sorted(self._finished)]

    @property
    def numbers(self) -> set[int]:
        """Numbers of all trials, running or ended."""
        return set(self._marks)

    @property
    def conditions(self) -> dict[str, tuple[str, int]]:
        """For each conditional parameter the other one, and the number of its choice."""
        return dict(self._conditions)

    def params(self, number: int) -> Mapping[str, Any]:
        """Returns the values of a trial, running or finished.

        Raises:
            KeyError: If there is none with this number.
        """
        known = self._pending.get(number)
        return known.params if known is not None else self._finished[number].params

    def is_behind(self, number: int) -> bool:
        """Tells whether a trial ranks behind the furthest, whatever its value.

        So is one that was stopped early, or that got less far and did not end by itself.
        """
        finished = self._finished.get(number)
        if finished is None or finished.state == "failed":
            return False
        ranked = self._ranked(finished)
        return not ranked.is_complete or ranked.progress < self._furthest

    def mark(self, number: int) -> Mark | None:
        """Returns what a trial recorded of its own draw; None of one that was added.

        Raises:
            KeyError: If there is none with this number.
        """
        return self._marks[number]

    def state(self, number: int) -> Literal["running"] | State:
        """Returns ``"running"``, or how the trial ended.

        Raises:
            KeyError: If there is none with this number.
        """
        return "running" if number in self._pending else self._finished[number].state

    def origins(self) -> dict[int, Origin]:
        """Returns where each trial was drawn from, by number, of those that recorded it."""
        pending = {n: s.params for n, s in self._pending.items()}
        params = {n: t.params for n, t in self._finished.items()} | pending
        reader = Origins(params, self.space)
        found = {}
        for number, mark in self._marks.items():
            if mark is None or number not in params:
                continue
            space = {name: self.space[name] for name in params[number]}
            names = mark.names if mark.names is not None else space
            together = {name: self.space[name] for name in names if name in self.space}
            found[number] = reader.origin(mark, params[number], space, together)
        return found

    def stages(self) -> list[Stage]:
        """Returns the stages so far: trials, width, windows, and best value of each."""
        is_single = len(self.directions) == 1
        return group_stages(
            self._marks,
            self.origins(),
            self.space,
            {n: t.params for n, t in self._finished.items()},
            [
                self._ranked(t)
                for t in self._finished.values()
                if t.values and is_single and not self.is_behind(t.number)
            ],
            maximize=self.directions[0] == "maximize",
        )

    def counted(self, stage: int) -> int:
        """Returns the index of a stage as `stages` counts, given that in the schedule."""
        return counted(stage, self._first_stage or 0)

    def _ranked(self, trial: Finished) -> Trial:
        losses = tuple(
            v if d == "minimize" else -v for v, d in zip(trial.values, self.directions, strict=True)
        )
        is_open = trial.progress is None or trial.end != "unknown"
        progress = self._furthest if is_open else trial.progress
        return Trial(
            trial.number,
            trial.params,
            losses,
            trial.state == "complete",
            progress or 0.0,
            trial.violation,
            (trial.progress or 0.0) if trial.end == "goal" else None,
        )

    def _repr_html_(self) -> str:
        return Stages(self.stages()).table(repr(self))

    def __repr__(self) -> str:
        best = f", best={self.best.values}" if self._history.n_ranked else ""
        return (
            f"CoarseToFine({len(self.space)} parameters, seed={self.seed}, "
            f"{len(self._finished)} finished, {len(self._pending)} running{best})"
        )
