"""Tuning by Ray Tune: the same draws, study, results and resume as by Optuna."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from ray.tune import Checkpoint

from tests.support.studies import said_untrue
from tune_bn import Narrowing
from tune_bn.core.space import Categorical
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.plain.names import REASON
from tune_bn.training import Config
from tune_bn.tuning import load_model
from tune_bn.tuning.errors import Stopped, TuneError
from tune_bn.tuning.folder.study import copied_study
from tune_bn.tuning.folder.tally import Progress
from tune_bn.tuning.on_ray.run import _around_others, tune
from tune_bn.tuning.on_ray.trainable import (
    FIT_SEED,
    SeededSearch,
    StudyCallback,
    distributions,
    ray_space,
    train_trial,
)
from tune_bn.tuning.optuna_run import tune as tune_by_optuna
from tune_bn.tuning.settings import RaySettings, Settings
from tune_bn.tuning.space import SPACE, given_configs, params_of, suggest_config
from tune_bn.tuning.trials.life import fit_seed

SETTINGS = Settings(trials=4, epochs=3)


def made(**options: Any) -> SeededSearch:
    """Returns the search of a run."""
    return SeededSearch(
        5,
        space=ray_space(),
        metric="accuracy",
        mode="max",
        **{"seed": 5, "narrowing": Narrowing.for_budget(40), **options},
    )


def test_both_backends_draw_the_same():
    """With one seed, trial by trial; the weights' seed is the same too."""
    study = optuna.create_study(
        direction="maximize", sampler=CoarseToFineSampler.for_budget(40, seed=5)
    )
    search = made()
    for i in range(30):
        trial = study.ask()
        by_optuna = suggest_config(trial)
        config = search.suggest(str(i))
        assert config.pop(FIT_SEED) == fit_seed(5, i)
        assert suggest_config(optuna.trial.FixedTrial(config)) == by_optuna
        value = by_optuna.learning_rate
        study.tell(trial, value)
        search.on_trial_complete(str(i), {"accuracy": value, "training_iteration": 3})


class Driver:
    """Stands in for Tune: suggests, reports and ends trials of a `Study` by hand."""

    def __init__(self, study: optuna.Study, storage: Path | None = None, **options: Any) -> None:
        self.search = made(**options)
        self.seen: list[Progress] = []
        self.record = StudyCallback(
            study,
            self.search,
            SETTINGS,
            metric="accuracy",
            on_progress=self.seen.append,
            is_stopped=lambda: False,
            storage=storage,
        )

    def run(self, trial_id: str, values: list[float], **last: Any) -> None:
        """Runs one trial that reports these values."""
        config = self.search.suggest(trial_id)
        trial: Any = SimpleNamespace(trial_id=trial_id, config=config, last_result={})
        self.record.on_trial_start(0, [], trial)
        for i, value in enumerate(values, 1):
            result = {"accuracy": value, "loss": 1 - value, "score": value, **last}
            trial.last_result = {**result, "training_iteration": i}
            self.search.on_trial_result(trial_id, trial.last_result)
            self.record.on_trial_result(0, [], trial, trial.last_result)
        self.search.on_trial_complete(trial_id, trial.last_result)
        self.record.on_trial_complete(0, [], trial)

    def fail(self, trial_id: str) -> None:
        """Runs one trial that fails, is repeated, and fails for good."""
        config = self.search.suggest(trial_id)
        trial: Any = SimpleNamespace(trial_id=trial_id, config=config, get_error=lambda: "lost")
        self.record.on_trial_recover(0, [], trial)
        self.record.on_trial_error(0, [], trial)


def new_study() -> optuna.Study:
    """Returns an empty study."""
    return optuna.create_study(direction="maximize")


def test_trials_come_into_the_study_as_they_ended():
    """To the end, stopped early, diverged; with their epochs, their stage, and the progress."""
    study, nan = new_study(), float("nan")
    driver = Driver(study, points_to_evaluate=[params_of(Config())])
    driver.run("a", [0.1, 0.2, 0.3])
    driver.run("b", [0.5])
    driver.run("c", [nan], reason="Training diverged")
    driver.run("d", [0.1, 0.2, 0.4])
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]
    assert study.trials[0].intermediate_values == {1: 0.1, 2: 0.2, 3: 0.3}
    assert study.trials[0].params == params_of(Config())
    assert study.trials[2].user_attrs[REASON] == "Training diverged"
    assert [s.name for s in stages(study)] == ["given", "coarse"]
    assert study.best_value == 0.4
    assert driver.seen[-1].finished == 4
    assert driver.seen[-1].best == 0.4


def test_trials_have_their_times():
    """How long each trained; of one that failed before it reported, no less than nothing."""
    study = new_study()
    driver = Driver(study)
    driver.run("a", [0.1, 0.2, 0.3], time_total_s=90.0)
    driver.run("b", [0.5], time_total_s=1.5)
    driver.fail("c")
    durations = [t.duration.total_seconds() for t in study.trials if t.duration is not None]
    assert durations[:2] == [90.0, 1.5]
    assert durations[2] >= 0


