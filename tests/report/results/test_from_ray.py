"""Runs of Ray Tune as records, with a scheduler that stops trials early."""

from pathlib import Path
from typing import Any

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from tests.report.chromium import check_in_chromium
from tests.report.results.test_explain import checked
from tune_bn import Categorical, Float, Narrowing
from tune_bn.ray import CoarseToFineSearch
from tune_bn.report import ReportError, advise, explain, results_of
from tune_bn.report.pages.page import page
from tune_bn.report.results.from_ray import results_of_ray_folder

pytestmark = pytest.mark.heavy

SPACE = {"optimizer": {"rate": tune.loguniform(1e-4, 1)}, "kind": tune.choice(["a", "b"]), "n": 3}


def train(config: dict[str, Any]) -> None:
    import math

    if config["kind"] == "b" and config["optimizer"]["rate"] > 0.3:
        raise RuntimeError("diverged")
    for epoch in range(1, 5):
        tune.report({"loss": (math.log10(config["optimizer"]["rate"]) + 2) ** 2 + 1 / epoch})


train.__module__ = "__main__"  # pickled by value, so that workers need not import the tests


@pytest.fixture(scope="module")
def grid(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> tune.ResultGrid:
    """Eight trials of a coarse-to-fine search under ASHA."""
    return fitted(
        tmp_path_factory.mktemp("staged"),
        CoarseToFineSearch(seed=0, narrowing=Narrowing(coarse_trials=3, stage_trials=3)),
    )


@pytest.fixture(scope="module")
def plain(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> tune.ResultGrid:
    """Four trials that Tune's own random search drew."""
    return fitted(tmp_path_factory.mktemp("plain"), None, n=4)


def fitted(path: Path, search: Any, n: int = 8) -> tune.ResultGrid:
    tuner = tune.Tuner(
        train,
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=n,
            search_alg=search,
            scheduler=ASHAScheduler(max_t=4, grace_period=1, reduction_factor=2),
            max_concurrent_trials=2,
            reuse_actors=True,  # a process of its own is slow to start
        ),
        run_config=tune.RunConfig(storage_path=str(path), name="run", verbose=0),
    )
    with pytest.MonkeyPatch.context() as patch:
        # Tune's own loggers write the files that hold the intermediate values.
        patch.delenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", raising=False)
        return tuner.fit()


def test_a_grid_has_its_trials(grid: tune.ResultGrid):
    """All trials are there; the longest are complete, the others pruned or failed."""
    results = results_of(grid)
    assert len(results.trials) == 8
    assert {t.state for t in results.trials} <= {"complete", "pruned", "failed"}
    best = results.best
    assert best is not None
    assert best.value == min(t.value for t in results.trials if t.state == "complete")
    assert results.directions == ("minimize",)


def test_space_and_stages_come_from_the_saved_search(grid: tune.ResultGrid):
    """The ranges are those that were searched, nested names are flat, stages are there."""
    results = results_of(grid)
    assert results.space == {
        "optimizer/rate": Float(1e-4, 1, log=True),
        "kind": Categorical(["a", "b"]),
    }
    assert results.is_space_known
    assert [s.name for s in results.stages][:2] == ["coarse", "fine 1"]


def test_steps_are_the_reported_results(grid: tune.ResultGrid):
    """A complete trial reported four times."""
    best = results_of(grid).best
    assert best is not None
    assert [step for step, _ in best.steps] == [1, 2, 3, 4]
    assert best.steps[-1][1] == best.value


def test_another_search_has_the_ranges_that_were_seen(plain: tune.ResultGrid):
    """Without a saved search the ranges are those of the values, and no edge is advised."""
    results = results_of(plain)
    assert not results.is_space_known
    assert set(results.space) <= {"optimizer/rate", "kind"}
    assert results.stages == ()
    assert "edge" not in {a.rule for a in advise(results)}


def test_a_folder_is_read_like_its_grid(grid: tune.ResultGrid):
    """From the folder alone come the same trials, and they have a page."""
    found = results_of_ray_folder(grid.experiment_path, metric="loss", mode="min")
    wanted = results_of(grid)
    assert {t.number: t.value for t in found.trials if t.values} == {
        t.number: t.value for t in wanted.trials if t.values
    }
    assert "points_to_evaluate" in page(found)


def test_a_run_is_explained(grid: tune.ResultGrid, plain: tune.ResultGrid):
    """What is said of each trial under ASHA is so; Tune's own search recorded nothing."""
    texts = checked(grid, 8)
    assert "one of 3 equal parts" in texts[0]
    assert any("ranked trial" in text for text in texts[4:])
    assert "another sampler" in explain(plain, 0)


def test_a_search_algorithm_is_explained_while_it_runs():
    """From the search itself come the same words, also of a trial that is not told yet."""
    search = CoarseToFineSearch({"x": tune.uniform(0, 10)}, "loss", "min", seed=0)
    assert results_of(search).trials == ()
    for i in range(20):
        config = search.suggest(str(i))
        if i < 19:
            search.on_trial_complete(str(i), {"loss": abs(config["x"] - 3)})
    texts = checked(search, 20)
    assert texts[19].endswith("It is running.")
    assert results_of(search).objectives == ("loss",)


def test_chromium_opens_its_page(grid: tune.ResultGrid, tmp_path: Path):
    """A run under ASHA is shown in a real browser without a word on the console."""
    check_in_chromium(tmp_path, grid, fewest=5)


def test_an_unknown_metric_names_the_results(grid: tune.ResultGrid):
    """A metric that no trial reports is refused, with those that there are."""
    with pytest.raises(ReportError, match=r"'lss'.*loss"):
        results_of_ray_folder(grid.experiment_path, metric="lss", mode="min")


def test_a_folder_without_an_experiment(tmp_path: Path):
    """A folder of something else is refused."""
    with pytest.raises(ReportError, match="Ray finds none"):
        results_of_ray_folder(tmp_path)
    with pytest.raises(ReportError, match="there is none at"):
        results_of_ray_folder(tmp_path / "no")
