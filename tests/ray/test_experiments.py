"""Whole experiments: the search, its stages, the reports and Ray's own table name one truth."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs
import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Repeater

from tests.support.experiments import (
    QUICK,
    SPACE,
    Outcome,
    at_its_end,
    best_of,
    fitted,
    judge,
    two_steps,
)
from tune_bn import Float, SpaceError
from tune_bn.ray import CoarseToFineSearch, StagesCallback
from tune_bn.report import ReportError, results_of
from tune_bn.report.pages.page import page
from tune_bn.report.results.from_ray import results_of_ray_folder

pytestmark = pytest.mark.usefixtures("local_ray")


def last_reported(result: tune.Result) -> Outcome:
    """Returns an outcome with the last value of a metric that the last result lacks."""
    metrics = result.metrics or {}
    return "itself", float(metrics["training_iteration"]), float(int(1000 * metrics["accuracy"]))


def test_a_metric_with_any_name_and_of_numpy(tmp_path, monkeypatch):
    """One that begins like Tune's own, that the last result lacks, and that is no Python number."""
    monkeypatch.setenv("TUNE_DISABLE_STRICT_METRIC_CHECKING", "1")

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 4):
            result = {"done_ratio": step / 3, "accuracy": config["x"]}
            if step == 2:
                result["time_to_target"] = np.int64(1000 * config["x"])
            tune.report(result)

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "names", train, search, metric="time_to_target", n=5)
    results = judge(grid, search, last_reported)
    assert [t.state for t in results.trials] == ["complete"] * 5


def test_repeated_trials_count_once(tmp_path):
    """The mean of the copies counts, a single lucky copy does not, and their index is nothing."""

    def train(config: dict[str, Any]) -> None:
        lucky = config["__trial_index__"] == 1 and config["x"] > 0.5
        tune.report({"loss": config["x"] - 3.0 * lucky + 3.0 * (config["__trial_index__"] == 2)})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "repeated", train, Repeater(search, repeat=3), n=12)
    results = judge(grid, search, at_its_end(), is_repeated=True)
    assert len(results.trials) == 4
    assert list(results.space) == ["x"]
    for trial in results.trials:
        x = trial.params["x"]
        assert trial.value == pytest.approx(np.mean([x, x - 3 * (x > 0.5), x + 3]))
    # Nothing is lost where only the records of Tune are left.
    again = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    (state,) = Path(grid.experiment_path).glob("searcher-state-*")
    state.write_text("")
    again.restore_from_dir(grid.experiment_path)
    assert sorted(t.value for t in again.trials) == pytest.approx(
        sorted(t.value for t in search.trials)
    )


def test_values_as_frameworks_report_them(tmp_path, monkeypatch):
    """np.float32, Decimal, bool: any real number; also where the search is made of Tune's files."""
    monkeypatch.delenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS")

    def train(config: dict[str, Any]) -> None:
        kinds = (np.float32, Decimal, lambda value: value < 0.5)
        tune.report({"loss": kinds[config["kind"]](config["x"])})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    space = {**SPACE, "kind": tune.choice([0, 1, 2])}
    grid = fitted(tmp_path / "kinds", train, search, space=space)
    results = judge(grid, search, at_its_end())
    assert {t.params["kind"] for t in results.trials} == {0, 1, 2}
    (state,) = Path(grid.experiment_path).glob("searcher-state-*")
    state.write_text("")
    again = CoarseToFineSearch(space, "loss", "min", seed=0)
    again.restore_from_dir(grid.experiment_path)
    assert sorted(t.value for t in again.trials) == sorted(t.value for t in search.trials)


def test_storage_behind_a_filesystem(tmp_path):
    """A store that is no local folder: the space and the stages are there."""
    files = pyarrow.fs.SubTreeFileSystem(str(tmp_path), pyarrow.fs.LocalFileSystem())
    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    run = {
        "storage_path": "store",
        "storage_filesystem": files,
        "name": "behind",
        "callbacks": [StagesCallback(search)],
    }
    grid = fitted(tmp_path / "behind", two_steps, search, run=run)
    results = results_of(grid)
    assert results.space == {"x": Float(0, 1)}
    assert [s.to_json() for s in results.stages] == [s.to_json() for s in search.stages()]
    assert best_of(results).value == search.best.value


