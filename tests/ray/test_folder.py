"""A search restored from an experiment's folder knows what the folder knows."""

import json
import logging
import shutil
from pathlib import Path

import pytest
from ray import tune
from typer.testing import CliRunner

from tune_bn import StateError
from tune_bn.cli import app
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.folder import recorded_trials

SPACE = {"x": tune.uniform(0, 1), "net": {"n": tune.randint(1, 100)}, "c": tune.choice(["a", "b"])}


def write_experiment(folder: Path, trials: list[tuple[str, str, dict, dict]], session="1") -> None:
    """Writes trials (id, status, config, last result) as Tune does, as far as it is read."""
    pairs = [
        [
            json.dumps({"trial_id": i, "status": status, "config": config, "results": "80054e2e"}),
            json.dumps({"last_result": result, "num_failures": 0}),
        ]
        for i, status, config, result in trials
    ]
    runner = {"_resumed": "80054e2e", "_metric": "loss"}
    text = json.dumps({"trial_data": pairs, "runner_data": runner})
    (folder / f"experiment_state-{session}.json").write_text(text)


def driven(n: int, folder: Path) -> tuple[CoarseToFineSearch, list[tuple[str, str, dict, dict]]]:
    """Runs n trials by hand, the last of them still running; the state is saved half-way."""
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0, points_to_evaluate=[{"x": 0.5}] * 2)
    trials = []
    for i in range(n):
        config = search.suggest(f"t{i}")
        result = {"loss": config["x"], "training_iteration": 2}
        status = "PENDING" if i == n - 1 else "ERROR" if i % 5 == 4 else "TERMINATED"
        trials.append((f"t{i}", status, config, {} if status == "PENDING" else result))
        if i == n // 2:  # t3 has been suggested, but not told
            search.save_to_dir(str(folder), "1")
        if status != "PENDING":
            search.on_trial_complete(f"t{i}", result, error=status == "ERROR")
    write_experiment(folder, trials)
    return search, trials


@pytest.mark.parametrize(
    ("options", "best", "n_complete"),
    [((), "second", 1), (("--time-attr", "epoch"), "first", 2), (("--time-attr", ""), "third", 3)],
)
def test_the_report_of_another_searchers_folder(options, best, n_complete, tmp_path):
    """The folder names the metric; what tells how far a trial trained is asked for, or iterations.

    The mode is nowhere in it.
    """
    rows = {"first": (0.3, 4, 2), "second": (0.4, 8, 2), "third": (0.2, 4, 1)}
    trials = [
        (name, "TERMINATED", {"x": loss}, {"loss": loss, "training_iteration": i, "epoch": epoch})
        for name, (loss, i, epoch) in rows.items()
    ]
    write_experiment(tmp_path, trials)
    words = ["report", "--ray", str(tmp_path), "--json", *options]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert "'loss' should be small or large" in refused.output
    told = CliRunner().invoke(app, [*words, "--mode", "min"])
    assert told.exit_code == 0, told.output
    report = json.loads(told.output)
    assert report["best"]["params"] == {"x": rows[best][0]}
    assert [t["state"] for t in report["trials"]].count("complete") == n_complete
    refused = CliRunner().invoke(app, [*words[:4], "--mode", "min", "--time-attr", "steps"])
    assert refused.exit_code == 2
    assert "time_attr that trials report, but got 'steps'" in refused.output


@pytest.mark.parametrize("n", [3, 7, 20])
def test_a_state_older_than_its_trials(n, tmp_path):
    """Results that came after it are learned, also of trials it never suggested; none twice."""
    search, trials = driven(n, tmp_path)
    again = CoarseToFineSearch()
    for _ in range(2):  # a second time changes nothing
        again.restore_from_dir(str(tmp_path))
    assert [(t.params, t.values, t.state) for t in again.trials] == [
        (t.params, t.values, t.state) for t in search.trials
    ]
    assert {*again.trial_ids.values()} == {i for i, *_ in trials}
    # The running one is known: it is told as any, and what follows is another draw.
    again.on_trial_complete(trials[-1][0], {"loss": 0.25})
    assert len(again.trials) == n
    follow = [again.suggest(f"new{i}") for i in range(20)]
    drawn = [json.dumps(config) for config in [*follow, *(config for *_, config, _ in trials)]]
    # Both points have x = 0.5, and the rest of them is drawn.
    assert len(set(drawn)) == len(drawn)
    assert all(config["x"] != 0.5 for config in follow)


def test_a_state_that_is_cut_off(tmp_path, caplog):
    """The one before it is taken, and the folder's trials make up for the difference."""
    search, _ = driven(9, tmp_path)
    whole = (tmp_path / "searcher-state-1.json").read_text()
    (tmp_path / "searcher-state-2.json").write_text(whole[: len(whole) // 2])
    again = CoarseToFineSearch()
    with caplog.at_level(logging.WARNING):
        again.restore_from_dir(str(tmp_path))
    assert "an older state is taken" in caplog.text
    assert [t.values for t in again.trials] == [t.values for t in search.trials]


def test_no_state_or_none_that_can_be_read(tmp_path):
    """It is said, in Ray's own kind of error where there is none."""
    with pytest.raises(RuntimeError, match="Give the folder of an experiment"):
        CoarseToFineSearch().restore_from_dir(str(tmp_path))
    (tmp_path / "searcher-state-2.json").write_text("{")
    with pytest.raises(StateError, match="needs a file that save wrote"):
        CoarseToFineSearch().restore_from_dir(str(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"trial_data": [["{", "{}"]]}', "\x80\x04"])
def test_an_experiment_state_that_is_none(text, tmp_path, caplog):
    """It is left alone: the search's own state is enough."""
    search, _ = driven(7, tmp_path)
    (tmp_path / "experiment_state-2.json").write_text(text)
    assert recorded_trials(tmp_path) == ()
    again = CoarseToFineSearch()
    again.restore_from_dir(str(tmp_path))
    assert [t.params for t in again.trials] == [t.params for t in search.trials[:3]]


def test_what_ray_itself_wrote(local_ray, tmp_path):
    """A real experiment's state, beside a search's state from its middle."""
    old = tmp_path / "old.json"

    class KeepThird(tune.Callback):
        def on_trial_complete(self, iteration, trials, trial, **info) -> None:
            search.save(str(tmp_path / "now.json"))
            if len(search.trials) == 3:
                shutil.copy(tmp_path / "now.json", old)

        def __getstate__(self) -> dict:
            return {}

    def train(config) -> None:
        tune.report({"loss": config["x"]})

    search = CoarseToFineSearch(seed=0)
    results = tune.Tuner(
        train,
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", num_samples=6, search_alg=search, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path), name="run", verbose=0, callbacks=[KeepThird()]
        ),
    ).fit()
    assert results.num_terminated == 6
    (state,) = (tmp_path / "run").glob("searcher-state-*.json")
    shutil.copy(old, state)
    again = CoarseToFineSearch()
    again.restore_from_dir(str(tmp_path / "run"))
    assert len(again.trials) == 6
    assert {(t.params["x"], t.value) for t in again.trials} == {
        (t.params["x"], t.value) for t in search.trials
    }
