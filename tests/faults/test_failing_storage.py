"""A storage that fails in the middle of a draw costs that trial, and no knowledge of others."""

import copy
import itertools

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from tests.optuna.test_seeds import value_of
from tune_bn.optuna import CoarseToFineSampler


def storage_of(kind, tmp_path) -> optuna.storages.BaseStorage:
    """Returns a storage of a kind: each is read in another way."""
    if kind == "memory":
        return InMemoryStorage()
    if kind == "journal":
        return JournalStorage(JournalFileBackend(f"{tmp_path}/j.log"))
    return RDBStorage(f"sqlite:///{tmp_path}/s.db")


READS = ("get_trial", "get_all_trials")
WRITES = [("set_trial_user_attr",), ("set_trial_param",)]


def drawn(study: optuna.Study, trial_id: int, frozen: optuna.trial.FrozenTrial) -> float:
    """Draws a trial that exists, as `Study.ask` and an objective would."""
    study.sampler.before_trial(study, frozen)
    return value_of(optuna.trial.Trial(study, trial_id))


@pytest.mark.parametrize(
    ("kind", "calls"),
    # Of a database nothing is read in a draw, but what `Study.ask` has left.
    [("memory", READS), ("journal", READS), *itertools.product(["memory", "sqlite"], WRITES)],
)
def test_a_sampler_knows_all_trials_after_a_failure(kind, calls, tmp_path, monkeypatch):
    """Whatever call fails while a trial is drawn, the next draw is that of a new sampler."""
    storage = storage_of(kind, tmp_path)
    study = optuna.create_study(storage=storage, sampler=CoarseToFineSampler(seed=0))
    study.optimize(value_of, n_trials=12)
    for _ in range(3):  # three in a row: the last good look may lie far back
        trial_id = study._storage.create_new_trial(study._study_id)
        frozen = study._storage.get_trial(trial_id)
        with monkeypatch.context() as broken:

            def fail(*_: object, **__: object) -> None:
                raise optuna.exceptions.StorageInternalError("gone")

            for call in calls:
                broken.setattr(study._storage, call, fail)
            with pytest.raises(optuna.exceptions.StorageInternalError, match="gone"):
                drawn(study, trial_id, frozen)
        # Another worker's, better than all before: the sampler must come to know it.
        study.enqueue_trial({"alpha": 1e-4 * (1 + frozen.number), "n": 300, "kind": "a"})
        optuna.load_study(study_name=study.study_name, storage=storage).optimize(
            value_of, n_trials=1
        )
    frozen = storage.get_trial(study.ask()._trial_id)
    draws = []
    for sampler in (study.sampler, CoarseToFineSampler(seed=0)):
        frozen = copy.deepcopy(frozen)
        frozen.user_attrs.clear()  # or the second would only read what the first has recorded
        space = sampler.infer_relative_search_space(study, frozen)
        draws.append(sampler.sample_relative(study, frozen, space))
    assert draws[0] == draws[1]
