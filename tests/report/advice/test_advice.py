"""What each rule says and proposes, and that chance alone seldom speaks; see `test_rules`."""

import math
import random
from collections.abc import Callable
from dataclasses import replace

import optuna
import pytest

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import Advice, advise, results_of

Objective = Callable[[optuna.Trial], float]
SAMPLERS = ("coarse-to-fine", "random")


def searched(objective: Objective, kind: str = "random", n: int = 100, seed: int = 0):
    sampler: optuna.samplers.BaseSampler = (
        CoarseToFineSampler(seed=seed, narrowing=Narrowing(coarse_trials=8, stage_trials=20))
        if kind == "coarse-to-fine"
        else optuna.samplers.RandomSampler(seed=seed)
    )
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=n, catch=(ValueError,))
    return study


def said(advice: list[Advice]) -> list[tuple[str, str | None]]:
    return [(a.rule, a.parameter) for a in advice]


def noise(trial: optuna.Trial, deviation: float) -> float:
    return random.Random(trial.number).gauss(0, deviation)


def nothing(trial: optuna.Trial) -> float:
    trial.suggest_float("lr", 1e-4, 1, log=True)
    trial.suggest_float("rate", 0.001, 1)
    trial.suggest_float("beta", 0.5, 0.999)
    trial.suggest_int("depth", 1, 5)
    trial.suggest_int("batch_size", 16, 256, log=True)
    trial.suggest_categorical("kind", ["a", "b", "c", "d"])
    return 0.0


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("n", [60, pytest.param(150, marks=pytest.mark.slow)])
def test_chance_alone_seldom_speaks(kind: str, n: int):
    """Of twenty studies of pure noise, at most one is given any advice."""
    spoken = 0
    for seed in range(20):
        values = random.Random(seed)

        def objective(trial: optuna.Trial, values: random.Random = values) -> float:
            return nothing(trial) + values.gauss(0, 1)

        spoken += bool(advise(searched(objective, kind, n, seed)))
    assert spoken <= 1


def test_chance_of_failures_seldom_speaks():
    """Failures that strike at random are blamed on no region."""
    spoken = 0
    for seed in range(20):
        values = random.Random(seed)

        def objective(trial: optuna.Trial, values: random.Random = values) -> float:
            nothing(trial)
            if values.random() < 0.3:
                raise ValueError
            return values.gauss(0, 1)

        spoken += bool(advise(searched(objective, "random", 80, seed)))
    assert spoken <= 1


@pytest.mark.parametrize("n", [20, 60, pytest.param(300, marks=pytest.mark.slow)])
def test_chance_in_results_of_ray_seldom_speaks(n: int):
    """The same of trials as Ray leaves them: half of them stopped, ranges as seen."""
    spoken = 0
    for seed in range(20):
        values = random.Random(100 + seed)
        space = {
            "lr": Float(1e-4, 1, log=True),
            "rate": Float(0.001, 1),
            "depth": Int(1, 5),
            "kind": Categorical(["a", "b", "c"]),
        }
        search = CoarseToFine(space, seed=seed, narrowing=Narrowing.for_budget(n))
        for _ in range(n):
            trial, luck = search.ask(), values.random()
            if luck < 0.1:
                search.tell(trial)
            elif luck < 0.6:
                search.tell(trial, values.gauss(1, 1), state="stopped", progress=1)
            else:
                search.tell(trial, values.gauss(0, 1))
        results = results_of(search)
        unstaged = tuple(replace(t, stage=None) for t in results.trials)
        spoken += bool(advise(results))
        spoken += bool(advise(replace(results, trials=unstaged, stages=(), is_space_known=False)))
    assert spoken <= 2  # of forty


@pytest.mark.parametrize("n", [3, 10, 19])
def test_chance_in_few_trials_never_speaks(n: int):
    """Below twenty trials nothing is said at all."""
    for seed in range(20):
        values = random.Random(seed)

        def objective(trial: optuna.Trial, values: random.Random = values) -> float:
            return nothing(trial) + values.random()

        assert advise(searched(objective, n=n, seed=seed)) == []


