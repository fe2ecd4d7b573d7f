"""What a search algorithm is given before it may draw, and how it begins.

Points, past results and a saved state wait here for the space, and the core's search for the metric
and the mode: Tune may tell these at any time before the first trial.
"""

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import UNDEFINED_METRIC_MODE, UNDEFINED_SEARCH_SPACE
from ray.tune.search.searcher import Searcher

from tune_bn.core.draws.conditions import checked_conditions
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.errors import StateError
from tune_bn.core.search.records import State
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.search.state import decode_params
from tune_bn.plain.reading import UNREADABLE, brief
from tune_bn.ray.findings import Findings
from tune_bn.ray.objectives import as_values, names_of
from tune_bn.ray.past import PastResult, past_results
from tune_bn.ray.saved import decode_past
from tune_bn.ray.space import Space

__all__ = ["NEEDS_SPACE", "Waiting", "add_past", "known_budget"]

logger = logging.getLogger(__name__)

NEEDS_SPACE = (
    "The restored search has a space that JSON cannot hold. Pass the same space again: "
    "CoarseToFineSearch(space), or param_space of the Tuner."
)


class Waiting(Findings, Searcher):
    """The part of a search algorithm that waits for the space, then for metric and mode."""

    _narrowing: Narrowing | None
    _time_attr: str | None
    _n_samples: int | None
    _encoded_numbers: list[str]
    _raw_points: list[dict[str, Any]]
    _raw_past: list[PastResult]
    _points: list[dict[str, Any]]
    _past: list[PastResult]
    _unread: dict[str, Any] | None

    def add_evaluated_point(
        self,
        parameters: Mapping[str, Any],
        value: Any,
        error: bool = False,
        pruned: bool = False,
        intermediate_values: list[float] | None = None,
    ) -> None:
        """Takes in the result of a configuration that was run elsewhere.

        Args:
            parameters: The configuration: nested, flat ("a/b"), or partial.
            value: Its value, or one for each metric.
            error: Whether it failed.
            pruned: Whether it was stopped early.
            intermediate_values: Its values per iteration; their number tells how far it trained.
                Without them, and not pruned, it counts as having trained as far as any.

        Raises:
            SpaceError: If the configuration does not fit the space.
        """
        progress = float(len(intermediate_values)) if intermediate_values else None
        if pruned and progress is None:
            progress = 0.0
        is_failed = error or value is None
        past = PastResult(dict(parameters), as_values(value), progress, is_failed, is_strict=True)
        self._take_past([past])

    def add_evaluated_trials(self, trials_or_analysis: Any, metric: Any = None) -> None:
        """Takes in the trials of another experiment, finished or not.

        Values that do not fit the space are left out, so the space may have changed; a trial of
        which nothing fits, or without the metric, is skipped.

        Args:
            trials_or_analysis: A ``ResultGrid``, an ``ExperimentAnalysis``, a ``Trial`` or
                ``Result``, or a list of these.
            metric: Name of the result to optimise, or a list of names; None is the search's own.

        Raises:
            TypeError: If it is something else.
            ValueError: If no metric is given, and the search has none yet.
        """
        metrics = self._metrics if metric is None else names_of(metric)
        if not metrics:
            raise ValueError(
                "add_evaluated_trials needs a metric, but neither it nor the search has one."
            )
        self._take_past(past_results(trials_or_analysis, metrics, self._time_attr))

    def _read_rest(self, space: Space) -> None:
        """Reads the part of a saved state that needs the space."""
        state, self._unread = self._unread, None
        if state is None:
            return
        parameters = space.parameters
        try:
            self._points = [decode_params(parameters, p) for p in state["points"]]
            past = [decode_past(p) for p in state["past"]]
            self._past = [replace(p, config=decode_params(parameters, p.config)) for p in past]
        except UNREADABLE as error:
            raise StateError(f"The saved points do not fit the space: {brief(error)}.") from error
        known = set()
        if state["search"] is not None:
            search = self._search = CoarseToFine.from_json(state["search"], space=parameters)
            known = search.numbers
            if len(search.directions) != len(self._metrics):
                raise StateError(
                    f"The saved search has {len(search.directions)} objective(s), but the metrics "
                    f"{self._metrics!r}."
                )
            if search.conditions != checked_conditions(parameters, space.conditions):
                raise StateError("The saved search does not fit its space: other conditions.")
        if not known >= set(self._numbers.values()):
            raise StateError("The saved search does not have all trials that it names.")

    @property
    def _metrics(self) -> tuple[str, ...]:
        return names_of(self._metric)

    @property
    def _objectives(self) -> dict[str, str]:
        return dict(zip(self._metrics, names_of(self._mode), strict=True))

    def _note(self, trial_id: str, number: int) -> None:
        self._numbers[trial_id] = number
        self._encoded_numbers.append(f"{json.dumps(trial_id)}: {number}")

    def _state(self, trial_id: str) -> str:
        number = self._numbers.get(trial_id)
        if number is None or self._search is None:
            return "unknown"
        return self._search.state(number)

    def _set_space(self, space: Space) -> None:
        points = [space.values(p, is_strict=True) for p in self._raw_points]
        self._space, self._raw_points = space, []
        self._read_rest(space)
        self._points += points
        past, self._raw_past = self._raw_past, []
        self._take_past(past)

    def _take_past(self, past: list[PastResult]) -> None:
        """Takes in past results: now, or when the space and the number of objectives are known."""
        if self._space is None:
            self._raw_past += past
            return
        for result in past:
            params = self._space.values(result.config, is_strict=result.is_strict)
            if not params:
                logger.info("A past result has no parameter of the space: %r", result.config)
                continue
            known = replace(result, config=params)
            if self._search is None:
                self._past.append(known)
            else:
                add_past(self._search, known)

    def _started(self) -> tuple[Space, CoarseToFine | None]:
        """Returns the space and the search; None for a search if all of the space is constant."""
        name = type(self).__name__
        if self._unread is not None:
            raise RuntimeError(NEEDS_SPACE)
        if self._space is None:
            raise RuntimeError(UNDEFINED_SEARCH_SPACE.format(cls=name, space="space"))
        if self._mode and not self._metric:
            self._metric = DEFAULT_METRIC
        if not self._metric or not self._mode:
            text = UNDEFINED_METRIC_MODE.format(cls=name, metric=self._metric, mode=self._mode)
            raise RuntimeError(text)
        if self._search is None and self._space.parameters:
            narrowing = self._narrowing
            if narrowing is None and self._n_samples is not None:
                narrowing = Narrowing.for_budget(self._n_samples)
            modes = names_of(self._mode)
            self._search = CoarseToFine(
                self._space.parameters,
                seed=self._seed,
                narrowing=narrowing,
                directions=["minimize" if mode == "min" else "maximize" for mode in modes],
                conditions=self._space.conditions,
            )
            for past in self._past:
                add_past(self._search, past)
            self._past = []
        return self._space, self._search


def add_past(search: CoarseToFine, past: PastResult) -> int:
    """Adds a past result, whose config is flat, to a search; returns its number there."""
    state: State = "failed" if past.is_failed else "complete"
    return search.add(past.config, past.values, state=state, progress=past.progress, end=past.end)


def known_budget(n_samples: Any) -> int | None:
    """Returns the number of samples; None if it is unknown or has no end (Tune's −1)."""
    is_known = isinstance(n_samples, int) and 0 < n_samples < sys.maxsize
    return n_samples if is_known else None
