"""The Python on the page runs, and does what it says."""

import json
import math
from dataclasses import replace
from typing import Any

import optuna
import pytest
from ray import tune

from tune_bn import Categorical, CoarseToFine, Float, Int
from tune_bn.core.space.scale import complement
from tune_bn.optuna import suggest_one_minus_log
from tune_bn.ray import CoarseToFineSearch, one_minus_loguniform
from tune_bn.report import results_of
from tune_bn.report.pages.snippets import (
    enqueue_code,
    parameter_code,
    points_code,
    refined_space,
    refined_space_code,
    value_code,
)
from tune_bn.report.results.results import Results, TrialResult


def test_enqueue_code_tries_the_best_again(staged: optuna.Study):
    """The pasted line makes a study try the very configuration."""
    results = results_of(staged)
    best = results.best
    assert best is not None
    study = optuna.create_study()
    exec(enqueue_code(best, results.space), {"study": study})
    # Of momentum 12 digits are kept, as `suggest_one_minus_log` does.
    rest = pytest.approx(staged.best_params["1 - momentum"], abs=1e-12)
    wanted = {**staged.best_params, "1 - momentum": rest}
    assert study.trials[0].system_attrs["fixed_params"] == wanted


def test_points_code_is_a_list_of_the_best(staged: optuna.Study):
    """The pasted lines hand the configuration to a search for Ray."""
    best = results_of(staged).best
    assert best is not None
    given: dict[str, object] = {}

    def search(*_: object, points_to_evaluate: object) -> None:
        given["points"] = points_to_evaluate

    exec(points_code(best), {"CoarseToFineSearch": search})
    params = {**staged.best_params, "momentum": complement(staged.best_params["1 - momentum"])}
    assert given["points"] == [{n: v for n, v in params.items() if n != "1 - momentum"}]


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


def test_the_chosen_trial_lies_in_the_refined_space(staged: optuna.Study):
    """Whoever searches on can try what was chosen, though it ranks low."""
    results = results_of(staged)
    worst = [t for t in results.ranked if t.state == "complete"][-1]
    refined = refined_space(replace(results, chosen=worst.number))
    for name, parameter in refined.items():
        assert parameter.nearest(worst.params[name]) == worst.params[name]


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


def ray_results(space: dict[str, Any], **params: Any) -> Results:
    trials = tuple(TrialResult(i, params, (float(i),), "complete") for i in range(5))
    return Results("r", "Ray Tune results", trials, space)


def test_a_nested_config_is_pasted_nested():
    """Tune takes no "/" in a key, so the parameter "opt/lr" is the key of a dict again."""
    names = {"opt/lr": 0.01, "opt/more/momentum": 0.95, "width": 3}
    space = {
        "opt/lr": Float(1e-4, 1, log=True),
        "opt/more/momentum": Float(0.9, 0.999, one_minus_log=True),
        "width": Int(1, 9),
    }
    made: dict[str, Any] = {"tune": tune, "one_minus_loguniform": one_minus_loguniform}
    exec(refined_space_code(ray_results(space, **names)), made)
    pasted = CoarseToFineSearch(made["param_space"], "loss", "min").space
    assert set(pasted) == set(space)
    assert isinstance(pasted["opt/more/momentum"], Float)
    assert pasted["opt/more/momentum"].one_minus_log


def test_what_has_no_code_is_a_comment():
    """An object, a choice with domains inside, a place in a list: pasted code still runs."""
    thing = object()
    space = {"thing": Categorical([thing, 1]), "list/0": Int(5, 6), "x": Float(0, 1)}
    results = ray_results(space, **{"thing": thing, "list/0": 5, "x": 0.5})
    made: dict[str, Any] = {"tune": tune}
    code = refined_space_code(results)
    exec(code, made)
    assert set(made["param_space"]) == {"x"}
    assert "# 'list/0': tune.randint(5, 7)" in code
    point = enqueue_code(results.trials[0], results.space)
    assert "# 'thing'" in point
    study = optuna.create_study()
    exec(point, {"study": study})
    assert study.trials[0].system_attrs["fixed_params"] == {"list/0": 5, "x": 0.5}


@pytest.mark.parametrize("value", [1, -0.5, True, None, "a'b\n", [1, (2,)], {"a": ()}, math.inf])
def test_value_code_makes_an_equal_value(value: object):
    """What can be written is written so that Python makes it again."""
    code = value_code(value)
    assert code is not None
    assert eval(code) == value