def test_a_run_goes_on_from_the_study():
    """Interrupted after any trial, the next is the one that would have come."""
    study = new_study()
    whole = Driver(new_study())
    for i in range(12):
        whole.run(str(i), [0.1, 0.1, 0.01 * (i % 5)])
    for i in range(12):
        # A new process for each trial.
        Driver(study).run(f"t{i}", [0.1, 0.1, 0.01 * (i % 5)])
    reference = [t.params for t in whole.record._study.trials]
    assert [t.params for t in study.trials] == reference
    assert [s.name for s in stages(study)] == [s.name for s in stages(whole.record._study)]


def test_the_study_says_where_the_search_drew_its_trials():
    """Also where trials have other numbers in the study than in the search: they ended in between.

    The record of each is true in the study: windows, values, and the trials that it names.
    """
    study = new_study()
    driver = Driver(study, points_to_evaluate=[params_of(Config())])
    driver.search.suggest("slow")  # it began first, and ends last
    for i in range(40):
        driver.run(str(i), [0.1, 0.1, 0.01 * (i % 5)])
    driver.run("slow", [0.1, 0.2, 0.3])
    given = {study.trials[-1].number: list(params_of(Config()))}
    assert len(study.trials) == 41
    assert not said_untrue(study, given)
    assert [s.name for s in stages(study)][1] == "fine 1"


def test_a_trial_that_fails_by_itself_is_stored(tmp_path):
    """With its files' folder in place, the run goes on."""
    study = new_study()
    driver = Driver(study, storage=tmp_path)
    driver.record.setup()
    driver.fail("a")
    driver.record.on_step_end(0, [])
    assert [t.user_attrs[REASON] for t in study.trials] == ["lost"]


@pytest.mark.parametrize("is_made_again", [False, True])
def test_lost_files_end_the_run(is_made_again, tmp_path):
    """Every trial would fail without them: none is stored as failed, and none is repeated.

    A worker that saves at that moment may make the folder again; Tune does not accept it.
    """
    study, storage = new_study(), tmp_path / "run-1"
    storage.mkdir()
    driver = Driver(study, storage=storage)
    driver.record.setup()
    driver.run("a", [0.1, 0.2, 0.3])
    shutil.rmtree(storage)
    if is_made_again:
        storage.mkdir()
    driver.fail("b")
    driver.run("c", [0.1, 0.2, 0.3])
    with pytest.raises(FileNotFoundError):
        driver.record.on_step_end(0, [])
    assert [t.value for t in study.trials] == [0.3]


def test_a_study_that_cannot_be_written_ends_the_run(monkeypatch):
    """At the end of the step: raised at once, Tune would take it for the trial's failure."""
    study = new_study()
    driver = Driver(study)
    monkeypatch.setattr(study, "add_trial", raise_full)
    driver.run("a", [0.1, 0.2, 0.3])
    with pytest.raises(optuna.exceptions.StorageInternalError, match="full"):
        driver.record.on_step_end(0, [])


def raise_full(trial: Any) -> None:
    """Fails as a study on a full disk does."""
    raise optuna.exceptions.StorageInternalError("full")


def test_the_locks_of_another_user_are_left_alone(tmp_path, monkeypatch):
    """No trial could report a checkpoint beside them: Ray's files go to a folder of their own."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert _around_others() == {}
    (tmp_path / "_ray_lockfiles").mkdir()
    assert _around_others() == {}
    monkeypatch.setattr("os.access", lambda *_: False)
    assert Path(_around_others()["RAY_TMPDIR"]).is_dir()
    monkeypatch.setenv("RAY_TMPDIR", "given")
    assert _around_others() == {}


def test_a_home_that_cannot_be_written_is_not_needed(tmp_path, monkeypatch):
    """Ray would end in a PermissionError; where a token is at hand, or a home, it is left alone."""
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_TMPDIR", "given")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _around_others() == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert _around_others().keys() == {"RAY_AUTH_TOKEN"}
    monkeypatch.setenv("RAY_AUTH_TOKEN", "given")
    assert _around_others() == {}


def test_a_trial_goes_on_from_its_checkpoint(tiny, tmp_path, monkeypatch):
    """Paused or lost after any epoch, it reports what it would have reported."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))  # for the locks, which may be of anybody
    config = {**params_of(Config(width=16, depth=1)), FIT_SEED: 3}
    options: dict[str, Any] = {"dataset": tiny, "epochs": 4, "metric": "accuracy", "device": "cpu"}
    reported: list[dict[str, Any]] = []

    def report(metrics: dict[str, Any], *, checkpoint: Any) -> None:
        reported.append(metrics)
        checkpoint.to_directory(str(tmp_path / str(len(reported))))

    monkeypatch.setattr("ray.tune.report", report)
    monkeypatch.setattr("ray.tune.get_checkpoint", lambda: None)
    train_trial(config, **options)
    whole, reported = reported[:], []
    assert len(whole) == 4
    second = Checkpoint.from_directory(str(tmp_path / "2"))
    monkeypatch.setattr("ray.tune.get_checkpoint", lambda: second)
    train_trial(config, **options)
    assert reported == whole[2:]


