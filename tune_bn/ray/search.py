"""The search algorithm for Ray Tune: coarse-to-fine random search as a `Searcher`.

Tune tells a search algorithm little about how a trial ended (`tune_bn.ray.ends`). A trial of which
it is certain that it ended by its own rule counts as having trained as far as any; of every other
one that brought a value, how far it trained is its progress, and the core compares progress before
the value.
"""

import json
import logging
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC, DONE
from ray.tune.search import UNDEFINED_METRIC_MODE, UNDEFINED_SEARCH_SPACE
from ray.tune.search.repeater import TRIAL_INDEX
from ray.tune.search.searcher import Searcher

from tune_bn.core.draws.conditions import checked_conditions
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.errors import StateError
from tune_bn.core.search.search import (
    CoarseToFine,
    Finished,
    State,
    Suggestion,
    checked_narrowing,
    checked_seed,
)
from tune_bn.core.search.state import decode_params, decode_seed, encode_params
from tune_bn.plain.files import write_atomically
from tune_bn.plain.reading import UNREADABLE, brief, decode_number, encode_number
from tune_bn.ray.ends import Spans, checked_stop, end_at, widen
from tune_bn.ray.findings import Findings
from tune_bn.ray.folder import FolderTrial, recorded_trials, saved_states
from tune_bn.ray.objectives import as_values, check_objectives, names_of
from tune_bn.ray.past import (
    PastResult,
    past_results,
    progress_of,
    recorded,
    result_of,
    values_of,
)
from tune_bn.ray.saved import (
    decode,
    decode_last,
    decode_past,
    decode_spans,
    encode,
    encode_last,
    encode_past,
    encode_spans,
)
from tune_bn.ray.space import Space
from tune_bn.ray.tree import NotPlainError, decode_tree, encode_tree, read_config

__all__ = ["CoarseToFineSearch"]

logger = logging.getLogger(__name__)

_FINISHED = ("complete", "stopped")


