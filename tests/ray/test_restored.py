"""Experiments that go on: killed and restored, repaired, or begun anew with the same search."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ray import tune

from tests.support.experiments import (
    QUICK,
    SPACE,
    at_its_end,
    best_of,
    by_value,
    fitted,
    judge,
    rays_best,
    two_steps,
)
from tune_bn import Float
from tune_bn.ray import CoarseToFineSearch
from tune_bn.report.results.from_ray import results_of_ray_folder

pytestmark = pytest.mark.usefixtures("local_ray")


class Interrupt(tune.Callback):
    """Ends a run after some trials, as a killed driver would, but not the restored one."""

    def __init__(self, after: int, flag: Path) -> None:
        self.after, self.flag = after, flag

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        ended = sum(t.status == "TERMINATED" for t in trials)
        if ended >= self.after and not self.flag.exists():
            self.flag.touch()
            raise RuntimeError("interrupted")

    def __getstate__(self) -> dict[str, Any]:
        return {"after": self.after, "flag": self.flag}


@pytest.mark.parametrize(
    "damage", ["older written last", pytest.param("cut", marks=pytest.mark.slow)]
)
def test_a_restored_experiment(damage, tmp_path, monkeypatch):
    """The newest state by name counts, or what Tune saved of the trials where none is whole."""
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    path = tmp_path / f"restored {damage}"
    callbacks = [Interrupt(4, tmp_path / "flag")]
    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    with pytest.raises(RuntimeError, match="interrupted"):
        fitted(path, two_steps, search, run={"callbacks": callbacks})
    (old,) = path.glob("searcher-state-*")
    if damage == "cut":
        old.write_text("")
    grid = tune.Tuner.restore(str(path), by_value(two_steps), param_space=SPACE).fit()
    os.utime(old)
    again = CoarseToFineSearch()
    again.restore_from_dir(str(path))
    results = judge(grid, again, at_its_end())
    assert len(results.trials) == 8
    assert results.space == {"x": Float(0, 1)}
    assert len({t.params["x"] for t in results.trials}) == 8
    if damage != "cut":
        assert [s.name for s in results.stages][:2] == ["coarse", "fine 1"]


@pytest.mark.parametrize(
    ("limit", "ways"),
    [
        pytest.param(None, ("resume_errored",), marks=pytest.mark.slow),
        (2, ("resume_errored", "restart_errored")),
    ],
)
def test_repaired_trials_are_complete(limit, ways, tmp_path):
    """Also where a limiter keeps their end from the search, and where they have new ids.

    The search that runs in the restored experiment knows it, as does one that reads the folder.
    """
    repaired = tmp_path / "repaired"

    def train(config: dict[str, Any]) -> None:
        for step in (1, 2):
            tune.report({"loss": (config["x"] - 0.3) ** 2 + 1 / step})
            if config["x"] < 0.5 and not repaired.exists():
                raise RuntimeError("not yet repaired")

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / f"first {limit}", train, search, n=4, max_concurrent_trials=limit)
    judge(grid, search, at_its_end())
    n_failed = len(grid.errors)
    assert 0 < n_failed < 4
    repaired.touch()
    for how in ways:
        path = tmp_path / f"{how} {limit}"
        shutil.copytree(grid.experiment_path, path)
        options: dict[str, Any] = {how: True}
        tuner = tune.Tuner.restore(str(path), train, **options)
        after = tuner.fit()
        assert not after.errors
        running: Any = tuner._local_tuner
        again = CoarseToFineSearch()
        again.restore_from_dir(str(path))
        for found in (running._tune_config.search_alg, again):
            results = judge(after, found, at_its_end())
            assert len(results.complete) == 4
            assert results.space == {"x": Float(0, 1)}
            assert results.stages
        # New ids are new trials to the search; the failed ones stay in its memory.
        assert len(again.trials) == 4 + n_failed * (how == "restart_errored")


def test_a_second_experiment_of_one_search(tmp_path):
    """The search goes on with what it knows; the report of each experiment has its own trials.

    A ``Tuner`` that judges by something else is refused.
    """

    def train(config: dict[str, Any]) -> None:
        tune.report({"loss": config["x"], "acc": 1 - config["x"]})

    search = CoarseToFineSearch(seed=0)
    grids = [fitted(tmp_path / name, train, search, n=2) for name in ("first", "second")]
    assert len(search.trials) == 4
    for grid in grids:
        found = results_of_ray_folder(grid.experiment_path)
        assert len(found.trials) == 2
        assert best_of(found).value == rays_best(grid)
    with pytest.raises(
        ValueError, match="judged by metric='loss' and mode='min', but got metric='acc"
    ):
        fitted(tmp_path / "third", train, search, n=2, metric="acc", mode="max")
