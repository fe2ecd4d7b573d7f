"""Any search as plain records: what the report needs of trials, parameters and stages.

`results_of` turns a study, a result grid or a `CoarseToFine` into `Results`, through the module
that knows the framework. Figures, advice and pages see nothing else, so each works for every
tuner, and for studies that another sampler made.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.stages import Stage
from tune_bn.core.errors import SpaceError
from tune_bn.core.history.pareto import fronts_of
from tune_bn.core.history.trial import Trial, rank_key
from tune_bn.core.space import Parameter

__all__ = ["BY_HAND", "Results", "TrialResult"]

BY_HAND = "hand"
"""Who drew a trial that was enqueued."""

State = Literal["complete", "pruned", "failed", "running"]
_MOST_RANKED_BY_FRONT = 2000


@dataclass(frozen=True)
class TrialResult:
    """One trial of a search.

    Args:
        number: Its number, counted from 0.
        params: Value of every parameter that it has, by name.
        values: Objective values in the user's own sign; of one stopped early the last
            intermediate one; empty where there is none.
        state: ``"complete"``, ``"pruned"`` (stopped early), ``"failed"`` or ``"running"``.
        steps: (step, intermediate value), in the order of the steps.
        stage: Index of the stage that drew it, if it recorded one.
        origin: Where it was drawn from, if it recorded that.
        is_unread: Whether it recorded something of its draw that cannot be read: it is damaged, of
            a later version, or of another trial.
        started: When it began.
        seconds: How long it took.
        violation: Sum of the violated constraints; 0 is feasible.
        reason: Why it failed, if it says so.
        drawn_by: Which other sampler drew it, if it says so.
        progress: How far it got, if it says so; None is as far as any of a complete trial, and of
            one stopped early its last step.
        is_at_goal: Whether it reached the goal at which the trials of its search end.
    """

    number: int
    params: Mapping[str, Any]
    values: tuple[float, ...]
    state: State
    steps: tuple[tuple[float, float], ...] = ()
    stage: int | None = None
    origin: Origin | None = None
    is_unread: bool = False
    started: datetime | None = None
    seconds: float | None = None
    violation: float = 0.0
    reason: str = ""
    drawn_by: str = ""
    progress: float | None = None
    is_at_goal: bool = False

    @property
    def value(self) -> float:
        """The first objective value; NaN where there is none."""
        return self.values[0] if self.values else math.nan

    @property
    def is_given(self) -> bool:
        """Whether a person chose all of its values: it was enqueued, or they were fixed."""
        origin = self.origin
        if origin is None:
            return self.drawn_by == BY_HAND
        return origin.windows == {} and bool(origin.given)

    @property
    def is_ranked(self) -> bool:
        """Whether it has a value that can be compared with others'."""
        return (
            self.state in ("complete", "pruned")
            and bool(self.values)
            and not any(map(math.isnan, self.values))
        )