class CoarseToFineSearch(Findings, Searcher):
    """Random search that starts wide and zooms in, as a search algorithm of Ray Tune.

    It takes any Tune search space but ``grid_search``, gives the same draws for the same seed as
    `tune_bn.CoarseToFine` by hand, and works with any scheduler that Tune allows beside a search
    algorithm. A trial that was stopped early never counts as better than one that trained
    further, whatever its last value.

    Args:
        space: A Tune search space. Leave it out, and pass ``param_space`` to the ``Tuner``.
        metric: Name of the result to optimise, or a list of names.
        mode: ``"min"`` or ``"max"``, or a list of them.
        points_to_evaluate: Configurations to try first: nested, flat ("a/b"), or partial; what is
            missing is drawn.
        evaluated_rewards: Results of ``points_to_evaluate``, if they are known: then these are
            not run again. They count as results of trials that trained as far as any.
        seed: Seed of all draws, 0 ≤ seed < 2⁶⁴; None takes one from the operating system.
        narrowing: The schedule. None sizes it by ``num_samples``; ``Narrowing.off()`` is plain
            random search. With a ``Repeater``, which runs each point several times, give
            ``Narrowing.for_budget(num_samples // repeat)``.
        time_attr: The result that tells how far a trial trained, as for the scheduler. Trials that
            a scheduler may have stopped are compared by it first, so it should be one that equal
            effort makes equal. None where no scheduler stops trials, but a ``Stopper``, a function
            or the trainable itself does: then the value alone counts.

    Raises:
        SpaceError: If the space holds what cannot be drawn, or a point does not fit it; a
            ValueError.
        ValueError: If a metric, mode or seed cannot be, or rewards do not fit the points.

    Example:
        >>> from ray import tune
        >>> search = CoarseToFineSearch({"x": tune.uniform(0, 10)}, "loss", "min", seed=0)
        >>> for i in range(60):
        ...     config = search.suggest(str(i))
        ...     search.on_trial_complete(str(i), {"loss": (config["x"] - 3) ** 2})
        >>> abs(search.best.params["x"] - 3) < 0.1
        True
    """

    # The file is JSON; Ray's own search algorithms pickle.
    CKPT_FILE_TMPL = "searcher-state-{}.json"
    _is_unmeasured = False
    _is_resumed = False  # whether trials of an earlier session may still run

    def __init__(
        self,
        space: Mapping[str, Any] | None = None,
        metric: str | list[str] | None = None,
        mode: str | list[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        evaluated_rewards: Sequence[Any] | None = None,
        *,
        seed: int | None = None,
        narrowing: Narrowing | None = None,
        time_attr: str | None = TRAINING_ITERATION,
    ) -> None:
        check_objectives(metric, mode)
        super().__init__(metric=metric, mode=mode)  # type: ignore[arg-type]  # lists are allowed
        self._seed = checked_seed(seed, "CoarseToFineSearch")
        self._narrowing = narrowing and checked_narrowing(narrowing, "CoarseToFineSearch")
        self._time_attr = time_attr
        self._n_samples: int | None = None
        self._space: Space | None = None
        self._is_whole = space is not None  # whether suggestions hold the constants as well
        self._search: CoarseToFine | None = None
        self._numbers: dict[str, int] = {}
        self._encoded_numbers: list[str] = []  # as JSON, so that saving often stays cheap
        self._last: dict[str, tuple[float | None, tuple[float, ...]]] = {}
        self._iterations: dict[str, Any] = {}  # of the last result of each running trial
        self._spans: dict[str, Spans] = {}  # of each running trial, where the run has a stop
        self._stop: dict[str, float] = {}
        self._records: Sequence[FolderTrial] = ()  # of Tune's own, as long as the space is unknown
        self._latest: Suggestion | None = None
        points = [dict(point) for point in points_to_evaluate or ()]
        past: list[PastResult] = []
        if evaluated_rewards is not None:
            if len(evaluated_rewards) != len(points):
                raise ValueError(
                    "CoarseToFineSearch needs as many evaluated_rewards as points_to_evaluate, but "
                    f"got {len(evaluated_rewards)} and {len(points)}."
                )
            for point, reward in zip(points, evaluated_rewards, strict=True):
                values = as_values(reward)
                past.append(PastResult(point, values, None, reward is None, is_strict=True))
            points = []
        # Points and past results wait as they were given for the space, then as values of it.
        self._raw_points, self._raw_past = points, past
        self._points: list[dict[str, Any]] = []
        self._past: list[PastResult] = []
        self._unread: dict[str, Any] | None = None
        if space is not None:
            self._set_space(Space(read_config(dict(space))))

    def set_search_properties(
        self,
        metric: str | list[str] | None,
        mode: str | list[str] | None,
        config: dict[str, Any],
        **spec: Any,
    ) -> bool:
        """Takes metric, mode, space and number of samples from the ``Tuner``.

        Returns:
            False if the config holds domains, but the search has another space already.

        Raises:
            ValueError: If the search has trials already that were judged by another metric or mode.
        """
        metric, mode = metric or self._metric, mode or self._mode
        check_objectives(metric, mode)
        if self._search is not None and (metric, mode) != (self._metric, self._mode):
            raise ValueError(
                f"This CoarseToFineSearch has trials that were judged by metric={self._metric!r} "
                f"and mode={self._mode!r}, but got metric={metric!r} and mode={mode!r}. Make a new "
                "one."
            )
        tree = read_config(dict(config))
        if self._space is None or tree.is_open:
            space = Space(tree)
            if self._space is not None and self._space.parameters != space.parameters:
                return False
            self._set_space(space)
        self._metric, self._mode = metric, mode  # type: ignore[assignment]  # or lists
        self._n_samples = _budget(spec.get("num_samples"))
        self._stop = checked_stop(spec.get("stop"))
        self._learn_records()
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """Returns the next configuration; for an id that was asked for before, the same again.

        Raises:
            RuntimeError: If space, metric or mode are not known yet.
        """
        if self._is_unmeasured:
            raise RuntimeError(
                "CoarseToFineSearch needs results with the metric, but a Repeater around another "
                "wrapper does not know its name. Give metric and mode to CoarseToFineSearch itself."
            )
        space, search = self._started()
        if search is None:
            return space.config({}, with_constants=self._is_whole)
        if trial_id in self._numbers:
            params = search.params(self._numbers[trial_id])
            return space.config(params, with_constants=self._is_whole)
        suggestion = self._latest = search.ask(self._points[0] if self._points else None)
        del self._points[:1]
        self._note(trial_id, suggestion.number)
        return space.config(suggestion.params, with_constants=self._is_whole)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Remembers how far a running trial got: one that is stopped while paused reports nothing.

        Results of trials that have ended, or of an earlier iteration, change nothing.
        """
        if self._state(trial_id) in _FINISHED:
            return
        self._learn_names(trial_id, result)
        self._iterations[trial_id] = result.get(TRAINING_ITERATION)
        if self._stop:
            widen(self._spans.setdefault(trial_id, {}), result, {*self._metrics, *self._stop})
        values = values_of(result, self._metrics)
        if values is None:
            return
        progress = progress_of(result, self._time_attr)
        known = self._last.get(trial_id)
        if known is None or known[0] is None or progress is None or progress >= known[0]:
            self._last[trial_id] = (progress, values)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Takes in how a trial ended.

        A trial without a value, with NaN or with an error counts as failed; if a retry of it
        brings a value later, that counts. An unknown trial, as after a restart, is learned from
        the config that its result holds. What was told already is not counted twice.
        """
        result = result or {}
        self._is_unmeasured |= None in result  # as Repeater names a metric that it does not know
        seen_progress, seen_values = self._last.pop(trial_id, (None, None))
        iteration = self._iterations.pop(trial_id, None)
        spans = self._spans.pop(trial_id, {})
        if self._space is None or not self._metrics or self._state(trial_id) in _FINISHED:
            return
        space, search = self._started()
        if search is None:
            return
        self._learn_names(trial_id, result)
        values = values_of(result, self._metrics) or seen_values
        progress = progress_of(result, self._time_attr)
        progress = seen_progress if progress is None else progress
        end = end_at(
            result,
            self._stop,
            objectives=self._objectives,
            time_attr=self._time_attr,
            span=spans.get,
        )
        if end == "unknown" and iteration is not None and result.get(DONE):
            # A function that returned brings the result again that it reported last.
            end = "itself" if result.get(TRAINING_ITERATION) == iteration else end
        if trial_id in self._numbers:
            state: State = "failed" if error else "complete"
            number = self._numbers[trial_id]
            search.tell(number, values, state=state, progress=progress, end=end)
            return
        params = space.values(_config_in(result), is_strict=False)
        if params:
            logger.info("Trial %s was not known; learned from its config.", trial_id)
            past = PastResult(params, values, progress, error, end=end)
            self._note(trial_id, _add(search, past))

    def _learn_names(self, trial_id: str, result: Mapping[str, Any]) -> None:
        number = self._numbers.get(trial_id)
        if number is not None and self._space is not None and self._search is not None:
            self._space.learn_names(self._search.params(number), _config_in(result))

    def on_pause(self, trial_id: str) -> None:
        """Does nothing: ``HyperBandForBOHB`` calls it."""

    def on_unpause(self, trial_id: str) -> None:
        """Does nothing: ``HyperBandForBOHB`` calls it."""

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

    def save(self, checkpoint_path: str) -> None:
        """Writes the state as JSON, whole or not at all.

        Raises:
            StateError: If the space is not known yet, and points hold what JSON cannot.
            OSError: If the file cannot be written.
        """
        tree = outline = None
        if self._space is not None:
            try:
                tree = encode_tree(self._space.tree)
            except NotPlainError:
                outline = encode_tree(self._space.tree, names_only=True)  # to be read
                # Whoever restores it to draw brings the space.
        if self._unread is not None:
            raise StateError(_NEEDS_SPACE)
        parameters = self._space.parameters if self._space is not None else {}
        head = {
            "metric": self._metric,
            "mode": self._mode,
            "seed": self._seed,
            "narrowing": self._narrowing and self._narrowing.to_json(),
            "time_attr": self._time_attr,
            "stop": {name: encode_number(bound) for name, bound in self._stop.items()},
            "num_samples": self._n_samples,
            "is_whole": self._is_whole,
            "has_space": self._space is not None,
            "space": tree,
            "outline": outline,
            "spans": {trial_id: encode_spans(of) for trial_id, of in self._spans.items()},
            "last": {i: encode_last(p, v) for i, (p, v) in self._last.items()},
            "raw_points": self._raw_points,
            "raw_past": [encode_past(p, p.config) for p in self._raw_past],
            "points": [encode_params(parameters, p) for p in self._points],
            "past": [encode_past(p, encode_params(parameters, p.config)) for p in self._past],
        }
        search = None if self._search is None else self._search.to_json()
        text = encode(head, self._encoded_numbers, search)
        write_atomically(checkpoint_path, text)

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Saves the state as Tune asks for it, after it has written its own records of the trials.

        Where an experiment is restored, these know what the search is not told: a limiter passes
        on no end of a trial that failed before and was tried again, as it did not suggest it.
        """
        if self._is_resumed:
            self._records = recorded_trials(checkpoint_dir)
            self._is_resumed = any(
                trial.is_open and self._state(trial.trial_id) != "running"
                for trial in self._records
            )
            self._learn_records(is_live=True)
        super().save_to_dir(checkpoint_dir, session_str)

    def restore(self, checkpoint_path: str) -> None:
        """Continues from a saved state; all of this object's own is replaced by it.

        The space is in the file unless it holds objects or ``sample_from``; then pass it before
        or after, in the constructor or by ``set_search_properties``.

        Raises:
            StateError: If the file is no saved state, or does not fit the space; this object is
                then as it was.
            OSError: If the file cannot be read.
        """
        self._restore(Path(checkpoint_path).read_bytes().decode("utf-8", "replace"))

    def _restore(self, text: str) -> None:
        before = dict(self.__dict__)
        try:
            self._continue(decode(text))
        except BaseException as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            if isinstance(error, StateError) or not isinstance(error, UNREADABLE):
                raise
            raise StateError(f"The saved search cannot be read: {brief(error)}.") from error

    def _continue(self, state: dict[str, Any]) -> None:
        metric, mode = state["metric"], state["mode"]
        check_objectives(metric, mode)
        if not all(isinstance(name, str) for name in names_of(metric)):
            raise ValueError(f"the metric is {metric!r}")
        self._metric, self._mode = metric, mode
        self._seed = decode_seed(state["seed"])
        time_attr = state["time_attr"]
        self._time_attr = None if time_attr is None else str(time_attr)
        self._stop = {str(name): float(bound) for name, bound in state.get("stop", {}).items()}
        narrowing = state["narrowing"]
        self._narrowing = None if narrowing is None else Narrowing.from_json(narrowing)
        n_samples = state["num_samples"]
        self._n_samples = None if n_samples is None else _budget(decode_number(n_samples))
        self._latest = None
        self._iterations, self._records = {}, ()
        self._numbers, self._encoded_numbers = {}, []
        for trial_id, number in state["numbers"].items():
            self._note(trial_id, decode_number(number))
        self._last = {i: decode_last(of) for i, of in state["last"].items()}
        self._spans = {i: decode_spans(of) for i, of in state.get("spans", {}).items()}
        self._raw_points = [dict(point) for point in state["raw_points"]]
        self._raw_past = [decode_past(p) for p in state["raw_past"]]
        self._search, self._points, self._past = None, [], []
        self._unread = state if state["has_space"] else None
        if self._unread is None and (self._numbers or state["search"] is not None):
            raise ValueError("it has trials, but no space")
        if self._space is None:
            self._is_whole = bool(state["is_whole"])
            if state["space"] is not None:
                self._space = Space(decode_tree(state["space"]))
        elif state["space"] is not None:
            self._space.take_names(Space(decode_tree(state["space"])))
        if self._space is not None:
            self._set_space(self._space)
        for past in (*self._past, *self._raw_past):
            if self._metrics and past.values and len(past.values) != len(self._metrics):
                raise ValueError(f"a past result has the values {past.values!r}")

    def restore_from_dir(self, checkpoint_dir: str) -> None:
        """Continues from the newest state in an experiment's folder; catches up with its trials.

        A driver that was killed while Tune saved may leave a state that is cut off, or older than
        the trials. Of several states the newest that can be read counts; a trial that the folder
        knows better is learned from there, so that no result is lost and no draw repeated. Where
        no state can be read, but the space is known, the search begins anew with what the folder
        says of the trials.

        Raises:
            RuntimeError: If there is no state.
            StateError: If none can be read and the space is not known, or none fits the space.
            OSError: If a file cannot be read.
        """
        states = saved_states(checkpoint_dir)
        if not states:
            pattern = self.CKPT_FILE_TMPL.format("*")
            raise RuntimeError(
                f"CoarseToFineSearch needs a file {pattern!r} to restore, but there is none in "
                f"{str(checkpoint_dir)!r}. Give the folder of an experiment."
            )
        self.restore_experiment(states, recorded_trials(checkpoint_dir))
        self._is_resumed = True

    def restore_experiment(
        self,
        states: Mapping[str, Callable[[], str]],
        trials: Sequence[FolderTrial],
        *,
        for_reading: bool = False,
    ) -> None:
        """Does what `restore_from_dir` does with states and trials that were read already.

        Args:
            states: The states by name, the newest first; each as a function that returns its text.
            trials: What Tune itself saved of the trials.
            for_reading: Whether nothing will be drawn any more, so that the names of objects in
                the space do as well as the objects.

        Raises:
            StateError: If no state can be read and the space is not known, or none fits the space.
            OSError: If a state cannot be read.
        """
        failures: list[StateError] = []
        for place, (name, read) in enumerate(states.items()):
            try:
                self._restore(read())
                break
            except StateError as error:
                failures.append(error)
                if place < len(states) - 1:
                    logger.warning("%s cannot be read; an older state is taken.", name)
        else:
            if self._space is None or not trials or not _are_cut(states):
                raise failures[0]
            logger.warning(
                "No state of the search can be read; it begins anew with what Tune saved of trials."
            )
        if for_reading and self._unread is not None and self._unread.get("outline") is not None:
            self._set_space(Space(decode_tree(self._unread["outline"])))
        self._records = trials
        self._learn_records()

    def catch_up(self, trials: Sequence[Trial]) -> None:
        """Learns from Tune's trials how they ended, where the search was not told.

        Args:
            trials: The trials of an experiment that is over.
        """
        self._records = tuple(map(recorded, trials))
        self._learn_records()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes what was pickled; what an earlier version did not know is as at the start."""
        self._iterations, self._spans, self._stop, self._records = {}, {}, {}, ()
        self.__dict__.update(state)

    def _learn_records(self, *, is_live: bool = False) -> None:
        """Takes in what Tune's own records know better, as soon as the space is known.

        Args:
            is_live: Whether trials run, of which the search may still be told: then it learns only
                of those that it thinks have failed, and of ended ones that it does not know.
        """
        if self._unread is not None or self._space is None or not self._metrics:
            return
        space, search = self._started()
        records, self._records = self._records, ()
        if search is None or not records:
            return
        points = {t.trial_id: space.values(t.config, is_strict=False) for t in records}
        # Trials that Tune has no more, as where it restarts failed ones as new, have no copies.
        known = {i: n for i, n in self._numbers.items() if i in points}
        primaries = {_key(search.params(number)): number for number in known.values()}
        copies: dict[int, list[FolderTrial]] = {}
        # As they began, so that their numbers do not depend on who reads them.
        for trial in sorted(records, key=lambda t: t.started or 0.0):
            number = self._numbers.get(trial.trial_id)
            params = points[trial.trial_id]
            if number is None and is_live and trial.is_open:
                continue
            if number is None:
                primary = primaries.get(_key(params))
                is_same = primary is not None and _is_continuous(space, params)
                if primary is not None and (TRIAL_INDEX in trial.config or is_same):
                    copies.setdefault(primary, []).append(trial)  # a Repeater made it
                    continue
                if not params:
                    continue
                if self._points and self._points[0].items() <= params.items():
                    del self._points[:1]
                number = search.ask(params).number
                self._note(trial.trial_id, number)
                primaries[_key(params)] = number
            copies.setdefault(number, []).append(trial)
        repeat = max(map(len, copies.values()), default=1)
        told = {t.number: t for t in search.trials}
        awaited = set(known.values()) - told.keys() if is_live else ()
        for number, trials in copies.items():
            if number in awaited:
                continue
            if repeat > 1:
                self._learn_repeated(search, number, trials, repeat)
            else:
                self._learn(search, number, trials[0], told.get(number))

    def _learn(
        self, search: CoarseToFine, number: int, trial: FolderTrial, told: Finished | None
    ) -> None:
        """Takes in how a trial ended, where Tune's record of it knows more than the search."""
        is_failed = trial.status == Trial.ERROR
        is_ended = is_failed or trial.status == Trial.TERMINATED
        if not is_ended or (is_failed and told is not None):
            return
        if told is not None and told.state != "failed":  # as nearly always, and without its log
            reached = progress_of(trial.last_result, self._time_attr)
            if told.progress is None or reached is None or reached <= told.progress:
                return
        past = result_of(trial, self._objectives, self._time_attr)
        seen_progress, seen_values = self._last.pop(trial.trial_id, (None, None))
        values = past.values or seen_values
        progress = seen_progress if past.progress is None else past.progress
        if values is None and not is_failed and trial.is_unread:
            logger.warning(
                "Trial %s ended with a result that only Ray can read; the search does not know it. "
                "Report numbers of Python's own.",
                trial.trial_id,
            )
            return
        if told is None:
            ended: State = "failed" if is_failed else "complete"
            search.tell(number, values, state=ended, progress=progress, end=past.end)
        else:
            search.correct(number, values, progress=progress, end=past.end)

    def _learn_repeated(
        self, search: CoarseToFine, number: int, trials: Sequence[FolderTrial], repeat: int
    ) -> None:
        """Takes in the mean of a trial and its copies, once all ended, as a ``Repeater`` tells."""
        ended = [t for t in trials if t.status in (Trial.ERROR, Trial.TERMINATED)]
        if search.state(number) != "running" or len(ended) < repeat:
            return
        past = [result_of(t, self._objectives, self._time_attr) for t in ended]
        values = [
            p.values for p in past if p.values is not None and not any(map(math.isnan, p.values))
        ]
        mean = tuple(sum(of) / len(of) for of in zip(*values, strict=True)) or None
        search.tell(number, mean, progress=None)

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
                _add(self._search, known)

    def _started(self) -> tuple[Space, CoarseToFine | None]:
        """Returns the space and the search; None for a search if all of the space is constant."""
        name = type(self).__name__
        if self._unread is not None:
            raise RuntimeError(_NEEDS_SPACE)
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
                _add(self._search, past)
            self._past = []
        return self._space, self._search


_NEEDS_SPACE = (
    "The restored search has a space that JSON cannot hold. Pass the same space again: "
    "CoarseToFineSearch(space), or param_space of the Tuner."
)


def _add(search: CoarseToFine, past: PastResult) -> int:
    state: State = "failed" if past.is_failed else "complete"
    return search.add(past.config, past.values, state=state, progress=past.progress, end=past.end)


def _config_in(result: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config that a result of Tune's holds, flat as it comes; empty for none."""
    if isinstance(result.get("config"), Mapping):
        return dict(result["config"])
    prefix = "config/"
    return {k[len(prefix) :]: v for k, v in result.items() if str(k).startswith(prefix)}


def _budget(n_samples: Any) -> int | None:
    """Returns the number of samples; None if it is unknown or has no end (Tune's −1)."""
    is_known = isinstance(n_samples, int) and 0 < n_samples < sys.maxsize
    return n_samples if is_known else None


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted(params.items(), key=lambda item: item[0]))


def _is_continuous(space: Space, params: Mapping[str, Any]) -> bool:
    """Tells whether the same values are never drawn twice."""
    return any(space.parameters[name].n_cells is None for name in params)


def _are_cut(states: Mapping[str, Callable[[], str]]) -> bool:
    """Tells whether no state is one at all, as when a driver died while it was written."""
    for read in states.values():
        try:
            decode(read())
        except StateError:
            continue
        return False
    return True
