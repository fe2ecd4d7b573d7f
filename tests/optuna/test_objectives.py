"""Several objectives: windows around the Pareto front."""

import math

import optuna
import pytest

from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler, stages


def zdt1(trial: optuna.Trial) -> tuple[float, float]:
    """Returns ZDT1 in six dimensions (Zitzler, Deb & Thiele 2000); the front has g = 1."""
    x = [trial.suggest_float(f"x{i}", 0, 1) for i in range(6)]
    g = 1 + 9 * sum(x[1:]) / 5
    return x[0], g * (1 - math.sqrt(x[0] / g))


def hypervolume(study: optuna.Study, reference: tuple[float, float]) -> float:
    """Returns the area between the front and the reference point; both objectives minimized."""
    area, previous = 0.0, reference[1]
    for a, b in sorted(tuple(t.values) for t in study.best_trials):
        if a < reference[0] and b < previous:
            area += (reference[0] - a) * (previous - b)
            previous = b
    return area


def run(sampler: optuna.samplers.BaseSampler, n: int = 200) -> float:
    """Returns the hypervolume after n trials."""
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    study.optimize(zdt1, n_trials=n)
    return hypervolume(study, (1.1, 7.0))


def test_narrowing_finds_the_front():
    """The front is far ahead of the one that random points form: they leave half of the gap."""
    full = 1.1 * 7.0 - 1 / 3  # less the area below the front b = 1 - sqrt(a), about
    ours = run(CoarseToFineSampler(seed=0))
    plain = run(CoarseToFineSampler(seed=0, narrowing=Narrowing.off()))
    assert plain < ours < full
    assert full - ours < 0.5 * (full - plain)


def test_maximizing_one_of_two():
    """Each objective has its own direction."""
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=CoarseToFineSampler(seed=0)
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x - abs(y - 0.5), x**2 + abs(y - 0.5)

    study.optimize(objective, n_trials=120)
    late = [abs(t.params["y"] - 0.5) for t in study.trials[80:]]
    assert sorted(late)[20] < 0.1
    xs = [t.params["x"] for t in study.best_trials]
    assert max(xs) - min(xs) > 0.7


def test_stages_of_several_objectives():
    """Stages are there, without a single best value; the attribute stays small."""
    study = optuna.create_study(directions=["minimize"] * 3, sampler=CoarseToFineSampler(seed=0))
    study.optimize(
        lambda t: tuple(abs(t.suggest_float("x", 0, 1) - c) for c in (0.1, 0.5, 0.9)), n_trials=60
    )
    found = stages(study)
    assert len(found) > 2
    assert all(s.best_value is None for s in found)
    assert all(len(t.user_attrs["tune_bn:stage"]) < 600 for t in study.trials)


def test_hypervolume_can_fail():
    """The judge sees a front that lacks a point."""
    study = optuna.create_study(directions=["minimize", "minimize"])
    study.add_trial(optuna.trial.create_trial(values=[1.0, 1.0]))
    one = hypervolume(study, (2.0, 2.0))
    study.add_trial(optuna.trial.create_trial(values=[0.0, 1.5]))
    assert one == pytest.approx(1.0)
    assert hypervolume(study, (2.0, 2.0)) == pytest.approx(1.5)
