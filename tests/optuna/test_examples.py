"""Ten of Optuna's own examples, the objectives in arithmetic: nothing twice, and a true report.

The spaces are those of https://github.com/optuna/optuna-examples; instead of a training there is
a loss with an optimum inside, at an end, or within a branch.
"""

import io
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from tests.support.studies import said_untrue
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.report import advise, explain, results_of
from tune_bn.report.pages.terminal import text_report

N_TRIALS = 50
Objective = Callable[[optuna.Trial], Any]


def off(value: float, best: float) -> float:
    """Returns how many decades a value lies off the best one."""
    return abs(math.log10(value / best))


def pruned_in_time(trial: optuna.Trial, loss: float, steps: int) -> float:
    """Returns the loss after so many steps, unless the pruner has had enough."""
    for step in range(steps):
        trial.report(loss + 1 / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def quadratic(trial: optuna.Trial) -> float:
    """``quadratic_simple``: a real number and a choice of three."""
    x = trial.suggest_float("x", -100, 100)
    return x**2 + trial.suggest_categorical("y", [-1, 0, 1])


def simple_pruning(trial: optuna.Trial) -> float:
    """``simple_pruning``: one rate, stopped early."""
    return pruned_in_time(trial, off(trial.suggest_float("alpha", 1e-5, 1e-1, log=True), 1e-3), 10)


def sklearn_simple(trial: optuna.Trial) -> float:
    """``sklearn_simple``: one of two models, with a parameter each; its accuracy."""
    if trial.suggest_categorical("classifier", ["SVC", "RandomForest"]) == "SVC":
        return 0.95 - off(trial.suggest_float("svc_c", 1e-10, 1e10, log=True), 10) / 30
    return 0.94 - abs(math.log(trial.suggest_int("rf_max_depth", 2, 32, log=True) / 9)) / 9


def search_cv(trial: optuna.Trial) -> float:
    """``optuna_search_cv_simple``: a support vector machine that fails at the highest degree."""
    degree = trial.suggest_int("degree", 1, 5)
    loss = off(trial.suggest_float("C", 1e-10, 1e10, log=True), 1.0) + abs(degree - 3)
    if degree == 5:
        raise ValueError("it did not converge")
    return loss


def pytorch_simple(trial: optuna.Trial) -> float:
    """``pytorch_simple``: one to three layers with units and dropout, stopped early."""
    loss = 0.0
    for i in range(trial.suggest_int("n_layers", 1, 3)):
        loss += abs(trial.suggest_int(f"n_units_l{i}", 4, 128) - 60) / 60
        loss += abs(trial.suggest_float(f"dropout_l{i}", 0.2, 0.5) - 0.3)
    loss += trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"]) != "Adam"
    return pruned_in_time(
        trial, loss + off(trial.suggest_float("lr", 1e-5, 1e-1, log=True), 1e-3), 4
    )


def keras_simple(trial: optuna.Trial) -> float:
    """``keras_simple``: four choices of two and a rate."""
    loss = float(trial.suggest_categorical("filters", [32, 64]) == 32)
    loss += trial.suggest_categorical("kernel_size", [3, 5]) == 5
    loss += trial.suggest_categorical("strides", [1, 2]) == 2
    loss += trial.suggest_categorical("activation", ["relu", "linear"]) == "linear"
    return loss + off(trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True), 1e-2)


def tensorflow_eager(trial: optuna.Trial) -> float:
    """``tensorflow_eager_simple``: layers, and optimisers with options of their own."""
    loss = off(trial.suggest_float("weight_decay", 1e-10, 1e-3, log=True), 1e-6) / 5
    for i in range(trial.suggest_int("n_layers", 1, 3)):
        loss += abs(math.log2(trial.suggest_int(f"n_units_l{i}", 4, 128, log=True)) - 5)
    kind = trial.suggest_categorical("optimizer", ["RMSprop", "Adam", "SGD"])
    name = {"RMSprop": "rmsprop", "Adam": "adam", "SGD": "sgd_opt"}[kind]
    loss += off(trial.suggest_float(f"{name}_learning_rate", 1e-5, 1e-1, log=True), 1e-3)
    if kind == "RMSprop":
        loss += abs(trial.suggest_float("rmsprop_decay", 0.85, 0.99) - 0.9)
    if kind != "Adam":
        loss += off(trial.suggest_float(f"{name}_momentum", 1e-5, 1e-1, log=True), 1e-2)
    return loss


