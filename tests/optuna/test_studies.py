"""Studies as people have them: old ones, enqueued trials, batches, many at once."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from tune_bn import Narrowing
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.optuna import CoarseToFineSampler, stages

SPACE: dict[str, optuna.distributions.BaseDistribution] = {
    "x": optuna.distributions.FloatDistribution(-5, 5),
    "n": optuna.distributions.IntDistribution(1, 9),
}


def objective(trial: optuna.Trial) -> float:
    """Returns a loss with its optimum at x = 2, n = 4."""
    return (trial.suggest_float("x", -5, 5) - 2) ** 2 + abs(trial.suggest_int("n", 1, 9) - 4)


COARSE = Narrowing().coarse_trials or 0
STAGE = Narrowing().stage_trials


def stage_of(trial: optuna.trial.FrozenTrial) -> int:
    """Returns the stage that a trial says it was drawn in."""
    mark = Mark.read(trial.user_attrs[MARK_KEY], trial.number)
    assert mark is not None
    return mark.stage


@pytest.mark.parametrize("other", [RandomSampler, TPESampler, QMCSampler])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_study_of_another_sampler_goes_on(other: Callable[..., BaseSampler]):
    """Its trials count: the first trial is drawn in a fine stage around the best of them."""
    study = optuna.create_study(sampler=other(seed=0))
    study.optimize(objective, n_trials=20)
    before = study.best_value
    study.sampler = CoarseToFineSampler(seed=0)
    study.optimize(objective, n_trials=60)
    first = 1 + (20 - COARSE) // STAGE
    assert stage_of(study.trials[20]) == first
    assert study.best_value < before
    assert first > 1
    assert [s.name for s in stages(study)[:2]] == ["earlier trials", "fine 1"]
    assert stages(study)[0].trials == tuple(range(20))


@pytest.mark.parametrize("name", ["TPESampler", "GPSampler"])
def test_another_sampler_goes_on_with_our_study(name, needs):
    """What the sampler writes disturbs no other one."""
    if name == "GPSampler":
        needs("torch")
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=15)
    study.sampler = getattr(optuna.samplers, name)(seed=0, n_startup_trials=1)
    study.optimize(objective, n_trials=3)
    assert len(study.trials) == 18


def test_enqueued_trials_are_run_as_given():
    """An enqueued configuration is used as it is, and counts for the ranking."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"x": 2.0, "n": 4})
    study.optimize(objective, n_trials=30)
    assert study.trials[0].params == {"x": 2.0, "n": 4}
    assert study.best_value == 0.0
    late = [t.params["x"] for t in study.trials[20:]]
    assert sum(abs(x - 2) < 1.5 for x in late) > 5


def test_partly_enqueued_trials_get_the_rest_drawn():
    """Of a partly enqueued configuration the missing part is drawn, coarse and fine."""
    study = optuna.create_study(
        sampler=CoarseToFineSampler(seed=0, narrowing=Narrowing(coarse_trials=4))
    )
    for _ in range(12):
        study.enqueue_trial({"x": 1.25})
    study.optimize(objective, n_trials=12)
    assert all(t.params["x"] == 1.25 for t in study.trials)
    assert len({t.params["n"] for t in study.trials}) > 2


def test_a_best_outside_the_range_is_clipped():
    """Optuna runs an enqueued value outside the range; the windows lie at the nearest end."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"x": 9.0, "n": 50})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Optuna's own, about the enqueued values
        study.optimize(lambda t: -objective(t), n_trials=1)
    study.optimize(lambda t: -objective(t), n_trials=40)
    assert all(-5 <= t.params["x"] <= 5 and 1 <= t.params["n"] <= 9 for t in study.trials[1:])
    assert stages(study)[-1].windows["x"][1] <= 5


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_partial_fixed_sampler():
    """Inside PartialFixedSampler the fixed parameter stays, the other is narrowed."""
    inner = CoarseToFineSampler(seed=0)
    study = optuna.create_study(sampler=optuna.samplers.PartialFixedSampler({"n": 3}, inner))
    study.optimize(objective, n_trials=60)
    assert {t.params["n"] for t in study.trials} == {3}
    assert abs(study.best_params["x"] - 2) < 0.3


def test_batches_of_32_with_no_tell():
    """Ninety-six trials asked for before any is told are 96 different points."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    asked = [study.ask(SPACE) for _ in range(96)]
    assert len({t.params["x"] for t in asked}) == 96
    for trial in asked:
        study.tell(trial, abs(trial.params["x"]))
    batch = [study.ask(SPACE) for _ in range(32)]
    assert len({(t.params["x"], t.params["n"]) for t in batch}) == 32
    assert all(stage_of(t) > 0 for t in study.get_trials()[96:])


def test_one_sampler_object_for_several_studies():
    """Studies that share a sampler object do not see each other's trials."""
    shared = CoarseToFineSampler(seed=0)
    storage = optuna.storages.InMemoryStorage()
    studies = [optuna.create_study(sampler=shared, storage=storage) for _ in range(2)]
    studies.append(optuna.create_study(sampler=shared))
    for _ in range(30):
        for study in studies:
            study.tell(trial := study.ask(SPACE), abs(trial.params["x"] - 2))
    alone = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    for _ in range(30):
        alone.tell(trial := alone.ask(SPACE), abs(trial.params["x"] - 2))
    for study in studies:
        assert [t.params for t in study.trials] == [t.params for t in alone.trials]


