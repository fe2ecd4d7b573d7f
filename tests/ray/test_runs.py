"""Real runs of Tune: schedulers, wrappers, spaces with objects, restored experiments."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.logger import CSVLoggerCallback, JsonLoggerCallback, LoggerCallback
from ray.tune.schedulers import (
    ASHAScheduler,
    FIFOScheduler,
    HyperBandForBOHB,
    HyperBandScheduler,
    MedianStoppingRule,
)
from ray.tune.search import ConcurrencyLimiter, Repeater

from tune_bn import Narrowing
from tune_bn.ray import CoarseToFineSearch, StagesCallback

pytestmark = pytest.mark.usefixtures("local_ray")

SPACE = {"x": tune.uniform(0, 1), "depth": tune.randint(1, 4), "epochs": 4}
QUICK = Narrowing(coarse_trials=3, stage_trials=3)


def loss_of(config: dict[str, Any], epoch: int) -> float:
    """Returns the loss after an epoch."""
    loss: float = (config["x"] - 0.7) ** 2 + 0.1 * config["depth"] + 1 / epoch
    return loss


def trainable_to(epochs: int) -> Any:
    """Returns a function that reports a loss each epoch; made here for workers to get it whole."""
    loss = loss_of

    def train(config: dict[str, Any]) -> None:
        for epoch in range(1, epochs + 1):
            tune.report({"loss": loss(config, epoch)})

    train.__module__ = "__main__"  # pickled by value, so that workers need not import the tests
    loss.__module__ = "__main__"
    return train


def tuner(
    path: Path,
    search: Any,
    *,
    n: int = 6,
    space: dict[str, Any] | None = None,
    train: Any = None,
    callbacks: Any = None,
    reporter: Any = None,
    cpus: int = 2,
    **config: Any,
) -> tune.Tuner:
    """Returns a Tuner that runs quietly in a folder.

    The folder's name is the experiment's: within one Ray, runs of one name share files. A trial
    takes all of the Ray, so that one worker process, which is slow to start, is enough.
    """
    return tune.Tuner(
        tune.with_resources(train or trainable_to(4), {"cpu": cpus}),
        param_space=SPACE if space is None else space,
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=n, search_alg=search, reuse_actors=True, **config
        ),
        run_config=tune.RunConfig(
            storage_path=str(path.parent),
            name=path.name,
            verbose=0 if reporter is None else 2,  # from which the last table is always printed
            progress_reporter=reporter,
            callbacks=callbacks,
        ),
    )


def each(results: tune.ResultGrid) -> list[Any]:
    """Returns the results of a grid."""
    return [results[i] for i in range(len(results))]


SCHEDULERS = {
    "asha": lambda: ASHAScheduler(max_t=4, grace_period=1, reduction_factor=2),
    "hyperband": lambda: HyperBandScheduler(max_t=4, reduction_factor=2),
    "bohb": lambda: HyperBandForBOHB(max_t=4, reduction_factor=2),
    "median": lambda: MedianStoppingRule(grace_period=1, min_samples_required=2),
}


OF_ONE_KIND = ("bohb", "median")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in OF_ONE_KIND else [])
        for name in SCHEDULERS
    ],
)
def test_schedulers(name, tmp_path):
    """Under each scheduler all samples come to an end, and the best trained as far as any."""
    search = CoarseToFineSearch(seed=0)
    options: dict[str, Any] = {"scheduler": SCHEDULERS[name](), "max_concurrent_trials": 2}
    results = tuner(tmp_path, search, cpus=1, **options).fit()
    assert len(results) == 6
    assert not results.errors
    assert sorted(search.trial_ids) == list(range(6))
    assert [t.state for t in search.trials] == ["complete"] * 6
    furthest = max(t.progress or 0.0 for t in search.trials)
    assert search.best.progress == furthest
    assert search.best.value == min(t.value for t in search.trials if t.progress == furthest)


class Thing:
    """An object among the categories."""

    def __init__(self, n: int) -> None:
        self.n = n


def test_objects_and_functions_reach_the_trial(tmp_path):
    """Tune's placeholders pass through: objects, sample_from in a list, and tuples as they were."""
    Thing.__module__ = "__main__"
    space = {
        **SPACE,
        "thing": tune.choice([Thing(1), Thing(2)]),
        "constant": Thing(3),
        "list": [tune.randint(5, 7), tune.sample_from(lambda config: config["depth"] * 10), (1, 2)],
        "opt": tune.choice([{"name": "sgd", "p": tune.uniform(2, 3)}, ("t", Thing(4))]),
    }

    def train(config: dict[str, Any]) -> None:
        thing, opt, items = config["thing"], config["opt"], config["list"]
        assert thing.n in (1, 2)
        assert config["constant"].n == 3
        assert items[0] in (5, 6)
        assert items[1] == config["depth"] * 10
        assert items[2] == (1, 2)
        assert (isinstance(opt, tuple) and opt[1].n == 4) or 2 <= opt["p"] <= 3
        tune.report({"loss": config["x"], "ok": 1})

    train.__module__ = "__main__"
    search = CoarseToFineSearch(seed=0)
    results = tuner(tmp_path, search, space=space, train=train, scheduler=FIFOScheduler()).fit()
    assert not results.errors
    assert [r.metrics["ok"] for r in each(results)] == [1] * 6


