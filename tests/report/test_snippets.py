"""The Python on the page runs, and does what it says."""

import json

import optuna
import pytest

from tune_bn import Categorical, CoarseToFine, Float, Int
from tune_bn.optuna import suggest_one_minus_log
from tune_bn.report import results_of
from tune_bn.report.history import Results, TrialResult
from tune_bn.report.snippets import (
    enqueue_code,
    parameter_code,
    points_code,
    refined_space,
    refined_space_code,
)


def test_enqueue_code_tries_the_best_again(staged: optuna.Study):
    """The pasted line makes a study try the very configuration."""
    best = results_of(staged).best
    assert best is not None
    study = optuna.create_study()
    exec(enqueue_code(best), {"study": study})
    assert study.trials[0].system_attrs["fixed_params"] == staged.best_params


def test_points_code_is_a_list_of_the_best(staged: optuna.Study):
    """The pasted lines hand the configuration to a search for Ray."""
    best = results_of(staged).best
    assert best is not None
    given: dict[str, object] = {}

    def search(*_: object, points_to_evaluate: object) -> None:
        given["points"] = points_to_evaluate

    exec(points_code(best), {"CoarseToFineSearch": search})
    assert given["points"] == [staged.best_params]


def test_refined_space_holds_the_best_within_the_old(staged: optuna.Study):
    """The narrower space holds the best trial and lies within the old one."""
    results = results_of(staged)
    assert results.best is not None
    for name, parameter in refined_space(results).items():
        old = results.space[name]
        value = results.best.params[name]
        assert parameter.nearest(value) == value
        if not isinstance(parameter, Categorical):
            assert old.bounds[0] <= parameter.bounds[0] <= parameter.bounds[-1] <= old.bounds[-1]


def test_refined_space_code_runs(staged: optuna.Study):
    """The pasted suggest calls run in an objective; momentum is momentum again."""
    code = refined_space_code(results_of(staged))
    found: dict[str, object] = {}

    def objective(trial: optuna.Trial) -> float:
        found.clear()
        exec(code, {"trial": trial, "suggest_one_minus_log": suggest_one_minus_log}, found)
        return 0.0

    optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, 3)
    assert 0.9 <= float(str(found["momentum"])) <= 0.999
    assert set(found) == {"learning_rate", "momentum", "width", "depth", "activation"}


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        (Float(1e-4, 1, log=True), "tune.loguniform(0.0001, 1)"),
        (Float(0.9, 0.999, one_minus_log=True), "one_minus_loguniform(0.9, 0.999)"),
        (Int(1, 4), "tune.randint(1, 5)"),
        (Categorical(["a", "b"]), "tune.choice(['a', 'b'])"),
    ],
)
def test_ray_code(parameter, code: str):
    """Ray leaves the upper end of integers out, and has its own names."""
    trial = TrialResult(0, {"p": parameter.draw(0.5)}, (0.0,), "complete")
    results = Results("r", "Ray Tune results", (trial,), {"p": parameter})
    assert parameter_code(results, "p", parameter) == f"'p': {code}"


def test_core_code_makes_an_equal_space():
    """The space of a search by hand is pasted in the core's own words."""
    search = CoarseToFine({"x": Float(0, 1), "n": Int(1, 9, step=2)}, seed=0)
    for _ in range(30):
        trial = search.ask()
        search.tell(trial, trial.params["x"])
    results = results_of(search)
    names = {"Float": Float, "Int": Int, "Categorical": Categorical}
    exec(refined_space_code(results), names)
    made = names["space"]
    assert isinstance(made, dict)
    wanted = {n: json.dumps(p.to_json()) for n, p in refined_space(results).items()}
    assert {n: json.dumps(p.to_json()) for n, p in made.items()} == wanted
