"""Every distribution, and spaces that change while the study runs."""

import math
import warnings
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tests.support.judges import equal_counts_p
from tests.support.storages import open_storage
from tests.support.studies import said_untrue
from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler

EARLY = Narrowing(coarse_trials=2, stage_trials=3)

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "float": FloatDistribution(-1.0, 1.0),
    "float_log": FloatDistribution(1e-7, 1.0, log=True),
    "float_step": FloatDistribution(-10.2, 10.2, step=0.1),
    "float_tiny_to_huge": FloatDistribution(1e-300, 1e300, log=True),
    "float_widest": FloatDistribution(-1.7e308, 1.7e308),
    "int": IntDistribution(-10, 10),
    "int_step": IntDistribution(-10, 10, step=4),
    "int_log": IntDistribution(1, 10**9, log=True),
    "int_wide": IntDistribution(-(2**61), 2**61),
    "int_wide_log": IntDistribution(1, 2**62, log=True),
    "choice": CategoricalDistribution(["a", None, True, 3]),
    "single_float": FloatDistribution(0.5, 0.5),
    "single_int": IntDistribution(7, 7),
    "single_choice": CategoricalDistribution(["only"]),
}


def finite_value(params) -> float:
    """Returns a loss that depends on every parameter and never overflows."""
    return sum(math.tanh(float(v)) if isinstance(v, (int, float)) else 0.5 for v in params.values())


@pytest.mark.parametrize("seed", range(3))
def test_every_distribution_coarse_and_fine(seed):
    """Values are inside their distribution and of python's own types, in every stage."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed, narrowing=EARLY))
    for _ in range(40):
        trial = study.ask(DISTRIBUTIONS)
        for name, distribution in DISTRIBUTIONS.items():
            value = trial.params[name]
            assert distribution._contains(distribution.to_internal_repr(value)), name
            assert type(value) in (float, int, str, bool, type(None)), name
            assert isinstance(value, float) == name.removeprefix("single_").startswith("float")
        study.tell(trial, finite_value(trial.params))


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.one_of(
            st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e6)).map(
                lambda p: FloatDistribution(p[0], p[0] + p[1])
            ),
            st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**40)).map(
                lambda p: IntDistribution(p[0], p[0] + p[1])
            ),
            st.integers(1, 6).map(lambda n: CategoricalDistribution(list(range(n)))),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_space(distributions):
    """Whatever the names and ranges, twelve trials stay inside."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0, narrowing=EARLY))
    for i in range(12):
        trial = study.ask(distributions)
        for name, distribution in distributions.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))
        study.tell(trial, float(-i))


@pytest.mark.parametrize("n_before", [0, 1], ids=["coarse", "fine"])
def test_cells_have_equal_weight_ends_included(n_before):
    """Integers, steps and choices are equally likely, in the coarse stage and in a full window."""
    narrowing = Narrowing(coarse_trials=1, elites=1, width=1.0, min_width=1.0, vary=None, zoom=0.0)
    space: dict[str, BaseDistribution] = {
        "i": IntDistribution(0, 4),
        "s": FloatDistribution(0, 1, step=0.25),
        "c": CategoricalDistribution([0, 1, 2, 3, 4]),
    }
    seen: dict[str, list] = {name: [] for name in space}
    for seed in range(600):
        study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed, narrowing=narrowing))
        for _ in range(n_before):
            study.enqueue_trial({"i": 2, "s": 0.5, "c": 2})
            study.tell(study.ask(space), 0.0)
        trial = study.ask(space)
        for name in space:
            seen[name].append(trial.params[name])
    assert equal_counts_p(seen["i"], range(5)) > 1e-3
    assert equal_counts_p(seen["s"], [0.0, 0.25, 0.5, 0.75, 1.0]) > 1e-3
    assert equal_counts_p(seen["c"], range(5)) > 1e-3


