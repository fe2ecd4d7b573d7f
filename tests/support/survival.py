"""What must hold after any fault, judged by what several processes see of a study.

Every trial of which a worker was told that it is finished is there, once, with its value; no two
trials have the same draw; all processes see the same trials and the same stages; the search goes
on. `faults_of` says what does not hold; `require_survived` looks, goes on, and looks again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from tests.support.storages import open_storage
from tests.support.warm import forks
from tests.support.worker import objective
from tune_bn.core.draws.stages import Stage
from tune_bn.optuna import CoarseToFineSampler, stages

__all__ = ["View", "faults_of", "fresh", "go_on", "require_survived", "view_of"]

_Returned = TypeVar("_Returned")


@dataclass(frozen=True)
class Line:
    """A trial, as far as it matters whether it is still the same."""

    number: int
    state: str
    value: float | None
    draw: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class View:
    """What a process sees of a search."""

    trials: tuple[Line, ...]
    stages: tuple[Stage, ...]


def view_of(study: optuna.Study) -> View:
    """Returns what this process sees of a study."""
    seen = [
        (t.number, t.state.name, _value(t), tuple(t.params.items())) for t in study.get_trials()
    ]
    return View(tuple(Line(*line) for line in seen), tuple(stages(study)))


def _value(trial: FrozenTrial) -> float | None:
    return trial.value if trial.state == TrialState.COMPLETE else None


def faults_of(told: Mapping[int, float], views: Sequence[View], *, n_params: int = 3) -> list[str]:
    """Returns what is wrong, a line each; nothing is none.

    Args:
        told: The value of every trial of which somebody was told that it is finished.
        views: What each of several processes sees, at least two.
        n_params: Number of parameters of a trial that was drawn to the end.
    """
    first = views[0]
    found = []
    for number, value in told.items():
        lines = [t for t in first.trials if t.number == number and t.state == "COMPLETE"]
        if [t.value for t in lines] != [value]:
            found.append(f"Trial {number} was finished with {value}, but there is {lines}.")
    if [t.number for t in first.trials] != [*range(len(first.trials))]:
        found.append("The numbers have a gap, or one is there twice.")
    draws = Counter(t.draw for t in first.trials if len(t.draw) == n_params)
    found += [f"{n} trials have the draw {draw}." for draw, n in draws.items() if n > 1]
    found += [
        f"View {i} has other trials." for i, v in enumerate(views) if v.trials != first.trials
    ]
    found += [
        f"View {i} has other stages." for i, v in enumerate(views) if v.stages != first.stages
    ]
    in_stages = sorted(n for stage in first.stages for n in stage.trials)
    if in_stages != [t.number for t in first.trials]:
        found.append("The stages do not hold every trial once.")
    return found


def fresh(call: Callable[..., _Returned], *arguments: Any) -> _Returned:
    """Returns what a call returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=forks()) as pool:
        return pool.submit(call, *arguments).result()


def view_elsewhere(address: str, name: str) -> View:
    """Returns what is seen at an address."""
    return view_of(optuna.load_study(study_name=name, storage=open_storage(address)))


def go_on(address: str, name: str, n: int) -> None:
    """Runs more trials, as a worker that has just been started."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(
        study_name=name, storage=open_storage(address), sampler=CoarseToFineSampler(seed=0)
    )
    study.optimize(objective, n_trials=n)


def require_survived(address: str, name: str, told: Mapping[int, float], *, n: int = 10) -> View:
    """Fails unless all that must hold after a fault does; returns what is seen at the end.

    Args:
        address: As for `open_storage`.
        name: The study's name.
        told: As for `faults_of`.
        n: With how many more trials the search goes on.
    """
    before = [fresh(view_elsewhere, address, name), view_elsewhere(address, name)]
    found = faults_of(told, before)
    assert not found, found
    fresh(go_on, address, name, n)
    after = [fresh(view_elsewhere, address, name), view_elsewhere(address, name)]
    found = faults_of(told, after)
    assert not found, found
    finished = [sum(t.state == "COMPLETE" for t in views[0].trials) for views in (before, after)]
    assert finished[1] == finished[0] + n
    return after[0]
