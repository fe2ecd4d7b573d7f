"""Run one search on one problem: ours by hand, the others through Optuna or their own loop.

Each method sees only what it would see in use: the space, and the observed loss of the trials it
asked for. What comes back is the loss of the configuration that looked best so far.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.problems.problem import Problem
from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.core.search.search import CoarseToFine
from tune_bn.core.space import Categorical, Float, Int, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

__all__ = [
    "CHECKPOINTS",
    "CONFIRMED",
    "METHODS",
    "THROUGH_OPTUNA",
    "Curve",
    "Watch",
    "by_hand",
    "can_run",
    "distribution",
    "run",
]

THROUGH_OPTUNA = "tune_bn, through Optuna"
CONFIRMED = "tune_bn, best repeated, budget known"
CHECKPOINTS = (5, 10, 15, 25, 35, 50, 70, 100, 140, 200, 280, 400, 560, 800, 1000)


@dataclass
class Curve:
    """The best loss after so many trials.

    Args:
        best: Loss of the configuration that looked best so far, by number of trials.
        seconds: Time that the search itself took, without the problem's.
    """

    best: dict[int, float]
    seconds: float


class Watch:
    """Evaluates the problem and remembers what a method has found.

    Args:
        problem: The problem.
        seed: Seed of the run, and of its noise.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed = problem, seed
        self._n = 0
        self._seen = self._loss = math.inf
        self._seconds = 0.0
        self._started = time.process_time()
        self._best: dict[int, float] = {}

    def __call__(self, params: Mapping[str, Any]) -> float:
        """Returns what a search sees of a configuration."""
        started = time.process_time()
        seen = self._problem.observed(params, self._seed, self._n)
        if seen < self._seen:
            noisy = self._problem.observe is not None
            self._seen, self._loss = seen, self._problem.loss(params) if noisy else seen
        self._n += 1
        if self._n in CHECKPOINTS:
            self._best[self._n] = self._loss
        self._seconds += time.process_time() - started
        return seen

    def curve(self) -> Curve:
        """Returns what was found so far."""
        return Curve(self._best, time.process_time() - self._started - self._seconds)


def by_hand(
    narrowing: Callable[[int], Narrowing], workers: int = 1
) -> Callable[[Problem, int, int], Curve]:
    """Returns a runner of our search, driven by hand.

    Args:
        narrowing: The schedule, by the number of trials.
        workers: How many trials are under way at any time, so that results arrive late.
    """

    def run_by_hand(problem: Problem, seed: int, n_trials: int) -> Curve:
        if problem.branch is not None:
            return _run_optuna(problem, seed, n_trials, _coarse_to_fine(narrowing(n_trials)))
        search = CoarseToFine(problem.space, seed=seed, narrowing=narrowing(n_trials))
        watch = Watch(problem, seed)
        waiting = []
        for _ in range(n_trials):
            waiting.append(search.ask())
            if len(waiting) == workers:
                trial = waiting.pop(0)
                search.tell(trial, watch(trial.params))
        for trial in waiting:
            search.tell(trial, watch(trial.params))
        return watch.curve()

    return run_by_hand


def _confirmed(problem: Problem, seed: int, n_trials: int) -> Curve:
    """Runs our search, whose last tenth repeats the five best: the best mean is what was found."""
    search = CoarseToFine(problem.space, seed=seed)
    watch = Watch(problem, seed)
    seen: list[tuple[float, int, Mapping[str, Any]]] = []
    n_repeats = n_trials // 10
    for number in range(n_trials - n_repeats):
        trial = search.ask()
        value = watch(trial.params)
        search.tell(trial, value)
        seen.append((value, number, trial.params))
    best = sorted(seen, key=lambda one: one[:2])[:5]
    values = [[value] for value, _, _ in best]
    for i in range(n_repeats):
        values[i % len(best)].append(watch(best[i % len(best)][2]))
    means = [sum(several) / len(several) for several in values]
    curve = watch.curve()
    picked = best[means.index(min(means))][2]
    return Curve({n_trials: problem.loss(picked)}, curve.seconds)


def _coarse_to_fine(narrowing: Narrowing) -> Callable[[int], "BaseSampler"]:
    from tune_bn.optuna import CoarseToFineSampler

    return lambda seed: CoarseToFineSampler(seed=seed, narrowing=narrowing)


def _through_optuna(problem: Problem, seed: int, n_trials: int) -> Curve:
    """Runs our sampler: the draws are those by hand, the time is the one to compare."""
    return _run_optuna(problem, seed, n_trials, _coarse_to_fine(Narrowing()))