def test_a_run_by_ray(local_ray, tiny, tmp_path):
    """Files, scores, study; more trials later go on; a stop keeps what is finished."""
    ended: list[int] = []

    def hear(at: Progress) -> None:
        if at.ended is not None:
            ended.append(at.ended.number)

    two = RaySettings(scheduler="asha", max_concurrent=2)
    with pytest.raises(Stopped, match=r"Stopped after \d of 4 trials"):
        tune(tiny, tmp_path, SETTINGS, two, on_progress=hear, is_stopped=lambda: bool(ended))
    assert not (tmp_path / "best.json").exists()
    n_before = len(ended)

    def write_report(
        study: optuna.Study, path: Path, *, summary: Any = None, network: Any = None
    ) -> None:
        path.write_text(f"{len(study.trials)} trials, {summary['metric']}")

    one = RaySettings(scheduler="asha", max_concurrent=1)
    outcome = tune(tiny, tmp_path, SETTINGS, one, write_report=write_report, on_progress=hear)
    assert ended == list(range(4))
    assert outcome.summary["search"]["trials"] == 4
    assert outcome.summary["search"]["trials_in_this_run"] == 4 - n_before
    assert json.loads((tmp_path / "best.json").read_text()) == outcome.summary
    assert (tmp_path / "report.html").read_text() == "4 trials, accuracy"
    assert load_model(tmp_path / "model.pt").predict({"a": 0.0, "b": 0.0})[0] in ("x", "y", "z")
    assert outcome.summary["best"]["test"]["accuracy"] > 0.7
    tried = [trial.params for trial in copied_study(tmp_path).trials]
    assert [tried.count(params_of(config)) for config in given_configs(100, SPACE)] == [1, 1]
    assert {"before_activation", "none"} <= {
        finalist["params"]["norm"] for finalist in outcome.summary["final"]
    }
    # All is done, so Ray is not even asked.
    again = tune(tiny, tmp_path, SETTINGS, RaySettings(address="192.0.2.1:1"))
    assert again.summary["search"]["trials_in_this_run"] == 0


def test_what_waits_in_a_study_is_no_trial_of_the_search():
    """Ray gives it itself; the search counts what ran."""
    study = new_study()
    study.enqueue_trial(params_of(Config()))
    study.add_trial(
        optuna.trial.create_trial(
            params=params_of(Config(width=16)), distributions=distributions(), value=0.5
        )
    )
    driver = Driver(study, points_to_evaluate=[params_of(Config())])
    driver.run("a", [0.1, 0.2, 0.3])
    assert [trial.state.name for trial in study.trials] == ["WAITING", "COMPLETE", "COMPLETE"]
    assert study.trials[2].params == params_of(Config())
    assert [trial.params for trial in driver.search.trials] == [
        study.trials[number].params for number in (1, 2)
    ]


def test_the_space_of_a_study_is_the_space_of_ray():
    """With the choices that the study has."""
    of_before = {**SPACE, "norm": Categorical(["before_activation", "after_activation"])}
    assert ray_space(of_before)["norm"].categories == ["before_activation", "after_activation"]
    assert ray_space()["norm"].categories[2:] == ["none"]


def test_a_run_of_an_earlier_version_goes_on(local_ray, tiny, tmp_path, monkeypatch):
    """By either backend, with the choices of norm that its study was begun with."""
    two_norms = Categorical(["before_activation", "after_activation"])
    with monkeypatch.context() as patch:
        patch.setattr("tune_bn.tuning.space.SPACE", {**SPACE, "norm": two_norms})
        tune_by_optuna(tiny, tmp_path, Settings(trials=2, epochs=1))
    tune(tiny, tmp_path, Settings(trials=3, epochs=1), RaySettings(max_concurrent=1))
    tune_by_optuna(tiny, tmp_path, Settings(trials=6, epochs=1))
    trials = copied_study(tmp_path).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    of_before = optuna.distributions.CategoricalDistribution(two_norms.choices)
    assert all(trial.distributions["norm"] == of_before for trial in trials)


def test_an_address_where_no_ray_answers(tiny, tmp_path, monkeypatch):
    """It is said at once, with what to do; the folder can be used again."""
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # of the one that other tests share
    with pytest.raises(TuneError, match=r"none at '127.0.0.1:1'.*Run `ray start --head`"):
        tune(tiny, tmp_path, SETTINGS, RaySettings(address="127.0.0.1:1"))


def test_a_ray_that_does_not_start(tiny, tmp_path, monkeypatch):
    """On a machine that is too busy Ray gives up after half a minute: it is said in one line."""

    def late(**options: Any) -> None:
        raise Exception("The current node timed out during startup. This could happen because …")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", late)
    monkeypatch.setattr("ray.shutdown", lambda: None)  # that of the other tests goes on
    with pytest.raises(TuneError, match="needs a Ray of its own, but it did not start .*timed out"):
        tune(tiny, tmp_path, SETTINGS)
