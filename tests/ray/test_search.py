"""The search algorithm driven by hand: seeds, budget, fidelity, odd results, objectives."""

import copy
import math
import pickle

import numpy as np
import optuna
import pytest
from ray import tune
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import ConcurrencyLimiter, Repeater

from tests.support.judges import uniform_p
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing, SpaceError
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.ray import CoarseToFineSearch, one_minus_loguniform

SPACE = {
    "lr": tune.loguniform(1e-4, 1),
    "net": {"depth": tune.randint(1, 9), "act": tune.choice(["relu", "tanh"])},
}


def loss_of(config) -> float:
    """Returns a loss that is 0 at lr 0.01, depth 4, tanh."""
    net = config["net"]
    loss: float = abs(math.log10(config["lr"]) + 2) + 0.3 * abs(net["depth"] - 4)
    return loss + (0.5 if net["act"] == "relu" else 0.0)


def made(**kwargs) -> CoarseToFineSearch:
    """Returns a search over SPACE."""
    return CoarseToFineSearch(SPACE, "loss", "min", **{"seed": 0, **kwargs})


def run(search, n, start=0) -> list[dict]:
    """Suggests and completes n trials; returns their configs."""
    configs = []
    for i in range(start, start + n):
        config = search.suggest(f"t{i}")
        search.on_trial_complete(f"t{i}", {"loss": loss_of(config), "training_iteration": 1})
        configs.append(config)
    return configs


def test_one_seed_one_search_in_all_three_forms():
    """By hand, through Optuna and through Ray one seed gives the same 40 trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ray_space = {
        "lr": tune.loguniform(1e-4, 1),
        "x": tune.uniform(-1, 1),
        "step": tune.quniform(0, 1, 0.125),
        "net": {"depth": tune.randint(1, 9), "width": tune.lograndint(8, 65)},
        "act": tune.choice(["relu", "tanh", "gelu"]),
        "beta": one_minus_loguniform(0.9, 0.999),
    }
    space = {
        "lr": Float(1e-4, 1, log=True),
        "x": Float(-1, 1),
        "step": Float(0, 1, step=0.125),
        "net/depth": Int(1, 8),
        "net/width": Int(8, 64, log=True),
        "act": Categorical(["relu", "tanh", "gelu"]),
        "beta": Float(0.9, 0.999, one_minus_log=True),
    }
    hand = CoarseToFine(space, seed=7)
    search = CoarseToFineSearch(ray_space, "m", "min", seed=7, narrowing=Narrowing())
    for i in range(40):
        params = hand.ask().params
        config = search.suggest(str(i))
        flat = {
            **{k: v for k, v in config.items() if k != "net"},
            **{f"net/{k}": v for k, v in config["net"].items()},
        }
        assert flat == dict(params)
        value = params["x"] ** 2 + abs(math.log10(params["lr"])) + params["net/depth"]
        hand.tell(i, value)
        search.on_trial_complete(str(i), {"m": value})
    assert search.stages() == hand.stages()


def test_optuna_draws_the_same_as_ray():
    """The sampler and the search algorithm agree, where Optuna has the scale."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=7))
    search = made(seed=7, narrowing=Narrowing())
    for i in range(40):
        trial = study.ask()
        config = search.suggest(str(i))
        drawn = {
            "lr": trial.suggest_float("lr", 1e-4, 1, log=True),
            "net": {
                "depth": trial.suggest_int("net/depth", 1, 8),
                "act": trial.suggest_categorical("net/act", ["relu", "tanh"]),
            },
        }
        assert config == drawn
        study.tell(trial, loss_of(config))
        search.on_trial_complete(str(i), {"loss": loss_of(config), "training_iteration": 3})


def test_a_run_repeats_exactly_and_finds_the_optimum():
    """Two searches with one seed are equal; after 80 trials the best is close."""
    a, b = made(), made()
    assert run(a, 80) == run(b, 80)
    assert a.best.params["net/act"] == "tanh"
    assert a.best.params["net/depth"] == 4
    assert a.best.value < 0.1
    assert a.trial_ids[a.best.number] == f"t{a.best.number}"


