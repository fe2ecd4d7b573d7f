"""One seed, one search: sequentially, in threads, in processes, in copies."""

import copy
import os
import pickle
import subprocess
import sys

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

from tests.support.storages import open_storage
from tests.support.worker import space_of
from tune_bn.optuna import CoarseToFineSampler

SPACE: dict[str, BaseDistribution] = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
COARSE = CoarseToFineSampler(seed=0).narrowing.coarse_trials or 0


def value_of(trial: optuna.Trial) -> float:
    """Returns a loss over the space of the worker processes."""
    alpha, n, kind = space_of(trial)
    return alpha + abs(n - 300) / 1000 + (kind == "b")


def params_of(study: optuna.Study, n: int) -> list[dict]:
    """Returns the parameters of the first n trials, by number."""
    return [t.params for t in sorted(study.get_trials(), key=lambda t: t.number)[:n]]


def sequential(n: int = COARSE, seed: int = 0) -> list[dict]:
    """Returns what one worker draws."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed))
    study.optimize(value_of, n_trials=n)
    return params_of(study, n)


def start(address: str, study: str, *options: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    """Starts a worker process."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.worker", address, study, *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_threads_draw_the_sequential_coarse_points(n_jobs):
    """With n_jobs the coarse points are those of one worker, though Optuna reseeds."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(value_of, n_trials=30, n_jobs=n_jobs)
    assert params_of(study, COARSE) == sequential()


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_processes_draw_the_sequential_coarse_points_and_never_the_same(kind, tmp_path):
    """Two processes with one seed share the coarse points, and no draw is repeated."""
    address = {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"journal:{tmp_path}/j.log"}[kind]
    storage = open_storage(address)
    optuna.create_study(study_name="s", storage=storage)
    workers = [start(address, "s", "--seed", "0", "--trials", "12") for _ in range(2)]
    assert [w.communicate()[0] for w in workers] == ["done\n"] * 2
    study = optuna.load_study(study_name="s", storage=storage)
    assert params_of(study, COARSE) == sequential()
    assert len({tuple(t.params.values()) for t in study.trials}) == 24


@pytest.mark.heavy
def test_the_same_in_another_process_with_another_hash_seed(tmp_path):
    """A whole search, coarse and fine, is the same wherever it runs."""
    results = []
    for hash_seed in ("1", "2"):
        address = f"journal:{tmp_path}/{hash_seed}.log"
        optuna.create_study(study_name="s", storage=open_storage(address))
        worker = start(address, "s", "--seed", "5", "--trials", "40", hash_seed=hash_seed)
        assert worker.communicate()[0] == "done\n"
        study = optuna.load_study(study_name="s", storage=open_storage(address))
        results.append(params_of(study, 40))
    assert results[0] == results[1] == sequential(40, seed=5)


@pytest.mark.parametrize(
    "duplicate",
    [copy.deepcopy, copy.copy, lambda s: pickle.loads(pickle.dumps(s))],
    ids=["deepcopy", "copy", "pickle"],
)
def test_copies_go_on_where_the_original_is(duplicate):
    """A copy made mid-study draws what the original would have drawn."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=3))
    study.optimize(value_of, n_trials=15)
    study.sampler = duplicate(study.sampler)
    study.optimize(value_of, n_trials=15)
    assert params_of(study, 30) == sequential(30, seed=3)


def test_a_study_pickles_with_its_sampler():
    """A whole in-memory study can be pickled mid-way and goes on."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=3))
    study.optimize(value_of, n_trials=15)
    again = pickle.loads(pickle.dumps(study))
    again.optimize(value_of, n_trials=15)
    assert params_of(again, 30) == sequential(30, seed=3)


def test_without_a_seed_two_studies_differ():
    """None takes entropy, also in a copy of a sampler class that was never used."""
    a, b = (optuna.create_study(sampler=CoarseToFineSampler()) for _ in range(2))
    assert a.ask(SPACE).params != b.ask(SPACE).params


def test_reseeding_has_no_effect():
    """Optuna calls reseed_rng for each trial of n_jobs > 1; a seed stays what it is."""
    sampler = CoarseToFineSampler(seed=3)
    sampler.reseed_rng()
    assert sampler.seed == 3


@pytest.mark.parametrize(
    "duplicate",
    [lambda s: s, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))],
    ids=["the same object", "deepcopy", "pickle"],
)
def test_without_a_seed_each_study_has_its_own(duplicate):
    """One object for two studies, or copies of it sent to workers, draw differently."""
    sampler = CoarseToFineSampler()
    a, b = (optuna.create_study(sampler=duplicate(sampler)) for _ in range(2))
    assert a.ask(SPACE).params != b.ask(SPACE).params


def test_without_a_seed_copies_go_on_with_one_study():
    """A study pickled half way, and a copy of its sampler, draw what it would have drawn."""
    study = optuna.create_study(sampler=CoarseToFineSampler())
    study.optimize(value_of, n_trials=15)
    again = pickle.loads(pickle.dumps(study))
    for one in (study, again):
        one.optimize(value_of, n_trials=15)
    assert params_of(study, 30) == params_of(again, 30)


def test_with_a_seed_studies_agree():
    """A seed means the same draws in every study, whatever its name."""
    sampler = CoarseToFineSampler(seed=5)
    a, b = (optuna.create_study(sampler=sampler, study_name=name) for name in "ab")
    assert a.ask(SPACE).params == b.ask(SPACE).params
