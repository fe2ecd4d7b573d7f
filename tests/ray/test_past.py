"""Points to try first, rewards that are known, and results of other experiments."""

import logging

import numpy as np
import pytest
from ray import tune

from tune_bn import Narrowing, SpaceError
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.past import past_results

SPACE = {
    "lr": tune.loguniform(1e-4, 1),
    "net": {"depth": tune.randint(1, 9), "layers": [tune.randint(0, 9), tune.randint(0, 9)]},
    "opt": tune.choice(["sgd", {"name": "adam", "beta": tune.uniform(0, 1)}]),
    "epochs": 5,
}
FULL = {
    "lr": 0.25,
    "net": {"depth": 3, "layers": [1, 2]},
    "opt": {"name": "adam", "beta": 0.5},
    "epochs": 5,
}


def made(**kwargs) -> CoarseToFineSearch:
    """Returns a search over SPACE."""
    return CoarseToFineSearch(SPACE, "loss", "min", **{"seed": 0, **kwargs})


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (FULL, FULL),
        ({"lr": 0.25}, {"lr": 0.25}),
        ({"net": {"depth": 3}}, {"net": {"depth": 3}}),
        ({"net/depth": 3, "lr": 1}, {"net": {"depth": 3}, "lr": 1.0}),
        ({"net/depth": 3, "net": {"layers": [4, 5]}}, {"net": {"depth": 3, "layers": [4, 5]}}),
        ({"net/layers/1": 7}, {}),
        ({"opt": "sgd"}, {"opt": "sgd"}),
        ({"lr": np.float64(0.25), "net": {"depth": np.int64(3)}}, {"net": {"depth": 3}}),
        ({"lr": 3.5}, {"lr": 3.5}),  # outside its range, but the user's will
        ({}, {}),
    ],
)
def test_points_are_tried_first_and_completed(point, expected):
    """Nested, flat and partial points are suggested in order, before any draw."""
    search = made(points_to_evaluate=[point, FULL])
    config = search.suggest("a")
    for key, value in expected.items():
        if isinstance(value, dict) and isinstance(config[key], dict):
            assert config[key].items() >= value.items()
        else:
            assert config[key] == value
    if "net/layers/1" in point:
        assert config["net"]["layers"][1] == 7
    assert config.keys() == SPACE.keys()
    assert search.suggest("b") == FULL
    assert search.suggest("c") not in (config, FULL)
    search.on_trial_complete("b", {"loss": 0.0})
    assert search.best.params["lr"] == 0.25


@pytest.mark.parametrize("given", [np.int64(32), np.float64(32), 32.0, 32])
def test_a_category_from_a_table_is_that_of_the_space(given):
    """However numpy or pandas hold it; True is no 1, a word no other word."""
    space = {"bs": tune.choice([16, 32]), "act": tune.choice(["relu", "tanh"])}
    point = {"bs": given, "act": np.str_("tanh")}
    search = CoarseToFineSearch(space, "loss", "min", [point], seed=0)
    config = search.suggest("a")
    assert config == {"bs": 32, "act": "tanh"}
    assert type(config["bs"]) is int
    search.add_evaluated_point(point, 1.0)
    assert search.trials[-1].params == config
    with pytest.raises(SpaceError, match="'bs' is none of"):
        CoarseToFineSearch({"bs": tune.choice([0, 1])}, "loss", "min", [{"bs": True}])


def test_points_before_the_space_is_known():
    """They wait for the Tuner's space, and are checked against it when it comes."""
    search = CoarseToFineSearch(points_to_evaluate=[{"lr": 0.25}], seed=0)
    search.set_search_properties("loss", "min", SPACE)
    assert search.suggest("a")["lr"] == 0.25
    wrong = CoarseToFineSearch(points_to_evaluate=[{"z": 0.25}])
    with pytest.raises(SpaceError, match="no 'z'"):
        wrong.set_search_properties("loss", "min", SPACE)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"lr": "high"}, "'lr' does not fit.*needs a number, but got 'high'"),
        ({"net": {"depth": 2.5}}, "'net/depth' does not fit.*whole number"),
        ({"net": 3}, "needs a dict at 'net'"),
        ({"net": {"layers": [1]}}, "2 items at 'net/layers'"),
        ({"opt": "rmsprop"}, "'opt' is none of"),
        ({"opt": {"name": "adam"}}, "'opt' is none of"),
    ],
)
def test_points_that_do_not_fit_are_refused(point, message):
    """Nothing is replaced by a random point in silence."""
    with pytest.raises(SpaceError, match=message):
        made(points_to_evaluate=[point])


def test_a_points_other_constant_is_said_and_the_spaces_kept(caplog):
    """A best config of a run with other constants can be tried as it is."""
    with caplog.at_level(logging.WARNING):
        search = made(points_to_evaluate=[{**FULL, "epochs": 50}])
    assert search.suggest("a") == FULL
    assert "epochs=50" in caplog.text


def test_stages_count_from_the_first_that_drew():
    """Known rewards stand in for the coarse stage: what is drawn then is "fine 1"."""
    points = [{"lr": 1 / n, "net/depth": 3} for n in range(1, 41)]
    search = made(points_to_evaluate=points, evaluated_rewards=[*range(40)])
    search.suggest("a")
    mark = search.mark(40)
    assert mark is not None
    assert mark.stage > 2
    assert search.latest is not None
    assert (search.stage(0), search.stage(40), search.latest.stage) == (None, 1, 1)
    assert [s.name for s in search.stages()] == ["earlier trials", "fine 1"]


def test_known_rewards_are_not_run_again():
    """They fill the coarse stage, are centres of the first windows, and rank by value."""
    points = [{"lr": lr, "net/depth": 3} for lr in (0.01, 0.011, 0.9)]
    search = made(
        points_to_evaluate=points,
        evaluated_rewards=[0.1, 0.2, 9.0],
        narrowing=Narrowing(coarse_trials=3, width=0.1),
    )
    first = search.suggest("a")
    assert search.latest is not None
    assert search.latest.stage == 1
    assert 0.003 < first["lr"] < 0.04
    assert search.best.values == (0.1,)
    assert search.stage(3) == 1
    # They count as having trained as far as any, so a later trial is compared by value.
    search.on_trial_complete("a", {"loss": 0.15, "training_iteration": 50})
    assert search.best.values == (0.1,)


def test_points_from_elsewhere():
    """add_evaluated_point: finished, failed, pruned, and with intermediate values."""
    search = made()
    search.add_evaluated_point({"lr": 0.1}, 1.0)
    search.add_evaluated_point({"lr": 0.2}, 0.0, pruned=True)
    search.add_evaluated_point({"lr": 0.3}, 0.5, intermediate_values=[3.0, 0.5])
    search.add_evaluated_point({"lr": 0.4}, None, error=True)
    search.suggest("a")
    search.on_trial_complete("a", {"loss": 5.0, "training_iteration": 9})
    assert [t.state for t in search.trials] == ["complete"] * 3 + ["failed", "complete"]
    assert [t.progress for t in search.trials[:3]] == [None, 0, 2]
    assert search.best.values == (1.0,)
    with pytest.raises(SpaceError, match="no 'z'"):
        search.add_evaluated_point({"z": 1}, 1.0)


def test_past_results_need_a_known_kind():
    """Anything else is a TypeError that lists what is taken."""
    with pytest.raises(TypeError, match="needs a ResultGrid"):
        past_results([{"a": 1}], ("m",), "training_iteration")
    with pytest.raises(ValueError, match="needs a metric"):
        CoarseToFineSearch().add_evaluated_trials([])