def test_the_schedule_is_sized_from_num_samples():
    """A long budget narrows slowly, none is the default, and a given schedule stays."""
    for given, n_samples, expected in [
        (None, 400, Narrowing.for_budget(400)),
        (None, -1, Narrowing()),
        (Narrowing.textbook(), 400, Narrowing.textbook()),
    ]:
        search = CoarseToFineSearch(seed=0, narrowing=given)
        search.set_search_properties("loss", "min", SPACE, num_samples=n_samples)
        reference = CoarseToFine(
            {
                "lr": Float(1e-4, 1, log=True),
                "net/depth": Int(1, 8),
                "net/act": Categorical(["relu", "tanh"]),
            },
            seed=0,
            narrowing=expected,
        )
        for i in range(60):
            params = reference.ask().params
            config = search.suggest(str(i))
            assert config["lr"] == params["lr"]
            reference.tell(i, loss_of(config))
            search.on_trial_complete(str(i), {"loss": loss_of(config)})


def test_narrowing_off_is_plain_random_search():
    """Every draw is uniform on its scale, whatever the results were."""
    configs = run(made(narrowing=Narrowing.off()), 600)
    assert uniform_p([math.log10(c["lr"]) for c in configs], -4, 0) > 1e-3
    assert uniform_p([math.log10(c["lr"]) for c in run(made(), 600)], -4, 0) < 1e-3


# Fidelity.


def test_a_trial_stopped_early_never_beats_one_that_trained_on():
    """Deceptively good values after one iteration do not attract the search.

    Without the iteration in the result they would, which shows that it is a trap.
    """

    def share_near_zero(key):
        search = CoarseToFineSearch(
            {"x": tune.uniform(0, 1)}, "loss", "min", seed=0, narrowing=Narrowing()
        )
        late = []
        for i in range(80):
            x = search.suggest(str(i))["x"]
            late.append(x)
            # A scheduler stops what lies below 0.3 at once: good at first, but a dead end.
            first, last = x, 1 + (x - 0.8) ** 2
            result = {"loss": first, key: 1} if x < 0.3 else {"loss": last, key: 27}
            search.on_trial_complete(str(i), {**result, "done": True})
        return np.mean([x < 0.3 for x in late[30:]]), search.best

    share, best = share_near_zero("training_iteration")
    assert share < 0.1
    assert best.progress == 27
    deceived, _ = share_near_zero("another_name")
    assert deceived > 0.5


def test_progress_is_read_from_the_time_attribute():
    """The scheduler's own measure of progress may be named; NaN says nothing."""
    search = made(time_attr="epochs_done")
    for i, result in enumerate(
        [
            {"loss": 0.1, "epochs_done": 2, "training_iteration": 9},
            {"loss": 0.5, "epochs_done": 4, "training_iteration": 1},
            {"loss": 0.7, "epochs_done": math.nan},
        ]
    ):
        search.suggest(str(i))
        search.on_trial_complete(str(i), result)
    assert [t.progress for t in search.trials] == [2, 4, None]
    assert search.best.value == 0.5


def test_results_without_progress_are_compared_by_value():
    """As a Repeater sends them: the best value is the best trial."""
    search = made()
    for i, loss in enumerate([3.0, 1.0, 2.0]):
        search.suggest(str(i))
        search.on_trial_complete(str(i), {"loss": loss})
    assert search.best.value == 1.0


def test_a_trial_stopped_while_paused_counts_with_what_it_reported():
    """HyperBand ends paused trials without a result; the furthest one seen is used."""
    search = made()
    search.suggest("a")
    search.on_trial_result("a", {"loss": 2.0, "training_iteration": 3})
    search.on_trial_result("a", {"loss": 9.0, "training_iteration": 1})  # late, out of order
    search.on_trial_complete("a")
    (trial,) = search.trials
    assert (trial.values, trial.progress, trial.state) == ((2.0,), 3, "complete")


# Odd results.


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (None, False),
        (None, True),
        ({}, False),
        ({"done": True}, False),
        ({"loss": math.nan, "training_iteration": 1}, False),
        ({"loss": None}, False),
        ({"loss": "text"}, False),
        ({"loss": 1.0, "training_iteration": 1}, True),
    ],
)
def test_trials_without_a_value_fail_and_lose_nothing_else(result, error):
    """The trial is kept as failed, and the search goes on as if it had not been."""
    search = made()
    search.suggest("a")
    search.on_trial_complete(trial_id="a", result=result, error=error)
    assert search.trials[0].state == "failed"
    run(search, 30)
    assert search.best.value < 2


@pytest.mark.parametrize("bad", [math.inf, -math.inf, np.float32(0.5), np.int64(2), True])
def test_any_number_is_a_value(bad):
    """Infinite values and numpy's numbers count as they are."""
    search = made()
    search.suggest("a")
    search.on_trial_complete("a", {"loss": bad, "training_iteration": np.int64(1)})
    assert search.trials[0].values == (float(bad),)
    run(search, 30)
    assert len(search.trials) == 31


