"""Whole experiments: the search, its stages, the reports and Ray's own table name one truth."""

import os
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs
import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Repeater

from tests.support.experiments import RULES, Heard, Outcome, judge, rank, verdict
from tune_bn import Float, Narrowing, SpaceError
from tune_bn.ray import CoarseToFineSearch, StagesCallback
from tune_bn.report import ReportError, results_of
from tune_bn.report.pages.page import page
from tune_bn.report.results.from_ray import results_of_ray_folder
from tune_bn.report.results.results import Results, TrialResult

pytestmark = pytest.mark.usefixtures("local_ray")

SPACE = {"x": tune.uniform(0, 1)}
QUICK = Narrowing(coarse_trials=3, stage_trials=3)


def by_value(function: Any) -> Any:
    """Returns a trainable that is pickled by value, so that workers need not import the tests."""
    function.__module__ = "__main__"
    return function


def fitted(
    path: Path,
    train: Any,
    search: Any,
    *,
    n: int = 8,
    metric: str = "loss",
    mode: str = "min",
    space: Any = None,
    run: dict[str, Any] | None = None,
    **config: Any,
) -> tune.ResultGrid:
    """Runs an experiment quietly in a folder; the folder's name is the experiment's.

    A trial takes all of the Ray, so that one worker process, which is slow to start, is enough.
    """
    return tune.Tuner(
        tune.with_resources(by_value(train), {"cpu": 2}),
        param_space=space or SPACE,
        tune_config=tune.TuneConfig(
            metric=metric,
            mode=mode,
            num_samples=n,
            search_alg=search,
            reuse_actors=True,
            **config,
        ),
        run_config=tune.RunConfig(
            **{"storage_path": str(path.parent), "name": path.name, "verbose": 0, **(run or {})}
        ),
    ).fit()


def best_of(results: Results) -> TrialResult:
    """Returns the best trial of a report."""
    assert results.best is not None
    return results.best


def rays_best(grid: tune.ResultGrid) -> float:
    """Returns the loss of Ray's own best result."""
    metrics = grid.get_best_result().metrics
    assert metrics is not None
    return float(metrics["loss"])


def at_its_end(
    time_attr: str = "training_iteration", metric: str = "loss"
) -> Callable[[tune.Result], Outcome]:
    """Returns an outcome for experiments in which every trial ends by itself."""

    def outcome(result: tune.Result) -> Outcome:
        metrics = result.metrics or {}
        how = "failed" if result.error or metric not in metrics else "itself"
        return how, float(metrics.get(time_attr, 0)), float(metrics.get(metric, np.nan))

    return outcome


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


def two_steps(config: dict[str, Any]) -> None:
    for step in (1, 2):
        tune.report({"loss": (config["x"] - 0.3) ** 2 + 1 / step})


@pytest.mark.parametrize("damage", ["older written last", "cut"])
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
    ("limit", "ways"), [(None, ("resume_errored",)), (2, ("resume_errored", "restart_errored"))]
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


def test_an_infinite_value_is_not_the_best(tmp_path):
    """A diverged trial of a metric that is maximised."""

    def train(config: dict[str, Any]) -> None:
        tune.report({"loss": np.inf if config["x"] > 0.5 else config["x"]})

    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    grid = fitted(tmp_path / "infinite", train, search, mode="max")
    results = judge(grid, search, at_its_end(), maximize=True)
    assert best_of(results).value <= 0.5
    assert any(np.isinf(t.value) for t in results.trials)


OUTCOMES: dict[str, Outcome] = {
    "stopped": ("stopped", 3, 0.1),
    "itself": ("itself", 2, 0.4),
    "furthest": ("stopped", 9, 0.5),
    "goal": ("goal", 1, 0.9),
    "later": ("goal", 5, 0.9),
    "infinite": ("itself", 9, -np.inf),
    "failed": ("failed", 9, 0.0),
}


def test_the_judge_can_tell_ranks_apart():
    """The rule that the judge goes by is not satisfied by any order."""
    right = ["goal", "later", "itself", "furthest", "stopped", "infinite"]
    assert rank(OUTCOMES) == right
    assert rank(dict(reversed(OUTCOMES.items()))) == right
    assert rank(OUTCOMES, maximize=True) != right


def heard(**outcomes: Outcome) -> Heard:
    """Returns what is said of an experiment about which all say what is right."""
    table = outcomes or {i: OUTCOMES[i] for i in ("stopped", "itself", "furthest")}
    states = {"stopped": "pruned", "failed": "failed"}
    trials = {
        i: (states.get(how, "complete"), () if how == "failed" else (value,), {"x": value})
        for i, (how, _, value) in table.items()
    }
    best = rank(table)[0]
    return Heard(
        {name: dict(trials) for name in ("grid", "folder", "search")},
        dict.fromkeys(("grid", "folder", "search", "memory"), (best, (table[best][2],))),
        {name: {0: ({"x": (0, 1)}, 0.4)} for name in ("grid", "folder", "search")},
        dict(table),
        f"Ray's own best result is of trial 0, which {RULES['far']}.",
    )


TAMPERED: dict[str, Any] = {
    "grid and folder know different trials": lambda h: h.trials["folder"].popitem(),
    "the search knows other trials": lambda h: h.trials["search"].update(
        itself=("complete", (0.4,), {"x": 0.2})
    ),
    "Ray has other trials": lambda h: h.table.update(new=("itself", 9, 0.7)),
    "there are several best trials": lambda h: h.best.update(memory=("itself", (0.41,))),
    "stages differ": lambda h: h.stages["search"].update({0: ({"x": (0, 1)}, 0.1)}),
    "states differ from Ray's": lambda h: h.table.update(furthest=("failed", 9, 0.5)),
    "values differ from Ray's": lambda h: h.table.update(furthest=("stopped", 9, 0.6)),
    "another trial is the best": lambda h: h.table.update(itself=("stopped", 2, 0.4)),
    "the page names another rule": lambda h: setattr(h, "found", f"Ray's own best {RULES['goal']}"),
    "the page is silent on Ray's best": lambda h: setattr(h, "found", RULES["far"]),
}


@pytest.mark.parametrize("message", TAMPERED)
def test_each_comparison_of_the_judge_can_fail(message):
    """What is right passes, and whatever one of them says wrongly is found."""
    said = heard()
    verdict(said)
    TAMPERED[message](said)
    with pytest.raises(AssertionError, match=message):
        verdict(said)


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("far", {"a": ("stopped", 3, 0.1), "b": ("itself", 9, 0.4)}),
        ("goal", {"a": ("itself", 9, 0.1), "b": ("goal", 2, 0.4)}),
        ("failed", {"a": ("failed", 9, 0.1), "b": ("itself", 9, 0.4)}),
    ],
)
def test_the_judge_knows_which_rule_made_the_difference(rule, outcomes):
    """Only the page that names this one passes."""
    said = heard(**outcomes)
    for name, text in RULES.items():
        said.found = f"Ray's own best result is of trial 0, which {text}."
        if name == rule:
            verdict(said)
        else:
            with pytest.raises(AssertionError, match="another rule"):
                verdict(said)