@dataclass(frozen=True)
class Results:
    """A search with all its trials, as plain records.

    Args:
        name: What the user calls it.
        source: Where it comes from: ``"Optuna study"``, ``"Ray Tune results"``, ….
        trials: By number.
        space: The parameters by name, with the latest range of each.
        directions: ``"minimize"`` or ``"maximize"`` for each objective.
        objectives: A name for each objective.
        stages: In order; empty if no trial recorded one.
        sampler: What drew the trials, if it is known.
        versions: Package → version, of those that took part.
        is_space_known: Whether ``space`` is what was searched; otherwise its ranges are those of
            the values that were seen.
        chosen: Number of the trial that was chosen in the end, where that is known.
        notes: How the source was read, where that took guesses; a sentence or two each.
        remarks: What a reader should know who has seen another best trial elsewhere.
    """

    name: str
    source: str
    trials: tuple[TrialResult, ...]
    space: Mapping[str, Parameter]
    directions: tuple[str, ...] = ("minimize",)
    objectives: tuple[str, ...] = ("value",)
    stages: tuple[Stage, ...] = ()
    sampler: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    is_space_known: bool = True
    chosen: int | None = None
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def maximize(self) -> bool:
        """Whether the largest value of the first objective is the best."""
        return self.directions[0] == "maximize"

    @cached_property
    def by_number(self) -> dict[int, TrialResult]:
        """The trials by number."""
        return {t.number: t for t in self.trials}

    @cached_property
    def complete(self) -> tuple[TrialResult, ...]:
        """The trials that ran to their end with values, by number."""
        return tuple(t for t in self.trials if t.state == "complete" and t.is_ranked)

    @cached_property
    def ranked(self) -> tuple[TrialResult, ...]:
        """The trials that can be compared, best first.

        Complete before stopped early, then by value. Of several objectives by Pareto front, and
        of more than 2,000 such trials only the first fronts.
        """
        if len(self.directions) == 1:
            trials = [t for t in self.trials if t.is_ranked]
            return tuple(sorted(trials, key=lambda t: rank_key(self._as_ranked(t))))
        return tuple(self.by_number[t.number] for front in self._fronts for t in front)

    @cached_property
    def _fronts(self) -> list[list[Trial]]:
        """The complete trials by Pareto front, sorted once; see `ranked`."""
        return fronts_of(map(self._as_ranked, self.complete), _MOST_RANKED_BY_FRONT)

    @cached_property
    def front(self) -> tuple[TrialResult, ...]:
        """The complete trials that no other one beats in every objective; of one: the best."""
        if len(self.directions) == 1:
            best = self.best
            return () if best is None else (best,)
        first = self._fronts[0] if self._fronts else []
        return tuple(self.by_number[t.number] for t in first)

    @property
    def best(self) -> TrialResult | None:
        """The best complete trial; one stopped early where all of these are infinite.

        None if there is no complete one.
        """
        best = next((t for t in self.ranked if t.state == "complete"), None)
        return self.ranked[0] if best is not None and math.isinf(best.value) else best

    def loss(self, trial: TrialResult) -> float:
        """Returns the first objective value with the sign that makes smaller better."""
        return -trial.value if self.maximize else trial.value

    @cached_property
    def _furthest(self) -> float:
        return max((t.progress for t in self.trials if t.progress is not None), default=0.0)

    def _as_ranked(self, trial: TrialResult) -> Trial:
        losses = tuple(
            -v if d == "maximize" else v
            for v, d in zip(trial.values, self.directions, strict=False)
        )
        reached = trial.progress
        if reached is None:
            reached = trial.steps[-1][0] if trial.steps else 0.0
        is_complete = trial.state == "complete"
        is_furthest = is_complete and (trial.progress is None or trial.is_at_goal)
        return Trial(
            trial.number,
            trial.params,
            losses,
            is_complete,
            self._furthest if is_furthest else reached,
            trial.violation,
            reached if trial.is_at_goal else None,
        )

    def positions(
        self, name: str, trials: Sequence[TrialResult] | None = None
    ) -> npt.NDArray[np.float64]:
        """Returns where on its scale each trial's value of a parameter lies, from 0 to 1.

        Args:
            name: A parameter of the space.
            trials: N of the trials; None for all.

        Returns:
            Shape (N,); NaN for a trial that does not have it, or has what its range cannot hold.
        """
        parameter = self.space[name]

        def position(trial: TrialResult) -> float:
            try:
                return parameter.position(trial.params[name])
            except (KeyError, SpaceError, TypeError, ValueError):
                return math.nan

        wanted = self.trials if trials is None else trials
        return np.array([position(trial) for trial in wanted], dtype=np.float64)

    def stage_name(self, trial: TrialResult) -> str:
        """Returns the name of the stage that a trial belongs to; "" where there are none."""
        return self._stage_names.get(trial.number, "")

    @cached_property
    def _stage_names(self) -> dict[int, str]:
        return {number: stage.name for stage in self.stages for number in stage.trials}

    @cached_property
    def latest_shares(self) -> dict[str, float]:
        """The median share of a parameter's scale in which the last three fine stages drew it.

        Of a category: the share of its choices that could be. Without a parameter that these
        stages never drew anew.
        """
        latest = {stage.index for stage in self.stages[-3:] if stage.index > 0}
        shares: dict[str, list[float]] = {}
        for trial in self.trials:
            if trial.origin is None or trial.stage not in latest:
                continue
            for name, window in trial.origin.moved.items():
                if name not in self.space:
                    continue
                share = window.share
                if share is None:
                    share = len(window.bounds) / max(len(self.space[name].bounds), 1)
                shares.setdefault(name, []).append(share)
        return {name: median(shares[name]) for name in self.space if name in shares}