def test_a_run_with_one_worker_repeats_and_leaves_its_stages(tmp_path, caplog, capsys):
    """It is the search by hand, trial by trial; stages.json and the log say when it narrowed.

    Ray's own table shows the stages, and the log does not run through it. The results, as a grid
    or as an analysis, are a start for the next search.
    """
    search = CoarseToFineSearch(seed=5, narrowing=QUICK)
    with caplog.at_level(logging.INFO, logger="tune_bn"):
        results = tuner(
            tmp_path,
            search,
            n=8,
            train=trainable_to(1),
            max_concurrent_trials=1,
            callbacks=[StagesCallback(search)],
            reporter=tune.CLIReporter(metric_columns=["loss", "coarse_to_fine/stage"]),
        ).fit()
    printed = capsys.readouterr().out
    assert "coarse_to_fine/stage |" in printed
    assert "Stage " not in printed
    hand = CoarseToFineSearch(SPACE, "loss", "min", seed=5, narrowing=QUICK)
    by_number = {search.trial_ids[n]: n for n in range(8)}
    found = {}
    for result in each(results):
        found[by_number[result.metrics["trial_id"]]] = result.config
    for i in range(8):
        config = hand.suggest(str(i))
        assert found[i] == config
        hand.on_trial_complete(str(i), {"loss": loss_of(config, 1), "training_iteration": 1})

    record = json.loads((tmp_path / "stages.json").read_text())
    assert [s["name"] for s in record["stages"]] == ["coarse", "fine 1", "fine 2"]
    assert [i for s in record["stages"] for i in s["trial_ids"]] == [*by_number]
    assert record["stages"][0]["windows"]["x"] == [0.0, 1.0]
    assert caplog.text.count("Stage ") == 3
    assert "Stage fine 1: windows cover 0.8 of each range" in caplog.text

    for source in (results, results._experiment_analysis, each(results)):
        warm = CoarseToFineSearch(SPACE, "loss", "min", seed=1)
        warm.add_evaluated_trials(source)
        warm.suggest("a")
        assert warm.latest is not None
        assert warm.latest.stage == 1
        assert warm.best.params == search.best.params


class Remembers(LoggerCallback):
    """A logger as MLflow's and W&B's: it gets each result."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Keeps what a tracking server would be sent."""
        del iteration, trial
        self.results.append(dict(result))


