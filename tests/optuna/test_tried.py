"""No point twice, whatever was enqueued, fixed, killed or failed, on whatever sampler object."""

import math
import pickle
from collections.abc import Callable

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.regions import UNTRIED
from tune_bn.optuna import CoarseToFineSampler

UNITS = [16, 32, 64, 128]
SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(1, 4),
    "b": CategoricalDistribution(["r", "g", "h"]),
}


def study_of(seed: int) -> optuna.Study:
    """Returns a new study."""
    return optuna.create_study(sampler=CoarseToFineSampler(seed=seed))


def of_twelve(trial: optuna.Trial) -> float:
    """Returns a loss of 12 combinations."""
    return (trial.suggest_int("a", 1, 4) - 3) ** 2 + (
        trial.suggest_categorical("b", ["r", "g", "h"]) != "g"
    )


def points(study: optuna.Study) -> list[tuple]:
    """Returns the values of each trial, by name."""
    return [tuple(sorted(t.params.items())) for t in study.get_trials(deepcopy=False)]


def layers(trial: optuna.Trial) -> float:
    """Returns a loss of 84 networks: one to three layers, with units of each."""
    n = trial.suggest_int("n_layers", 1, 3)
    units = [trial.suggest_categorical(f"units_{i}", UNITS) for i in range(n)]
    return abs(n - 2) + sum(abs(UNITS.index(u) - 2) for u in units) / n


def perceptron(trial: optuna.Trial) -> float:
    """Returns a loss of layers, each with units and a dropout rate, and a learning rate."""
    loss = 0.0
    for i in range(trial.suggest_int("n_layers", 1, 3)):
        loss += abs(trial.suggest_int(f"units_{i}", 4, 128) - 60) / 60
        loss += abs(trial.suggest_float(f"dropout_{i}", 0.2, 0.5) - 0.3)
    loss += trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"]) != "Adam"
    return loss + abs(math.log10(trial.suggest_float("lr", 1e-5, 1e-1, log=True)) + 3)


def boosters(trial: optuna.Trial) -> float:
    """Returns a loss of three boosters, two of which have parameters of their own."""
    booster = trial.suggest_categorical("booster", ["gbtree", "gblinear", "dart"])
    loss = abs(math.log10(trial.suggest_float("lambda", 1e-8, 1.0, log=True)) + 4)
    if booster != "gblinear":
        loss += abs(trial.suggest_int("max_depth", 1, 9) - 5)
        loss += abs(math.log10(trial.suggest_float("eta", 1e-8, 1.0, log=True)) + 2)
    if booster == "dart":
        loss += trial.suggest_float("skip_drop", 1e-8, 1.0, log=True)
    return loss


def models(trial: optuna.Trial) -> float:
    """Returns a loss of two models: one of a real parameter, one of an integer."""
    if trial.suggest_categorical("classifier", ["SVC", "forest"]) == "SVC":
        return 0.1 + abs(math.log10(trial.suggest_float("svc_c", 1e-10, 1e10, log=True)) - 1) / 20
    return abs(trial.suggest_int("depth", 2, 32, log=True) - 9) / 30


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_new", [False, True], ids=["one object", "new objects"])
def test_partly_enqueued_points_hide_no_combination(seed, is_new):
    """What was drawn in place of an enqueued value was not run: all 12 combinations are."""
    study = study_of(seed)
    study.optimize(of_twelve, n_trials=8)
    for _ in range(3):
        study.enqueue_trial({"a": 3})
    study.optimize(of_twelve, n_trials=3)
    if is_new:
        study.sampler = CoarseToFineSampler(seed=seed)
    study.optimize(of_twelve, n_trials=10)
    assert len(set(points(study))) == 12


def _raises(trial: optuna.Trial) -> float:
    a = trial.suggest_int("a", 1, 4)
    if trial.number % 5 == 4:
        raise RuntimeError("before it asked for b")
    return a + len(trial.suggest_categorical("b", ["r", "g", "h"]))


@pytest.mark.parametrize("seed", range(4))
def test_an_objective_that_raises_hides_no_combination(seed):
    """It raises before its last parameter: another trial tries what this one did not."""
    study = study_of(seed)
    study.optimize(_raises, n_trials=45, catch=RuntimeError)
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert len({tuple(t.params.values()) for t in complete}) == 12