def test_duplicates_and_retries_count_once():
    """A second end of a trial changes nothing, unless the first was a failure."""
    search = made()
    for trial_id in "ab":
        search.suggest(trial_id)
    search.on_trial_complete("a", {"loss": 1.0, "training_iteration": 1})
    search.on_trial_complete("a", {"loss": 0.0, "training_iteration": 1})
    search.on_trial_complete("a", None, error=True)
    search.on_trial_result("a", {"loss": 0.0, "training_iteration": 5})
    search.on_trial_complete("b", None, error=True)
    search.on_trial_complete("b", None, error=True)
    search.on_trial_result("b", {"loss": 3.0, "training_iteration": 1})  # resumed
    search.on_trial_complete("b", {"loss": 2.0, "training_iteration": 2})
    assert [(t.values, t.state) for t in search.trials] == [
        ((1.0,), "complete"),
        ((2.0,), "complete"),
    ]


def test_an_id_that_is_asked_for_again_gets_the_same_config():
    """Before and after its end, without using up a number."""
    search = made()
    first = search.suggest("a")
    assert search.suggest("a") == first
    search.on_trial_complete("a", {"loss": 1.0})
    assert search.suggest("a") == first
    assert search.suggest("b") != first


def test_unknown_trials_are_learned_from_their_config():
    """After a restart: counted once, with config keys flat or nested; without any, ignored."""
    search = made()
    search.on_trial_complete("ghost", {"loss": 0.5, "training_iteration": 1})
    search.on_trial_complete("ghost2", None, error=True)
    search.on_trial_result("ghost3", {"loss": 1.0})
    assert search.trials == []
    config = {"config/lr": 0.01, "config/net/depth": 4, "config/net/act": "tanh", "config/z": 1}
    search.on_trial_complete("u", {"loss": 0.1, "training_iteration": 1, **config})
    search.on_trial_complete("u", {"loss": 0.1, "training_iteration": 1, **config})
    search.on_trial_complete("v", {"loss": 0.2, "config": {"lr": 0.1, "net": {"depth": "x"}}})
    assert [dict(t.params) for t in search.trials] == [
        {"lr": 0.01, "net/depth": 4, "net/act": "tanh"},
        {"lr": 0.1},
    ]
    run(search, 30)
    assert len(search.trials) == 32


def test_a_region_that_fails_does_not_attract():
    """Where every trial fails or gives NaN, few draws fall in the end."""
    search = CoarseToFineSearch({"x": tune.uniform(0, 1)}, "m", "max", seed=1)
    late = []
    for i in range(100):
        x = search.suggest(str(i))["x"]
        late.append(x)
        if x > 0.6:
            search.on_trial_complete(str(i), {"m": math.nan} if i % 2 else None, error=not i % 2)
        else:
            search.on_trial_complete(str(i), {"m": x, "training_iteration": 1})
    assert np.mean([x > 0.6 for x in late[50:]]) < 0.6  # the optimum lies at its edge
    assert search.best.value > 0.55


def test_nested_metrics_are_found():
    """A name with "/" is read from a flat result, as Tune sends it, and from a nested one."""
    search = CoarseToFineSearch({"x": tune.uniform(0, 1)}, "eval/loss", "min", seed=0)
    results: list[dict] = [{"eval/loss": 2.0}, {"eval": {"loss": 1.0}}, {"eval": 3}]
    for i, result in enumerate(results):
        search.suggest(str(i))
        search.on_trial_complete(str(i), result)
    assert [t.values for t in search.trials] == [(2.0,), (1.0,), ()]


# Objectives.


def test_several_objectives_are_ranked_by_pareto():
    """Lists of metrics and modes give a front, as by hand."""
    search = CoarseToFineSearch({"x": tune.uniform(0, 1)}, ["a", "b"], ["min", "max"], seed=0)
    hand = CoarseToFine({"x": Float(0, 1)}, seed=0, directions=["minimize", "maximize"])
    for i in range(50):
        x = search.suggest(str(i))["x"]
        assert x == hand.ask().params["x"]
        a, b = x**2, -((x - 1) ** 2)
        search.on_trial_complete(str(i), {"a": a, "b": b})
        hand.tell(i, (a, b))
    assert search.best.params in [t.params for t in hand.best_trials]