def lightgbm_simple(trial: optuna.Trial) -> float:
    """``lightgbm_simple``: shares of which the whole is the best, and integers."""
    loss = off(trial.suggest_float("lambda_l1", 1e-8, 10.0, log=True), 1e-4)
    loss += off(trial.suggest_float("lambda_l2", 1e-8, 10.0, log=True), 1e-2)
    loss += abs(trial.suggest_int("num_leaves", 2, 256) - 100) / 50
    loss -= trial.suggest_float("feature_fraction", 0.4, 1.0)
    loss -= trial.suggest_float("bagging_fraction", 0.4, 1.0)
    loss += trial.suggest_int("bagging_freq", 1, 7) / 10
    return loss + abs(trial.suggest_int("min_child_samples", 5, 100) - 20) / 50


def xgboost_simple(trial: optuna.Trial) -> float:
    """``xgboost_simple``: three boosters, two of them with much more to choose."""
    booster = trial.suggest_categorical("booster", ["gbtree", "gblinear", "dart"])
    loss = off(trial.suggest_float("lambda", 1e-8, 1.0, log=True), 1e-4)
    loss += off(trial.suggest_float("alpha", 1e-8, 1.0, log=True), 1e-3)
    loss -= trial.suggest_float("subsample", 0.2, 1.0)
    loss -= trial.suggest_float("colsample_bytree", 0.2, 1.0)
    if booster in ("gbtree", "dart"):
        loss += abs(trial.suggest_int("max_depth", 3, 9, step=2) - 7) - 2
        loss += trial.suggest_int("min_child_weight", 2, 10) / 10
        loss += off(trial.suggest_float("eta", 1e-8, 1.0, log=True), 0.1)
        loss += off(trial.suggest_float("gamma", 1e-8, 1.0, log=True), 1e-5)
        loss += trial.suggest_categorical("grow_policy", ["depthwise", "lossguide"]) == "depthwise"
    if booster == "dart":
        loss += trial.suggest_categorical("sample_type", ["uniform", "weighted"]) == "uniform"
        loss += trial.suggest_categorical("normalize_type", ["tree", "forest"]) == "tree"
        loss += trial.suggest_float("rate_drop", 1e-8, 1.0, log=True)
        loss += trial.suggest_float("skip_drop", 1e-8, 1.0, log=True)
    return loss


def catboost_simple(trial: optuna.Trial) -> float:
    """``catboost_simple``: of three ways to resample one has no parameter of its own."""
    loss = float(trial.suggest_categorical("objective", ["Logloss", "CrossEntropy"]) == "Logloss")
    loss += off(trial.suggest_float("colsample_bylevel", 0.01, 0.1, log=True), 0.1)
    loss += abs(trial.suggest_int("depth", 1, 12) - 6) / 6
    loss += trial.suggest_categorical("boosting_type", ["Ordered", "Plain"]) == "Ordered"
    kind = trial.suggest_categorical("bootstrap_type", ["Bayesian", "Bernoulli", "MVS"])
    if kind == "Bayesian":
        loss += trial.suggest_float("bagging_temperature", 0, 10) / 10
    elif kind == "Bernoulli":
        loss += 1 - trial.suggest_float("subsample", 0.1, 1)
    return loss