def test_two_hundred_parameters():
    """A space of 200 parameters is searched, and the best is improved upon."""
    space: dict[str, BaseDistribution] = {f"x{i}": FloatDistribution(0, 1) for i in range(200)}
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    for _ in range(60):
        trial = study.ask(space)
        study.tell(trial, sum((v - 0.5) ** 2 for v in trial.params.values()))
    assert study.best_trial.number >= 8


def test_categories_may_be_any_objects():
    """Functions, lists, None and bools are choices; the choice itself is returned."""
    choices = [len, [1, 2], None, True, 1, "1", float("nan")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Optuna warns of what no database can hold
        study = optuna.create_study(sampler=CoarseToFineSampler(seed=0, narrowing=EARLY))
        seen = []
        for _ in range(40):
            trial = study.ask()
            value = trial.suggest_categorical("c", choices)  # type: ignore[arg-type]  # any objects
            assert any(value is c for c in choices)
            seen.append(choices.index(value))
            study.tell(trial, 1.0 if callable(value) else 2.0)
    assert len(set(seen)) > 3
    assert seen.count(0) > 10


def conditional(trial: optuna.Trial) -> float:
    """Returns a loss of two branches, of which the second has a parameter of its own."""
    x = trial.suggest_float("x", 0, 1)
    if trial.suggest_categorical("branch", ["a", "b"]) == "a":
        return x + trial.suggest_float("a", 0, 1)
    return x + abs(trial.suggest_float("b", 0, 1) - 0.7) - 0.5


def test_conditional_spaces_are_narrowed_in_the_better_branch():
    """Late trials take the better branch, and its own parameter is narrowed too."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=1))
    study.optimize(conditional, n_trials=120)
    late = study.trials[80:]
    in_b = [t for t in late if t.params["branch"] == "b"]
    assert len(in_b) > len(late) / 2
    assert study.best_value < -0.45


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 0.2), (0.8, 1.0), (5.0, 6.0), (-3.0, 3.0)],
    ids=["shrunk", "shrunk away from the best", "moved away", "grown"],
)
def test_a_range_that_changes_is_followed(low, high):
    """After a change every value is inside the new range, which is used to its ends."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=25)
    study.optimize(lambda t: -t.suggest_float("x", low, high), n_trials=75)
    values = [t.params["x"] for t in study.trials[25:]]
    assert all(low <= v <= high for v in values)
    assert max(values) > high - 0.05 * (high - low)


def test_a_parameter_that_is_new_is_searched():
    """A parameter that appears late starts on its whole range and is narrowed like the others."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=30)

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + abs(trial.suggest_float("y", 0, 1) - 0.3) - 5

    study.optimize(objective, n_trials=80)
    assert abs(study.best_params["y"] - 0.3) < 0.05


@pytest.mark.parametrize("address", [None, "sqlite:///{}/s.db", "journal:{}/j.log"])
@pytest.mark.filterwarnings("ignore:Choices for a categorical:UserWarning")
def test_choices_that_are_tuples(address, tmp_path):
    """A storage hands them back as lists: the same draws as in memory, by any object."""
    layers: Any = [(64,), (64, 32), (128, 64, 32)]

    def drawn(storage: optuna.storages.BaseStorage | None) -> list[tuple]:
        found = []

        def objective(trial: optuna.Trial) -> float:
            units = trial.suggest_categorical("units", layers)
            rate = trial.suggest_float("rate", 1e-4, 1, log=True)
            found.append((units, rate))
            return float(abs(layers.index(units) - 1) + abs(math.log10(rate) + 2))

        study = optuna.create_study(storage=storage, sampler=CoarseToFineSampler(seed=0))
        for _ in range(3):
            study.optimize(objective, n_trials=8)
            study.sampler = CoarseToFineSampler(seed=0)
        assert said_untrue(study) == []
        return found

    storage = None if address is None else open_storage(address.format(tmp_path))
    found = drawn(storage)
    assert found == drawn(None)
    assert [units for units, _ in found[12:]].count((64, 32)) > 8