def test_a_database_behind_a_cache_of_another_name(tmp_path):
    """Optuna's cache is no public class: where it is not known by its name, all goes on alike."""
    known = optuna.storages.get_storage(f"sqlite:///{tmp_path}/a.db")
    assert type(known).__name__ == "_CachedStorage"
    renamed = optuna.storages.get_storage(f"sqlite:///{tmp_path}/b.db")
    renamed.__class__ = type("Renamed", (type(renamed),), {})
    drawn = []
    for storage in (known, renamed):
        study = optuna.create_study(sampler=CoarseToFineSampler(seed=0), storage=storage)
        study.optimize(objective, n_trials=20)
        drawn.append([t.params for t in study.trials])
    assert drawn[0] == drawn[1]


def test_a_study_deleted_and_made_again_starts_anew():
    """A new study under an old name has nothing of the old one."""
    sampler = CoarseToFineSampler(seed=0)
    url = "sqlite:///:memory:"
    storage = optuna.storages.RDBStorage(
        url, engine_kwargs={"connect_args": {"check_same_thread": False}}
    )
    first = optuna.create_study(study_name="s", sampler=sampler, storage=storage)
    first.optimize(objective, n_trials=12)
    optuna.delete_study(study_name="s", storage=storage)
    second = optuna.create_study(study_name="s", sampler=sampler, storage=storage)
    second.optimize(objective, n_trials=12)
    assert [t.params for t in second.trials] == [t.params for t in first_params(url, 12)]


def first_params(url: str, n: int) -> list[optuna.trial.FrozenTrial]:
    """Returns the trials of a study of its own with the same seed."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=n)
    return study.trials


def test_a_new_sampler_on_an_old_study_does_not_replay():
    """Resumed with the same seed, a study gets new points, the ones it would have got anyway."""
    whole = optuna.create_study(sampler=CoarseToFineSampler(seed=4))
    whole.optimize(objective, n_trials=40)
    parts = optuna.create_study()
    for _ in range(8):
        parts.sampler = CoarseToFineSampler(seed=4)
        parts.optimize(objective, n_trials=5)
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]


def test_a_study_without_parameters():
    """An objective that suggests nothing is no error."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(lambda t: float(t.number), n_trials=15)
    assert all(s.windows == {} for s in stages(study))
    assert [n for s in stages(study) for n in s.trials] == list(range(15))


def test_trials_added_from_elsewhere_count():
    """Trials taken over with add_trial are history like any other."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    for x in range(-5, 5):
        study.add_trial(
            create_trial(params={"x": x, "n": 4}, distributions=SPACE, value=abs(x - 2))
        )
    study.optimize(objective, n_trials=20)
    assert stage_of(study.trials[10]) == 1
    assert all(t.state == TrialState.COMPLETE for t in study.trials)
    assert math.isfinite(study.best_value)


def test_a_database_is_asked_no_more_often_than_by_random_search(tmp_path, monkeypatch):
    """Reading what finished costs no query beside the one that Optuna makes for each trial."""
    counts: list[int] = []
    backend = optuna.storages.RDBStorage
    read = backend._get_trials

    def counted(*args: Any, **options: Any) -> Any:
        counts.append(1)
        return read(*args, **options)

    monkeypatch.setattr(backend, "_get_trials", counted)
    found = []
    for name, sampler in (("ours", CoarseToFineSampler(seed=0)), ("random", RandomSampler(seed=0))):
        url = f"sqlite:///{tmp_path}/{name}.db"
        study = optuna.create_study(storage=url, sampler=sampler)
        for _ in range(4):  # of other workers, so that some are always running
            study.ask()
        counts.clear()
        study.optimize(objective, n_trials=20)
        found.append(len(counts))
    assert found[0] == found[1]


def test_a_trial_that_began_since_the_study_was_read_is_seen_later(tmp_path, monkeypatch):
    """Another process may begin and end a trial between Optuna's look and a draw."""
    url = f"sqlite:///{tmp_path}/study.db"
    sampler = CoarseToFineSampler(seed=0)
    study = optuna.create_study(study_name="s", storage=url, sampler=sampler)
    study.optimize(objective, n_trials=3)
    other = optuna.load_study(study_name="s", storage=url, sampler=RandomSampler(seed=0))
    create = study._storage.create_new_trial

    def after_another(study_id: int, template_trial: Any = None) -> int:
        other.optimize(objective, n_trials=1)
        return create(study_id, template_trial)

    monkeypatch.setattr(study._storage, "create_new_trial", after_another)
    study.optimize(objective, n_trials=1)
    monkeypatch.undo()
    study.optimize(objective, n_trials=1)
    study.ask(SPACE)
    assert [t.number for t in study.trials] == list(range(7))
    assert sampler._record(study).history.n_ranked == 6