def test_an_experiment_of_another_searcher(tmp_path):
    """It names its metric and its ``stop``; how far a trial trained may be said, the mode must be.

    Trials report as often as they like, but are stopped after epochs.
    """

    def train(config: dict[str, Any]) -> None:
        for step in range(1, 9):
            for _ in range(1 + (config["x"] < 0.5)):
                epochs = step / 2 if config["x"] < 0.5 else step
                acc = min(1.0, (1 - config["x"]) * step / 4)
                tune.report({"loss": config["x"] + 1 / step, "epochs": epochs, "acc": acc})

    scheduler = ASHAScheduler(time_attr="epochs", max_t=4, grace_period=1, reduction_factor=2)
    run = {"stop": {"acc": 0.9}}
    grid = fitted(tmp_path / "foreign", train, None, n=6, scheduler=scheduler, run=run)

    def outcome(result: tune.Result) -> Outcome:
        metrics = result.metrics or {}
        how = "goal" if metrics["acc"] >= 0.9 else "stopped"
        return how, float(metrics["epochs"]), float(metrics["loss"])

    judge(grid, None, outcome, time_attr="epochs")
    judge(grid, None, lambda result: ("itself", *outcome(result)[1:]), time_attr="")
    path = grid.experiment_path
    with pytest.raises(ReportError, match="'loss' should be small or large.*Give the mode"):
        results_of_ray_folder(path)
    with pytest.raises(ReportError, match="time_attr that trials report, but got 'epoch'"):
        results_of(grid, time_attr="epoch")
    with pytest.raises(ReportError, match="'acc' should be small or large.*Give the mode"):
        results_of(grid, metric="acc")
    assert results_of(grid, metric="acc", mode="max").maximize


class Sgd:
    """A class among the choices."""


class Adam:
    """Another one."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_objects_have_their_names(tmp_path):
    """Classes, numpy's numbers and conditional dicts among choices: in best, stages and page.

    What `search.best` names is a point for another search over the same space.
    """
    for kind in (Sgd, Adam):
        kind.__module__ = "__main__"
    space = {
        **SPACE,
        "optimizer": tune.choice([Sgd, Adam]),
        "width": tune.choice([np.int64(8), np.int64(16)]),
        "share": tune.choice([np.float64(0.5), np.float64(0.25)]),
        "schedule": tune.choice([{"kind": Sgd, "rate": tune.uniform(0, 1)}, None]),
    }

    def train(config: dict[str, Any]) -> None:
        assert isinstance(config["optimizer"], type)
        tune.report({"loss": config["x"] + (config["optimizer"].__name__ == "Sgd")})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "objects", train, search, space=space, n=10)
    results = judge(grid, search, at_its_end())
    assert repr(search.best.params["optimizer"]) == "Adam"
    choices = results.space["optimizer"].bounds
    assert [repr(choice) for choice in choices] == ["Sgd", "Adam"]
    assert [repr(choice) for choice in results.space["width"].bounds] == ["8", "16"]
    assert results.space["share"].bounds == (0.5, 0.25)
    assert "Sgd" in str(results.space["schedule"].bounds[0])
    text = page(results)
    assert "Adam" in text
    assert "__ref_ph" not in text
    folder = Path(grid.experiment_path)
    assert "__ref_ph" not in page(results_of_ray_folder(folder))
    again = CoarseToFineSearch(points_to_evaluate=[search.best.params], seed=1)
    grid = fitted(tmp_path / "again", train, again, space=space, n=1)
    assert again.trials[0].params == search.best.params
    assert grid.get_best_result().metrics == grid[0].metrics


def test_a_domain_that_a_function_returns_is_refused(tmp_path):
    """Nobody would draw it: the trainable would get the domain itself."""

    def train(config: dict[str, Any]) -> None:
        for _ in range(3):
            tune.report({"loss": config["x"]})

    space = {**SPACE, "late": tune.sample_from(lambda config: [tune.uniform(0, 1)])}
    search = CoarseToFineSearch(seed=0)
    message = "'late' needs to return a value, but returned the domain Float"
    with pytest.raises(tune.TuneError, match=message):
        fitted(tmp_path / "late", train, search, space=space, n=1)
    with pytest.raises(SpaceError, match=message):
        CoarseToFineSearch(space, "loss", "min").suggest("a")
