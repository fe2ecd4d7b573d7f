import dataclasses
from collections.abc import Iterator
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.support.quiet import optuna_says
from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.plain.names import INTERRUPTED, REASON
from tune_bn.training import Config, EpochMetrics
from tune_bn.tuning.errors import Stopped
from tune_bn.tuning.folder.study import untried
from tune_bn.tuning.folder.tally import Progress
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import SPACE, given_configs, params_of
from tune_bn.tuning.trials.life import VALIDATION, Search
from tune_bn.tuning.trials.workers import Job


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with optuna_says(optuna.logging.WARNING):
        yield


class Scene:
    """A search over a study in memory, with a clock and a stop button of its own."""

    def __init__(
        self,
        settings: Settings,
        pruner: optuna.pruners.BasePruner | None = None,
        sampler: optuna.samplers.BaseSampler | None = None,
    ) -> None:
        self.study = optuna.create_study(
            direction="maximize",
            sampler=sampler or optuna.samplers.RandomSampler(seed=0),
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        self.settings = settings
        self.now = 0.0
        self.stopped = False
        self.heard: list[Progress] = []
        self.begin_again()

    def begin_again(self, *given: dict[str, Any]) -> None:
        """Is another process that goes on with the study."""
        self.search = Search(
            self.study,
            self.settings,
            metric="accuracy",
            on_progress=self.heard.append,
            is_stopped=lambda: self.stopped,
            clock=lambda: self.now,
            given=given,
        )

    def train(self, accuracy: float = 0.5, epochs: int = 2) -> int:
        """Trains the next job in no time; returns its number."""
        job = self.search.begin()
        assert job is not None
        for epoch in range(1, epochs + 1):
            if not self.search.epoch(job, metrics(epoch, accuracy)):
                break
        return job.number


def metrics(epoch: int, accuracy: float = 0.5) -> EpochMetrics:
    return EpochMetrics(epoch, train_loss=1.0, loss=1.0, score=accuracy, seconds=0.0)


def begun(scene: Scene) -> Job:
    job = scene.search.begin()
    assert job is not None
    return job


def test_the_progress_names_the_stage_that_drew_the_trial():
    """As the trial recorded it; one that was given, and another sampler's, is of none."""
    narrowing = Narrowing(coarse_trials=2, stage_trials=2)
    sampler = CoarseToFineSampler(seed=0, narrowing=narrowing)
    scene = Scene(Settings(trials=6, epochs=1), sampler=sampler)
    scene.study.enqueue_trial(params_of(Config()))
    for _ in range(6):
        scene.train(epochs=1)
    stages = [at.stage for at in scene.heard if at.stage]
    assert list(dict.fromkeys(stages)) == ["given", "coarse", "fine 1", "fine 2"]
    other = Scene(Settings(trials=1, epochs=1))
    other.train(epochs=1)
    assert {at.stage for at in other.heard if at.stage} == {"given"}


def test_stages_count_from_the_first_that_drew():
    """After trials of another sampler too, and in a process that goes on with the study."""
    narrowing = Narrowing(coarse_trials=2, stage_trials=2)
    scene = Scene(Settings(trials=13, epochs=1))
    for _ in range(8):
        scene.train(epochs=1)
    scene.study.sampler = CoarseToFineSampler(seed=0, narrowing=narrowing)
    for _ in range(3):
        scene.train(epochs=1)
    scene.begin_again()
    for _ in range(2):
        scene.train(epochs=1)
    named = list(dict.fromkeys(at.stage for at in scene.heard if at.stage))
    assert named == ["given", *(stage.name for stage in stages(scene.study)[1:])]
    assert named[1:] == ["fine 1", "fine 2", "fine 3"]


def test_what_is_given_comes_first_and_never_waits():
    """A run that ends within the first leaves nothing that a later run would begin with."""
    default, plain = map(params_of, given_configs(100, SPACE))
    scene = Scene(Settings(trials=9, epochs=2))
    scene.begin_again(default, plain)
    job = begun(scene)
    scene.stopped = True
    assert not scene.search.epoch(job, metrics(1))
    assert [trial.state for trial in scene.study.trials] == [TrialState.FAIL]
    scene.stopped = False
    scene.begin_again(*untried(scene.study, [default, plain]))
    numbers = [scene.train() for _ in range(3)]
    params = [scene.study.trials[number].params for number in numbers]
    assert params[:2] == [default, plain]
    assert params[2] not in params[:2]


def test_what_waits_in_the_study_is_not_given_again():
    """As an earlier version left it, or a person asked for it; it comes first."""
    default, plain = map(params_of, given_configs(100, SPACE))
    scene = Scene(Settings(trials=9, epochs=2))
    scene.study.enqueue_trial(default)
    scene.begin_again(default, plain)
    numbers = [scene.train() for _ in range(4)]
    params = [scene.study.trials[number].params for number in numbers]
    assert params[:2] == [default, plain]
    assert all(params.count(each) == 1 for each in params)


def test_as_many_jobs_begin_as_trials_are_asked_for():
    """Running ones count: four workers do not begin a fifth trial of four."""
    scene = Scene(Settings(trials=2, epochs=2))
    begun(scene)
    begun(scene)
    assert scene.search.begin() is None


def test_a_trial_is_complete_after_its_last_epoch():
    """Its value is the metric after it; its loss is kept, for ties."""
    scene = Scene(Settings(trials=1, epochs=2))
    scene.train(0.75)
    [trial] = scene.study.trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.75)
    assert trial.intermediate_values == {1: 0.75, 2: 0.75}
    assert trial.user_attrs[VALIDATION] == {"loss": 1.0, "score": 0.75}