@pytest.mark.parametrize("seed", range(6))
def test_a_fixing_sampler_hides_no_combination(seed):
    """While another sampler fixes a parameter, draws of the other one are remembered as run."""
    study = study_of(seed)
    study.optimize(of_twelve, n_trials=9)
    own = study.sampler
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        study.sampler = optuna.samplers.PartialFixedSampler({"a": 2}, own)
    study.optimize(of_twelve, n_trials=6)
    study.sampler = own
    study.optimize(of_twelve, n_trials=12)
    assert len(set(points(study))) == 12


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.RUNNING])
def test_what_has_no_result_is_tried_again_before_others_are_repeated(seed, state):
    """A worker was killed, or failed once: of 12 combinations 12 have a result in 13 trials."""
    study = study_of(seed)
    study.optimize(of_twelve, n_trials=8)
    lost = study.ask(SPACE)
    if state == TrialState.FAIL:
        study.tell(lost, state=state)
    done = {tuple(t.params.values()) for t in study.trials if t.state == TrialState.COMPLETE}
    study.optimize(of_twelve, n_trials=12 - len(done))
    done = {tuple(t.params.values()) for t in study.trials if t.state == TrialState.COMPLETE}
    assert len(done) == 12


def test_what_always_fails_is_given_up():
    """After three trials in vain the others are repeated, as where nothing is left."""
    study = study_of(0)

    def objective(trial: optuna.Trial) -> float:
        value = of_twelve(trial)
        if trial.params == {"a": 1, "b": "r"}:
            raise RuntimeError("always")
        return value

    study.optimize(objective, n_trials=60, catch=RuntimeError)
    failed = [t.number for t in study.trials if t.state == TrialState.FAIL]
    coarse = [n for n in failed if n < 8]
    assert 0 < len(failed) <= max(3, len(coarse))


OBJECTIVES: list[Callable[[optuna.Trial], float]] = [of_twelve, layers, perceptron, models]


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(3))
def test_a_draw_does_not_depend_on_the_object(objective, seed):
    """The same object, a new one every seven trials, and a pickled study draw the same."""
    one, new, copied = study_of(seed), study_of(seed), study_of(seed)
    one.optimize(objective, n_trials=42)
    for _ in range(6):
        new.optimize(objective, n_trials=7)
        new.sampler = CoarseToFineSampler(seed=seed)
        copied.optimize(objective, n_trials=7)
        copied = pickle.loads(pickle.dumps(copied))
    assert points(one) == points(new) == points(copied)


@pytest.mark.parametrize("objective", [perceptron, boosters])
@pytest.mark.parametrize("seed", range(10))
def test_no_point_twice_where_each_branch_has_a_real_parameter(objective, seed):
    """What changes belongs to the branch that is taken."""
    study = study_of(seed)
    study.optimize(objective, n_trials=60)
    assert len(set(points(study))) == 60


@pytest.mark.parametrize("seed", range(10))
def test_no_point_twice_in_a_branch_with_a_real_parameter(seed):
    """Also where the other branch has none, and is better."""
    study = study_of(seed)
    study.optimize(models, n_trials=60)
    real = [point for point in points(study) if ("classifier", "SVC") in point]
    assert len(set(real)) == len(real)
    others = [t.params["depth"] for t in study.trials[8:] if "depth" in t.params]
    assert len(set(others)) > 0.8 * min(len(others), 31)


def test_finite_branches_are_covered_better_than_at_random():
    """Of 84 networks at least 1.3 times as many are tried in 84 trials."""

    def n_distinct(make: Callable[[int], optuna.samplers.BaseSampler]) -> int:
        total = 0
        for seed in range(5):
            study = optuna.create_study(sampler=make(seed))
            study.optimize(layers, n_trials=84)
            total += len(set(points(study)))
        return total

    ours = n_distinct(lambda seed: CoarseToFineSampler(seed=seed))
    assert ours > 1.3 * n_distinct(lambda seed: optuna.samplers.RandomSampler(seed=seed))


def test_a_parameter_with_one_value_hides_no_repetition():
    """Optuna asks for no such value, but the trials have it."""
    study = study_of(0)

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_int("one", 7, 7)
        return of_twelve(trial)

    study.optimize(objective, n_trials=26)
    assert len(set(points(study))) == 12


def test_choices_that_optuna_stores_as_one_are_one():
    """Of True and 1 it stores the first: the second is not left untried for ever."""
    study = study_of(0)
    study.optimize(lambda t: float(t.suggest_categorical("c", [True, 1, 0, "x"]) != "x"), 40)
    late = [t.params["c"] for t in study.trials[20:]]
    assert late.count("x") > 5


def test_what_was_left_untried_is_worked_out_again_by_another_object():
    """The mark says which it was; a process that takes the trial up draws the same."""
    study = study_of(3)
    n_untried = 0
    for _ in range(16):
        trial = study.ask()
        mark = Mark.read(trial.user_attrs[MARK_KEY], trial.number)
        n_untried += mark is not None and mark.kind == UNTRIED
        frozen = study.get_trials(deepcopy=False)[trial.number]
        drawn = study.sampler.sample_relative(study, frozen, SPACE)
        again = CoarseToFineSampler(seed=3)
        study.add_trial(create_trial(value=0.0, params={"a": 1, "b": "r"}, distributions=SPACE))
        assert again.sample_relative(study, frozen, SPACE) == drawn
        study.tell(trial, of_twelve(trial))
    assert n_untried