def test_stages_are_metrics(tmp_path):
    """Stage and width of each draw are in the grid, in Tune's files, and reach other loggers.

    A given point has none: no stage drew it.
    """
    search = CoarseToFineSearch(
        seed=0, narrowing=QUICK, points_to_evaluate=[{"x": 0.5, "depth": 1}]
    )
    logger = Remembers()
    callbacks = [StagesCallback(search), logger, CSVLoggerCallback(), JsonLoggerCallback()]
    results = tuner(tmp_path, search, n=8, train=trainable_to(2), callbacks=callbacks).fit()
    frame = results.get_dataframe().set_index("trial_id")
    for number, trial_id in search.trial_ids.items():
        mark = search.mark(number)
        found = frame.loc[trial_id, ["coarse_to_fine/stage", "coarse_to_fine/width"]]
        assert mark is not None
        if search.is_given(number):
            assert found.isna().all()
        else:
            assert [*found] == [mark.stage, mark.width]
    assert frame["coarse_to_fine/stage"].max() == 2
    assert frame["coarse_to_fine/stage"].isna().sum() == 1
    drawn = [r for r in logger.results if "coarse_to_fine" in r]
    assert len(logger.results) == 16
    assert len(drawn) == 14
    for result in each(results):
        of_trial = result.metrics.get("coarse_to_fine")
        if of_trial is not None:
            assert result.metrics_dataframe["coarse_to_fine/stage"].nunique() == 1
            last = json.loads(Path(result.path, "result.json").read_text().splitlines()[-1])
            assert last["coarse_to_fine"] == of_trial


def test_concurrency_limiter_in_batches(tmp_path):
    """A batch is told at once; every trial is told once."""
    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    limited = ConcurrencyLimiter(search, max_concurrent=2, batch=True)
    results = tuner(tmp_path, limited, train=trainable_to(1), cpus=1).fit()
    assert len(results) == 6
    assert [t.state for t in search.trials] == ["complete"] * 6


def test_repeater_counts_copies_once(tmp_path):
    """Three copies of each point are one trial with their mean."""
    search = CoarseToFineSearch(metric="loss", mode="min", seed=0)
    results = tuner(tmp_path, Repeater(search, repeat=3), train=trainable_to(2)).fit()
    assert len(results) == 6
    assert len(search.trials) == 2
    assert len({r.config["x"] for r in each(results)}) == 2
    assert search.best.value == pytest.approx(min(r.metrics["loss"] for r in each(results)))


class Interrupt(tune.Callback):
    """Ends a run in the middle, as a killed driver would, but not the restored one."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def on_step_end(self, iteration: int, trials: Any, **info: Any) -> None:
        """Raises once three trials have ended."""
        del iteration, info
        n_ended = sum(trial.status == "TERMINATED" for trial in trials)
        if n_ended >= 3 and not self.marker.exists():
            self.marker.touch()
            raise RuntimeError("interrupted")


def state_of(path: Path) -> CoarseToFineSearch:
    """Returns the search as the experiment's folder holds it."""
    search = CoarseToFineSearch()
    search.restore_from_dir(str(path))
    return search


def test_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    """Tuner.restore with resume_unfinished: all samples in the end, none counted twice."""
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    search = CoarseToFineSearch(seed=0, narrowing=QUICK)
    interrupt = Interrupt(tmp_path / "interrupted")
    callbacks = [StagesCallback(search), interrupt]
    run = tuner(tmp_path, search, train=trainable_to(2), callbacks=callbacks)
    with pytest.raises(RuntimeError, match="interrupted"):
        run.fit()
    assert 0 < len(state_of(tmp_path).trials) < 6
    results = tune.Tuner.restore(str(tmp_path), trainable_to(2)).fit()
    assert len(results) == 6
    assert not results.errors
    assert all("coarse_to_fine" in r.metrics for r in each(results))
    after = state_of(tmp_path)
    # Ray saves its trials and the search one after the other (ray-project/ray#11918): of a trial
    # that ends between the two, when the driver dies, the search never hears.
    assert len(after.trials) in (5, 6)
    assert {t.state for t in after.trials} == {"complete"}
    assert len({t.params["x"] for t in after.trials}) == len(after.trials)