def edge(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("lr", 1e-4, 1e-2, log=True), trial.suggest_float("y", -1, 1)
    return (math.log10(x) + 1) ** 2 + 0.3 * y * y + noise(trial, 0.05)


@pytest.mark.parametrize("kind", SAMPLERS)
def test_edge_speaks(kind: str):
    """An optimum beyond the upper end: widen, with a bound that is beyond it."""
    (advice,) = [a for a in advise(searched(edge, kind)) if a.rule == "edge"]
    assert advice.parameter == "lr"
    assert advice.suggestion == Float(1e-4, 0.1, log=True)


@pytest.mark.parametrize("kind", SAMPLERS)
def test_edge_is_silent_inside(kind: str):
    """An optimum close to the end, but inside, is no reason to widen."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("lr", 1e-4, 1e-2, log=True), trial.suggest_float("y", -1, 1)
        return 5 * (math.log10(x) + 2.15) ** 2 + y * y + noise(trial, 0.01)

    assert "edge" not in {a.rule for a in advise(searched(objective, kind))}


def test_edge_of_integers():
    """Integers widen by whole steps."""

    def objective(trial: optuna.Trial) -> float:
        return -trial.suggest_int("depth", 1, 4) + noise(trial, 0.1)

    (advice,) = [a for a in advise(searched(objective)) if a.rule == "edge"]
    assert advice.suggestion == Int(1, 6)


def test_edge_at_what_may_be_a_natural_end():
    """0 on a linear scale may be a natural end: that is said, and no bound is made up."""

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("dropout", 0, 0.5) + noise(trial, 0.01)

    (advice,) = [a for a in advise(searched(objective)) if a.rule == "edge"]
    assert advice.suggestion is None
    assert "natural" in advice.text


@pytest.mark.parametrize("kind", SAMPLERS)
def test_log_scale_speaks(kind: str):
    """A uniform scale over four decades with the best in the lowest: log, and the draws wasted."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("lr", 1e-4, 1), trial.suggest_float("y", -1, 1)
        return (math.log10(x) + 2) ** 2 + y * y + noise(trial, 0.05)

    (advice,) = [a for a in advise(searched(objective, kind, 150)) if a.parameter == "lr"]
    assert advice.rule == "log scale"
    assert advice.suggestion == Float(1e-4, 1, log=True)
    assert "%" in advice.evidence


def test_log_scale_is_silent_where_it_is_log():
    """The same objective on a log scale needs no advice about its scale."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("lr", 1e-4, 1, log=True)
        return (math.log10(x) + 2) ** 2 + noise(trial, 0.05)

    assert said(advise(searched(objective))) == []


@pytest.mark.parametrize("kind", SAMPLERS)
def test_one_minus_log_speaks(kind: str):
    """Best values that crowd below 1 want the one-minus-log scale."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("beta", 0.5, 0.999), trial.suggest_float("y", -1, 1)
        return (math.log10(1 - x) + 2) ** 2 + y * y + noise(trial, 0.05)

    (advice,) = [a for a in advise(searched(objective, kind, 150)) if a.parameter == "beta"]
    assert advice.rule == "one-minus-log scale"
    assert advice.suggestion == Float(0.5, 0.999, one_minus_log=True)


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("high", [1.0, 0.99])
def test_one_minus_log_is_silent_where_the_best_is_the_end(kind: str, seed: int, high: float):
    """A share of rows or features whose effect is linear is best at its end."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("subsample", 0.4, high), trial.suggest_float("y", -1, 1)
        return -x + 0.2 * y * y + noise(trial, 0.01)

    found = [a for a in advise(searched(objective, kind, 100, seed)) if a.parameter == "subsample"]
    assert {a.rule for a in found} <= {"edge"}
    assert all(a.suggestion is None or a.suggestion.bounds[-1] >= high for a in found)


def test_one_minus_log_speaks_below_one():
    """A range that reaches 1, where the best lies a hundredth below, wants it too."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("beta", 0.5, 1.0)
        return (math.log10(1 - x + 1e-9) + 2) ** 2 + noise(trial, 0.02)

    found = advise(searched(objective, "coarse-to-fine", 150))
    (advice,) = [a for a in found if a.parameter == "beta"]
    assert advice.rule == "one-minus-log scale"
    assert advice.suggestion is not None
    assert advice.suggestion.bounds[0] < 0.99 < advice.suggestion.bounds[-1] < 1


@pytest.mark.parametrize("kind", SAMPLERS)
@pytest.mark.parametrize("seed", range(3))
def test_log_scale_is_silent_where_the_best_is_the_end(kind: str, seed: int):
    """Of a linear effect over two decades the best is the lower end; no scale changes that."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("rate", 0.01, 1), trial.suggest_float("y", -1, 1)
        return x + 0.2 * y * y + noise(trial, 0.01)

    found = [a for a in advise(searched(objective, kind, 100, seed)) if a.parameter == "rate"]
    assert {a.rule for a in found} <= {"edge"}
    assert all(a.suggestion is None or a.suggestion.bounds[0] <= 0.01 for a in found)


def test_one_minus_log_is_silent_in_the_middle():
    """A best value in the middle of [0.5, 0.999] wants no other scale."""

    def objective(trial: optuna.Trial) -> float:
        return (trial.suggest_float("beta", 0.5, 0.999) - 0.75) ** 2

    assert said(advise(searched(objective))) == []


@pytest.mark.parametrize("kind", SAMPLERS)
def test_category_speaks(kind: str):
    """A choice that is much worse is dropped, the others stay."""

    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        y = trial.suggest_float("y", -1, 1)
        return 2 * (kind == "b") + y * y + noise(trial, 0.05)

    (advice,) = [a for a in advise(searched(objective, kind, 150)) if a.rule == "category"]
    assert advice.suggestion == Categorical(["a", "c"])


def test_category_is_silent_about_a_rare_choice():
    """A choice that was hardly tried has no chance to be among the best."""

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_categorical("kind", [*range(60)])
        return noise(trial, 1)

    assert "category" not in {a.rule for a in advise(searched(objective))}


def test_together_speaks():
    """Two parameters whose good values lie on a diagonal move together."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
        return 4 * (x - y) ** 2 + 0.2 * (x * x + y * y) + noise(trial, 0.03)

    (advice,) = advise(searched(objective))
    assert (advice.rule, "ratio" in advice.text) == ("together", True)


def test_learning_rate_and_batch_size_are_named():
    """A rate whose best region moves with the batch size is named as such."""

    def objective(trial: optuna.Trial) -> float:
        rate = math.log10(trial.suggest_float("learning_rate", 1e-4, 1, log=True))
        batch = math.log10(trial.suggest_int("batch_size", 8, 512, log=True))
        return 2 * (rate + 2 - (batch - 1.8)) ** 2 + noise(trial, 0.05)

    (advice,) = advise(searched(objective))
    assert advice.rule == "learning rate and batch size"
    assert "larger batches want a larger rate" in advice.text


@pytest.mark.parametrize("kind", SAMPLERS)
def test_together_is_silent_on_a_bowl(kind: str):
    """Five parameters with an optimum each are given no advice about pairs."""

    def objective(trial: optuna.Trial) -> float:
        values = [trial.suggest_float(f"x{i}", -1, 1) - 0.3 * i + 0.5 for i in range(5)]
        return sum(v * v for v in values) + noise(trial, 0.02)

    rules = {a.rule for a in advise(searched(objective, kind, 150))}
    assert rules <= {"spent"}


def test_idle_speaks():
    """A parameter without effect beside two that matter is idle."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
        trial.suggest_float("z", -1, 1)
        return x * x + y * y + noise(trial, 0.02)

    (advice,) = advise(searched(objective, n=150))
    assert (advice.rule, advice.parameter) == ("idle", "z")


def test_failures_speak():
    """A region in which everything fails is named, with a range that leaves it out."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("lr", 1e-4, 10, log=True), trial.suggest_float("y", -1, 1)
        if x > 0.5:
            raise ValueError
        return (math.log10(x) + 2) ** 2 + y * y

    (advice,) = [a for a in advise(searched(objective)) if a.rule == "failures"]
    assert isinstance(advice.suggestion, Float)
    assert advice.suggestion.low == 1e-4
    assert 0.3 <= advice.suggestion.high <= 1


def test_pruning_in_one_region_speaks():
    """Where most trials are stopped early and elsewhere few, the region is named."""

    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("lr", 1e-4, 10, log=True), trial.suggest_float("y", -1, 1)
        trial.report(x, 1)
        if x > 0.5:
            raise optuna.TrialPruned
        return (math.log10(x) + 2) ** 2 + y * y

    (advice,) = [a for a in advise(searched(objective)) if a.rule == "failures"]
    assert advice.parameter == "lr"
    assert "stopped early" in advice.text


def test_failures_of_a_choice():
    """A choice whose trials fail is left out."""

    def objective(trial: optuna.Trial) -> float:
        if trial.suggest_categorical("kind", ["a", "b", "c"]) == "b":
            raise ValueError
        return noise(trial, 1)

    (advice,) = [a for a in advise(searched(objective)) if a.rule == "failures"]
    assert (advice.parameter, advice.suggestion) == ("kind", Categorical(["a", "c"]))


def test_few_trials_say_nothing():
    """Below twenty trials there is no advice, however clear they look."""
    assert advise(searched(edge, n=19)) == []


def test_several_objectives_are_advised_by_front(two_objectives: optuna.Study):
    """A Pareto set is a ridge by nature: no advice about pairs."""
    assert "together" not in {a.rule for a in advise(two_objectives)}