def _optuna(name: str, workers: int = 1) -> Callable[[Problem, int, int], Curve]:
    """Returns a runner of an Optuna sampler with its default settings."""

    def run_optuna(problem: Problem, seed: int, n_trials: int) -> Curve:
        import optuna

        sampler = getattr(optuna.samplers, name)
        return _run_optuna(problem, seed, n_trials, lambda s: sampler(seed=s), workers)

    return run_optuna


def distribution(parameter: Parameter) -> "BaseDistribution":
    """Returns a parameter as Optuna has it."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(parameter, Float):
        return FloatDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    if isinstance(parameter, Int):
        return IntDistribution(
            parameter.low, parameter.high, log=parameter.log, step=parameter.step
        )
    assert isinstance(parameter, Categorical)
    return CategoricalDistribution(parameter.choices)


def _suggested(problem: Problem, trial: "Trial") -> dict[str, Any]:
    """Returns the values of a configuration whose branches are decided on the way."""
    assert problem.branch is not None
    params: dict[str, Any] = {}
    while missing := [n for n in problem.branch(params) if n not in params]:
        for name in missing:
            params[name] = trial._suggest(name, distribution(problem.space[name]))
    return params


def _run_optuna(
    problem: Problem,
    seed: int,
    n_trials: int,
    sampler: Callable[[int], "BaseSampler"],
    workers: int = 1,
) -> Curve:
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {name: distribution(p) for name, p in problem.space.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(sampler=sampler(seed))
        watch = Watch(problem, seed)
        waiting = []
        for _ in range(n_trials):
            if problem.branch is None:
                trial = study.ask(space)
                waiting.append((trial, trial.params))
            else:
                trial = study.ask()
                waiting.append((trial, _suggested(problem, trial)))
            if len(waiting) == workers:
                trial, params = waiting.pop(0)
                study.tell(trial, watch(params))
        for trial, params in waiting:
            study.tell(trial, watch(params))
    return watch.curve()


def _marsopt(problem: Problem, seed: int, n_trials: int) -> Curve:
    """Runs mixed adaptive random search, which has a loop and a budget of its own."""
    import marsopt

    watch = Watch(problem, seed)

    def objective(trial: Any) -> float:
        params: dict[str, Any] = {}
        for name, p in problem.space.items():
            if isinstance(p, Float):
                params[name] = trial.suggest_float(name, p.low, p.high, log=p.log)
            elif isinstance(p, Int):
                params[name] = trial.suggest_int(name, p.low, p.high, log=p.log)
            else:
                params[name] = trial.suggest_categorical(name, list(p.bounds))
        return watch(params)

    study = marsopt.Study(random_state=seed, verbose=False)
    study.optimize(objective, n_trials)
    return watch.curve()


METHODS: dict[str, Callable[[Problem, int, int], Curve]] = {
    "tune_bn": by_hand(lambda _: Narrowing()),
    "tune_bn, budget known": by_hand(Narrowing.for_budget),
    CONFIRMED: _confirmed,
    "tune_bn, 8 workers": by_hand(lambda _: Narrowing(), workers=8),
    THROUGH_OPTUNA: _through_optuna,
    "textbook": by_hand(lambda _: Narrowing.textbook()),
    "random": _optuna("RandomSampler"),
    "qmc": _optuna("QMCSampler"),
    "tpe": _optuna("TPESampler"),
    "tpe, 8 workers": _optuna("TPESampler", workers=8),
    "gp": _optuna("GPSampler"),
    "cmaes": _optuna("CmaEsSampler"),
    "marsopt": _marsopt,
}


def can_run(method: str, problem: Problem) -> bool:
    """Tells whether a method applies to a problem."""
    if method == "cmaes":  # it draws categories and branches at random
        return all(isinstance(p, Float) for p in problem.space.values())
    return problem.branch is None or (method in METHODS and method not in ("marsopt", CONFIRMED))


def run(method: str, problem: Problem, seed: int, n_trials: int) -> Curve:
    """Runs a method on a problem.

    Args:
        method: A name in `METHODS`, or in `benchmarks.search.peers.OUTSIDE`.
        problem: The problem.
        seed: Seed of the search; also of the noise, where there is some.
        n_trials: How many trials, ≥ 1.
    """
    if method not in METHODS:
        from benchmarks.search.peers import OUTSIDE

        return OUTSIDE[method](problem, seed, n_trials)
    return METHODS[method](problem, seed, n_trials)
