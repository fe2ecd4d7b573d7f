"""Which trial of an experiment is the best, however its trials came to their ends."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from tests.support.experiments import (
    QUICK,
    SPACE,
    Outcome,
    at_its_end,
    best_of,
    by_value,
    fitted,
    judge,
    rays_best,
)
from tune_bn.ray import CoarseToFineSearch, StagesCallback

pytestmark = pytest.mark.usefixtures("local_ray")


def test_another_time_attr(tmp_path):
    """Trials of as many epochs, but of other numbers of reports, are all complete."""

    def train(config: dict[str, Any]) -> None:
        for epoch in range(1, 3):
            for _ in range(config["reports"]):
                loss = (config["x"] - 0.4) ** 2 + 0.1 * config["reports"] + 1 / epoch
                tune.report({"loss": loss, "epoch": epoch})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK, time_attr="epoch")
    space = {**SPACE, "reports": tune.choice([1, 2, 4])}
    grid = fitted(tmp_path / "epochs", train, search, space=space)
    results = judge(grid, search, at_its_end("epoch"))
    assert len(results.complete) == 8


class Clock(tune.Callback):
    """A clock by which an hour has gone when some results are there; and so it stays."""

    def __init__(self, after: int) -> None:
        self.after, self.seen = after, 0

    def on_trial_result(self, *args: Any, **info: Any) -> None:
        self.seen += 1

    def time(self) -> float:
        return 3600.0 * (self.seen >= self.after) + 1.0


def two_or_four(trial_id: str, result: dict[str, Any]) -> bool:
    """A function as ``stop``: the better trials end first."""
    del trial_id
    return bool(result["training_iteration"] >= (2 if result["loss"] < 0.3 else 4))


def test_samples_without_end(tmp_path, monkeypatch):
    """``num_samples=-1``, a time budget and a function as ``stop``, as Tune's guides have them.

    The schedule is that of an unknown budget; trials that the end of the time cut off are known.
    """
    clock = Clock(60)
    monkeypatch.setattr("ray.tune.stopper.timeout.time", clock)

    def train(config: dict[str, Any]) -> None:
        while True:
            tune.report({"loss": abs(config["x"] - 0.3)})

    search = CoarseToFineSearch(seed=0, time_attr=None)
    callbacks = [clock, StagesCallback(search)]
    grid = fitted(
        tmp_path / "endless",
        train,
        search,
        n=-1,
        time_budget_s=60,
        run={"stop": by_value(two_or_four), "callbacks": callbacks},
    )
    assert len(grid) >= 12
    results = judge(grid, search, at_its_end())
    assert search.stages()[0].trials[:8] == tuple(range(8))
    assert len(search.stages()) > 1
    assert {t.state for t in results.trials} <= {"complete", "failed"}
    assert not any(t.reason == "the trial ended by an error" for t in results.trials)


def stopped(bound: float, last: int) -> Callable[[tune.Result], Outcome]:
    """Returns an outcome for a run with a goal of accuracy and a last iteration."""

    def outcome(result: tune.Result) -> Outcome:
        metrics = result.metrics or {}
        reached = float(metrics["training_iteration"])
        how = "goal" if metrics["acc"] >= bound else "itself" if reached >= last else "stopped"
        return how, reached, float(metrics["loss"])

    return outcome


def test_a_goal_that_is_reached_ranks_first(tmp_path):
    """The sooner a trial gets to ``stop={"acc": 0.9}``, the less far it trains: it is no worse."""

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 50):
            distance = abs(config["x"] - 0.3)
            acc = min(step / 4, 1.0) * (1 - distance)
            tune.report({"acc": acc, "loss": distance + 4 / step})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    run = {"stop": {"acc": 0.85, "training_iteration": 9}}
    grid = fitted(tmp_path / "goal", train, search, n=10, run=run)
    results = judge(grid, search, stopped(0.85, 9))
    assert best_of(results).is_at_goal
    assert any(not t.is_at_goal for t in results.trials)
    assert abs(best_of(results).params["x"] - 0.3) < 0.15


def test_patience_is_no_reason_to_rank_last(tmp_path):
    """A trainable that returns when nothing gets better is complete, however soon it did."""

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 10):
            tune.report({"loss": abs(config["x"] - 0.3)})
            if config["x"] < 0.5 and step == 2:
                return

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "patience", train, search)
    results = judge(grid, search, at_its_end())
    assert len(results.complete) == 8
    assert best_of(results).value == rays_best(grid)


def test_without_a_time_only_the_value_counts(tmp_path):
    """``time_attr=None`` is for runs in which a stopper ends the trials, and no scheduler."""

    class Plateau(tune.Stopper):
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return bool(result["training_iteration"] >= (2 if result["loss"] < 0.3 else 4))

        def stop_all(self) -> bool:
            return False

    def train(config: dict[str, Any]) -> None:
        while True:
            tune.report({"loss": abs(config["x"] - 0.3)})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK, time_attr=None)
    grid = fitted(tmp_path / "plateau", train, search, run={"stop": [Plateau()]})
    results = judge(grid, search, at_its_end())
    assert len(results.complete) == 8


def test_a_lucky_trial_that_was_stopped(tmp_path):
    """Ray's own best is a trial that a scheduler stopped; the page says why ours is another."""

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 5):
            tune.report({"loss": config["x"] + (step > 1)})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    scheduler = ASHAScheduler(max_t=4, grace_period=1, reduction_factor=2)
    grid = fitted(tmp_path / "lucky", train, search, n=10, scheduler=scheduler)

    def outcome(result: tune.Result) -> Outcome:
        metrics = result.metrics or {}
        return "stopped", float(metrics["training_iteration"]), float(metrics["loss"])

    judge(grid, search, outcome)


def test_an_infinite_value_is_not_the_best(tmp_path):
    """A diverged trial of a metric that is maximised."""

    def train(config: dict[str, Any]) -> None:
        tune.report({"loss": np.inf if config["x"] > 0.5 else config["x"]})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "infinite", train, search, mode="max")
    results = judge(grid, search, at_its_end(), maximize=True)
    assert best_of(results).value <= 0.5
    assert any(np.isinf(t.value) for t in results.trials)