@pytest.mark.parametrize(
    ("metric", "mode", "message"),
    [
        ("m", "best", "mode 'min' or 'max', but got 'best'"),
        (["a", "b"], ["min", "obs"], '"obs"'),
        (["a", "b"], "min", "one mode for each metric"),
        (["a", "b"], ["min"], "one mode for each metric"),
        (None, ["min"], "a list of metrics"),
        ("a", ["min"], "one mode for each metric"),
    ],
)
def test_impossible_objectives_are_refused(metric, mode, message):
    """In the constructor and from the Tuner alike, a ValueError says what is needed."""
    with pytest.raises(ValueError, match=message):
        CoarseToFineSearch(SPACE, metric, mode)
    with pytest.raises(ValueError, match=message):
        CoarseToFineSearch().set_search_properties(metric, mode, SPACE)


def test_what_is_not_set_is_said_in_rays_own_words():
    """suggest without a space, metric or mode raises Ray's RuntimeErrors."""
    with pytest.raises(RuntimeError, match="no search space has been defined"):
        CoarseToFineSearch(metric="m", mode="min").suggest("a")
    with pytest.raises(RuntimeError, match=r"`metric` \(None\) or `mode` \(None\)"):
        CoarseToFineSearch(SPACE).suggest("a")
    with pytest.raises(RuntimeError, match=r"`metric` \(m\) or `mode` \(None\)"):
        CoarseToFineSearch(SPACE, metric="m").suggest("a")


def test_a_mode_alone_means_the_anonymous_metric():
    """As for Ray's own: what a trainable returns as a bare number."""
    search = CoarseToFineSearch(SPACE, mode="max", seed=0)
    search.suggest("a")
    search.on_trial_complete("a", {DEFAULT_METRIC: 3.0})
    assert search.best.value == 3.0


def test_another_space_is_not_taken():
    """A search that has one takes constants and the same space again, but no other."""
    search = made()
    assert search.set_search_properties("loss", "min", {"epochs": 3})
    assert search.set_search_properties("loss", "min", SPACE)
    run(search, 3)
    assert search.set_search_properties("loss", "min", SPACE)
    assert not search.set_search_properties("loss", "min", {"x": tune.uniform(0, 1)})
    assert len(search.trials) == 3


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"seed": "a"}, TypeError, "seed='a'"),
        ({"narrowing": 3}, TypeError, "needs a Narrowing"),
        ({"points_to_evaluate": [{}], "evaluated_rewards": [1, 2]}, ValueError, "got 2 and 1"),
        ({"points_to_evaluate": [{"z": 1}]}, SpaceError, "no 'z'; it has lr, net"),
        ({"points_to_evaluate": [{"net": {"z": 1}}]}, SpaceError, "no 'net/z'"),
    ],
)
def test_misuse(kwargs, error, message):
    """What cannot be is refused when the search is made."""
    with pytest.raises(error, match=message):
        made(**kwargs)


# As an object.


def test_it_pickles_and_copies_in_the_middle():
    """Copies go on identically, with trials running."""
    search = made()
    run(search, 13)
    search.suggest("running")
    copies = [copy.deepcopy(search), pickle.loads(pickle.dumps(search))]
    for each in (search, *copies):
        each.on_trial_complete("running", {"loss": 0.5, "training_iteration": 1})
    after = run(search, 20, start=13)
    assert [run(c, 20, start=13) for c in copies] == [after, after]


def test_no_attribute_hides_it_from_rays_wrappers():
    """Ray unwraps whatever has an attribute named `searcher` when it saves."""
    search = made()
    run(search, 10)
    assert not hasattr(search, "searcher")


def test_stages_and_latest():
    """The stages hold every trial; the latest suggestion tells the current stage."""
    search = made()
    assert search.latest is None
    assert search.stages() == []
    run(search, 40)
    assert sorted(n for s in search.stages() for n in s.trials) == list(range(40))
    assert search.latest is not None
    assert search.latest.stage == search.stages()[-1].index > 0


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # the Repeater's own
def test_a_repeater_that_does_not_know_the_metric_ends_the_run():
    """Around a limiter it hands on no result; with the metric given to the search it does."""
    space = {"x": tune.uniform(0, 1)}
    for given in ((), ("loss", "min")):
        search = CoarseToFineSearch(None, *given, seed=0)
        repeater = Repeater(ConcurrencyLimiter(search, 4), repeat=2)
        repeater.set_search_properties("loss", "min", space)
        for trial_id in ("a", "b"):
            repeater.suggest(trial_id)
        for trial_id in ("a", "b"):
            repeater.on_trial_complete(trial_id, {"loss": 0.5})
        if given:
            repeater.suggest("c")
            assert search.best.value == 0.5
        else:
            with pytest.raises(RuntimeError, match="Give metric and mode to CoarseToFineSearch"):
                repeater.suggest("c")
