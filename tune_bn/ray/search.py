"""The search algorithm for Ray Tune: coarse-to-fine random search as a `Searcher`.

Tune tells a search algorithm little about how a trial ended (`tune_bn.ray.ends`). A trial of which
it is certain that it ended by its own rule counts as having trained as far as any; of every other
one that brought a value, how far it trained is its progress, and the core compares progress before
the value. What is here is what Tune calls while trials run; the rest lies in `tune_bn.ray.waiting`
(before the first trial), `catching_up` (what Tune recorded) and `saving`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ray.air.constants import TRAINING_ITERATION
from ray.tune.result import DONE
from ray.tune.search.searcher import Searcher

from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.search.records import State, Suggestion, checked_narrowing, checked_seed
from tune_bn.core.search.search import CoarseToFine
from tune_bn.ray.ends import Spans, checked_stop, end_at, widen
from tune_bn.ray.folder import FolderTrial, recorded_trials
from tune_bn.ray.objectives import as_values, check_objectives
from tune_bn.ray.past import PastResult, progress_of, values_of
from tune_bn.ray.saving import Saving
from tune_bn.ray.space import Space
from tune_bn.ray.tree import read_config
from tune_bn.ray.waiting import add_past, known_budget

__all__ = ["CoarseToFineSearch"]

logger = logging.getLogger(__name__)

_FINISHED = ("complete", "stopped")


class CoarseToFineSearch(Saving, Searcher):
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

    _is_unmeasured = False

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
        self._n_samples = known_budget(spec.get("num_samples"))
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
            self._note(trial_id, add_past(search, past))

    def _learn_names(self, trial_id: str, result: Mapping[str, Any]) -> None:
        number = self._numbers.get(trial_id)
        if number is not None and self._space is not None and self._search is not None:
            self._space.learn_names(self._search.params(number), _config_in(result))

    def on_pause(self, trial_id: str) -> None:
        """Does nothing: ``HyperBandForBOHB`` calls it."""

    def on_unpause(self, trial_id: str) -> None:
        """Does nothing: ``HyperBandForBOHB`` calls it."""

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

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes what was pickled; what an earlier version did not know is as at the start."""
        self._iterations, self._spans, self._stop, self._records = {}, {}, {}, ()
        self.__dict__.update(state)


def _config_in(result: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config that a result of Tune's holds, flat as it comes; empty for none."""
    if isinstance(result.get("config"), Mapping):
        return dict(result["config"])
    prefix = "config/"
    return {k[len(prefix) :]: v for k, v in result.items() if str(k).startswith(prefix)}