def test_a_bad_trial_is_pruned_at_the_first_epoch_that_shows_it():
    """It counts towards the trials, and the epochs it is spared are not trained."""
    scene = Scene(Settings(trials=1, epochs=9), optuna.pruners.ThresholdPruner(lower=0.3))
    job = begun(scene)
    assert not scene.search.epoch(job, metrics(1, 0.1))
    assert scene.study.trials[0].state == TrialState.PRUNED
    assert scene.search.begin() is None


def test_a_failed_trial_counts_and_keeps_its_reason():
    """Otherwise a space in which all diverges would be searched for ever."""
    scene = Scene(Settings(trials=1, epochs=2))
    scene.search.fail(begun(scene), "the loss became nan")
    [trial] = scene.study.trials
    assert (trial.state, trial.user_attrs[REASON]) == (TrialState.FAIL, "the loss became nan")
    assert scene.search.begin() is None


def test_a_stop_ends_a_trial_at_its_next_epoch():
    """It is marked as interrupted and does not count; no other begins."""
    scene = Scene(Settings(trials=3, epochs=9))
    scene.train(epochs=9)
    job = begun(scene)
    scene.stopped = True
    assert not scene.search.epoch(job, metrics(1))
    assert scene.study.trials[1].user_attrs[REASON] == INTERRUPTED
    assert scene.search.begin() is None
    with pytest.raises(Stopped, match="Stopped after 1 of 3 trials"):
        scene.search.tally.raise_if_stopped()


def test_time_ends_the_search():
    """A trial that runs when time is up ends at its next epoch."""
    scene = Scene(Settings(trials=3, epochs=2, timeout_s=10.0))
    scene.train()
    job = begun(scene)
    scene.now = 10.0
    assert not scene.search.epoch(job, metrics(1))
    assert scene.search.begin() is None


@pytest.mark.parametrize(
    ("plan", "networks", "over_s"), [((8, 5), 4, 51.0), ((8, 5), 1, 57.0), ((3, 2), 1, 79.0)]
)
def test_the_search_leaves_time_for_what_follows(plan, networks, over_s):
    """One training takes a second and 36 follow: of 100 s the search has 100 - 36 - 13.

    Of a large table fewer configurations meet in the final and one network answers, so that fewer
    follow.
    """
    scene = Scene(Settings(trials=9, epochs=1, timeout_s=100.0))
    scene.search.tally.plan, scene.search.tally.networks = plan, networks
    job = scene.search.begin()
    assert job is not None
    scene.search.epoch(job, dataclasses.replace(metrics(1), seconds=1.0))
    scene.now = over_s - 1
    assert not scene.search.tally.is_over()
    scene.now = over_s
    assert scene.search.tally.is_over()


def test_what_follows_has_three_fifths_of_the_time_at_most():
    """However long one training takes."""
    scene = Scene(Settings(trials=9, epochs=1, timeout_s=100.0))
    job = scene.search.begin()
    assert job is not None
    scene.search.epoch(job, dataclasses.replace(metrics(1), seconds=30.0))
    scene.now = 39.0
    assert not scene.search.tally.is_over()
    scene.now = 40.0
    assert scene.search.tally.is_over()


def test_the_time_left_counts_what_follows():
    """After the first of two trials of a second each: one more, both on five folds, and networks.

    Four are of the chosen configuration; half the time four more of the default one.
    """
    scene = Scene(Settings(trials=2, epochs=1))
    job = scene.search.begin()
    assert job is not None
    scene.now = 1.0
    scene.search.epoch(job, dataclasses.replace(metrics(1), seconds=1.0))
    assert scene.heard[-1].left_s == pytest.approx(1.0 + 10 * 0.64 / 0.6 + 4 * 1.5 * 0.8 / 0.6)


def test_time_does_not_end_a_search_with_nothing_to_hand_back():
    """The first complete trial is waited for, however short the time."""
    scene = Scene(Settings(trials=3, epochs=2, timeout_s=1.0))
    scene.now = 99.0
    scene.train()
    assert scene.study.trials[0].state == TrialState.COMPLETE
    assert scene.search.begin() is None


def test_progress_tells_the_best_and_the_time_left():
    """Two of four trials in 10 s leave 10 s."""
    scene = Scene(Settings(trials=4, epochs=1))
    scene.train(0.5, epochs=1)
    scene.now = 10.0
    scene.train(0.75, epochs=1)
    last = scene.heard[-1]
    assert (last.finished, last.best, last.left_s) == (2, 0.75, 10.0)
    assert last.ended is not None
    assert last.ended.state == "complete"


def test_finished_trials_of_an_earlier_run_count():
    """A run that goes on does what is left."""
    scene = Scene(Settings(trials=2, epochs=1))
    scene.train(0.5, epochs=1)
    options: dict[str, Any] = {
        "metric": "accuracy",
        "on_progress": lambda _: None,
        "is_stopped": lambda: False,
    }
    again = Search(scene.study, Settings(trials=2, epochs=1), **options)
    assert again.begin() is not None
    assert again.begin() is None