def botorch_simple(trial: optuna.Trial) -> tuple[float, float]:
    """``botorch_simple``: two objectives and two constraints (Binh and Korn)."""
    x, y = trial.suggest_float("x", 0, 5), trial.suggest_float("y", 0, 3)
    constrain(trial, ((x - 5) ** 2 + y**2 - 25, -((x - 8) ** 2) - (y + 3) ** 2 + 7.7))
    return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2


def constrain(trial: optuna.Trial, violations: tuple[float, ...]) -> None:
    """Notes the constraints, as the Optuna that is installed has it."""
    if hasattr(trial, "set_constraint"):
        for i, violation in enumerate(violations):
            trial.set_constraint(f"c{i}", violation)


EXAMPLES: dict[Objective, Any] = {
    quadratic: "minimize",
    simple_pruning: "minimize",
    sklearn_simple: "maximize",
    search_cv: "minimize",
    pytorch_simple: "minimize",
    keras_simple: "minimize",
    tensorflow_eager: "minimize",
    lightgbm_simple: "minimize",
    xgboost_simple: "minimize",
    catboost_simple: "minimize",
    botorch_simple: "minimize minimize",
}


def searched(objective: Objective, directions: Any, sampler: Any) -> optuna.Study:
    study = optuna.create_study(directions=directions.split(), sampler=sampler)
    study.optimize(objective, n_trials=N_TRIALS, catch=(ValueError,))
    return study


def repeated(study: optuna.Study) -> list[int]:
    """Returns the trials that have a real parameter and all values of an earlier one."""

    def point(trial: FrozenTrial) -> Any:
        is_real = [isinstance(d, FloatDistribution) for d in trial.distributions.values()]
        return tuple(sorted(trial.params.items())) if any(is_real) else trial.number

    seen: Counter[Any] = Counter()
    found = []
    for trial in study.get_trials(deepcopy=False):
        if seen[point(trial)]:
            found.append(trial.number)
        seen[point(trial)] += 1
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("objective", EXAMPLES, ids=lambda objective: objective.__name__)
def test_an_example_with_the_sampler_swapped_in(objective, seed):
    """No exception, nothing twice, and the report says what is in the trials."""
    study = searched(objective, EXAMPLES[objective], CoarseToFineSampler(seed=seed))
    trials = study.get_trials(deepcopy=False)
    assert repeated(study) == []
    assert said_untrue(study) == []

    found, results = stages(study), results_of(study)
    assert [n for s in found for n in s.trials] == [t.number for t in trials]
    assert [s.name for s in found[:2]] == ["coarse", "fine 1"]
    for stage in found:
        of_stage = [t for t in trials if t.number in stage.trials]
        complete = [t.values[0] for t in of_stage if t.state == TrialState.COMPLETE]
        if len(study.directions) == 1 and complete:
            is_min = study.direction == optuna.study.StudyDirection.MINIMIZE
            assert stage.best_value == (min if is_min else max)(complete)

    states = Counter(t.state.name for t in trials)
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    counted = Counter(t.state for t in results.trials)
    assert counted == {names[state]: n for state, n in states.items()}
    assert results.best is not None
    if len(study.directions) == 1:
        assert results.best.number == study.best_trial.number
    else:
        assert {t.number for t in results.front} == {t.number for t in study.best_trials}
    console = Console(width=120, file=io.StringIO())
    with console.capture() as printed:
        console.print(text_report(results))
    text = printed.get()
    assert f"{N_TRIALS:,}" in text
    assert f"trial {results.best.number}" in text.lower()
    for trial in trials[-3:]:
        assert explain(study, trial.number).startswith(f"Trial {trial.number}")
    for advice in advise(study):
        assert advice.parameter is None or advice.parameter in results.space


def test_the_judge_finds_what_comes_twice():
    """A sampler that draws each point twice, where the example has a real parameter."""

    class Twice(optuna.samplers.RandomSampler):
        def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
            del study
            self._rng.rng.seed(trial.number // 2)

    study = searched(xgboost_simple, "minimize", Twice(seed=0))
    assert len(repeated(study)) == N_TRIALS // 2
