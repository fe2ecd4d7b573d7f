"""What the trials of a study say of their draws is true, in any study that people run."""

import json
import math
import pickle
import subprocess
import sys
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.samplers import PartialFixedSampler, RandomSampler
from optuna.trial import TrialState, create_trial

from tests.support.storages import open_storage
from tests.support.studies import origins_of, said_untrue
from tune_bn import Narrowing
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.origin import Origin
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.optuna.origins import Records, StudyOrigins, marks_of


def plain(trial: optuna.Trial) -> float:
    """Returns a loss on four scales; some trials are pruned, some fail."""
    lr = trial.suggest_float("lr", 1e-4, 1, log=True)
    n = trial.suggest_int("n", 1, 30)
    drop = trial.suggest_float("drop", 0, 0.5, step=0.1)
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    trial.suggest_float("one", 2.0, 2.0)
    if trial.number % 9 == 4:
        trial.report(1.0, trial.number % 3)
        raise optuna.TrialPruned
    if trial.number % 13 == 6:
        return math.nan
    return abs(math.log10(lr) + 2) + abs(n - 12) / 10 + drop + (kind == "a")


def conditional(trial: optuna.Trial) -> float:
    """Returns a loss of a space with branches, of which one comes late."""
    x = trial.suggest_float("x", -5, 5)
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam", "none"])
    if optimizer == "sgd":
        return abs(x) + trial.suggest_float("momentum", 0, 1)
    if optimizer == "adam" and trial.number > 20:
        return abs(x - 1) + trial.suggest_int("layers", 1, 4) / 4
    return abs(x) + 3


def changing(trial: optuna.Trial) -> float:
    """Returns a loss of a space whose ranges shrink, shift and grow."""
    high = 10.0 if trial.number < 20 else 4.0 if trial.number < 50 else 40.0
    x = trial.suggest_float("x", 0.01, high, log=True)
    n = trial.suggest_int("n", 1 if trial.number < 35 else 5, 20)
    y = trial.suggest_float("y", 0, 1)
    return abs(x - 3) + abs(n - 7) / 9 + y


OBJECTIVES = {"plain": plain, "conditional": conditional, "changing": changing}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_value_lies_outside(objective, seed):
    """In memory: every value lies in its own region, and that in its stage's windows."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed))
    study.optimize(OBJECTIVES[objective], n_trials=100)
    assert len(origins_of(study)) == 100
    assert not said_untrue(study)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_value_lies_outside_in_a_database(objective, tmp_path):
    """SQLite: another process reads the same."""
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=url, study_name="s", sampler=CoarseToFineSampler(seed=0))
    study.optimize(OBJECTIVES[objective], n_trials=40)
    again = optuna.load_study(study_name="s", storage=url)
    assert not said_untrue(again)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_value_lies_outside_with_two_threads(objective):
    """Others finish while a trial draws: it stays in the region that it recorded."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(OBJECTIVES[objective], n_trials=80, n_jobs=2)
    assert not said_untrue(study)


@pytest.mark.heavy
def test_no_value_lies_outside_with_two_processes(tmp_path):
    """Two workers of one study, with one seed."""
    address = f"journal:{tmp_path}/j.log"
    optuna.create_study(study_name="two", storage=open_storage(address))
    words = [sys.executable, "-m", "tests.support.worker", address, "two", "--seed", "3"]
    workers = [subprocess.Popen([*words, "--trials", "25"]) for _ in range(2)]
    assert [w.wait() for w in workers] == [0, 0]
    study = optuna.load_study(study_name="two", storage=open_storage(address))
    assert len(study.trials) == 50
    assert not said_untrue(study)


def test_no_value_lies_outside_with_several_objectives():
    """Windows lie around a front as a whole."""
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=CoarseToFineSampler(seed=0)
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x, n = trial.suggest_float("x", 0, 1), trial.suggest_int("n", 1, 9)
        return x * n, x + n

    study.optimize(objective, n_trials=90)
    assert not said_untrue(study)


def test_a_late_parameter_follows_from_the_record():
    """Trials finish between a trial's first parameter and its last; the record was made before."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=1))
    waiting: list[optuna.Trial] = []
    for i in range(60):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        waiting.append(trial)
        if len(waiting) == 4:
            slow = waiting.pop(0)
            value = slow.suggest_float("late" if i % 2 else "later", 0, 1)
            study.tell(slow, value)
    assert not said_untrue(study)


def test_another_object_goes_on_with_a_trial():
    """A running trial taken up elsewhere stays in its region, and is written to no second time."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=1))
    study.optimize(plain, n_trials=30)
    for _ in range(5):
        began = study.ask()
        began.suggest_float("lr", 1e-4, 1, log=True)
        line = began.user_attrs[MARK_KEY]
        study.sampler = pickle.loads(pickle.dumps(study.sampler))
        study.optimize(plain, n_trials=2)  # the history moves on
        taken_up = optuna.trial.Trial(study, began._trial_id)
        study.tell(taken_up, plain(taken_up))
        assert study.trials[began.number].user_attrs[MARK_KEY] == line
    assert not said_untrue(study)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_given_values_are_known_as_given():
    """Enqueued whole or in part, and fixed by a sampler around this one."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"lr": 0.01, "n": 3})
    study.optimize(plain, n_trials=20)
    whole = {"lr": 0.02, "n": 7, "drop": 0.2, "kind": "b", "one": 2.0}
    study.enqueue_trial(whole)
    study.optimize(plain, n_trials=5)
    sampler = study.sampler
    study.sampler = PartialFixedSampler({"n": 11}, sampler)
    study.optimize(plain, n_trials=30)
    study.sampler = sampler
    study.optimize(plain, n_trials=10)
    fixed = {number: ["n"] for number in range(25, 55)}
    assert not said_untrue(study, fixed)
    origins = origins_of(study)
    assert set(origins[0].given) == {"lr", "n"}
    assert set(origins[20].given) == whole.keys() - {"one"}
    assert origins[20].windows == {}
    assert all(set(origins[n].given) <= {"n"} for n in range(25, 55))
    assert sum("n" in origins[n].given for n in range(25, 55)) > 20
    assert all(origins[n].given == () for n in range(55, 65))


class Mixed(RandomSampler):
    """Draws numbers itself and asks another for categories, as `CmaEsSampler` does."""

    def __init__(self, beside: optuna.samplers.BaseSampler) -> None:
        super().__init__(seed=1)
        self.beside = beside

    def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        self.beside.before_trial(study, trial)

    def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
        if isinstance(distribution, CategoricalDistribution):
            return self.beside.sample_independent(study, trial, name, distribution)
        return super().sample_independent(study, trial, name, distribution)


def test_a_sampler_beside_another_one_says_what_it_drew():
    """As the sampler for categories of another: only those are said to be drawn here."""
    study = optuna.create_study(sampler=Mixed(CoarseToFineSampler(seed=0)))

    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ["a", "b", "c"])
        return abs(trial.suggest_float("x", 0, 1) - trial.suggest_float("y", 0, 1)) + (kind == "a")

    study.optimize(objective, n_trials=40)
    assert not said_untrue(study, {n: ["x", "y"] for n in range(40)})


def test_a_study_of_another_sampler_has_no_origins():
    """And one that it began has them from the first trial of ours on."""
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    study.optimize(plain, n_trials=15)
    assert origins_of(study) == {}
    study.sampler = CoarseToFineSampler(seed=0)
    study.optimize(plain, n_trials=30)
    assert min(origins_of(study)) == 15
    assert not said_untrue(study)


def study_of(n: int, seed: int = 0) -> optuna.Study:
    """Returns a study of n trials."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed))
    study.optimize(plain, n_trials=n)
    return study


def test_a_copied_study_keeps_its_origins():
    """Its numbers are the same."""
    study = study_of(40)
    storage = optuna.storages.InMemoryStorage()
    optuna.copy_study(
        from_study_name=study.study_name, from_storage=study._storage, to_storage=storage
    )
    copy = optuna.load_study(study_name=study.study_name, storage=storage)
    assert not said_untrue(copy)
    assert stages(copy) == stages(study)


def test_a_study_rebuilt_from_its_good_trials():
    """Marks of other numbers are foreign, and those whose trials differ say nothing; no error."""
    study = study_of(60)
    done = [t for t in study.trials if t.state == TrialState.COMPLETE]
    kept = [t for t in done if t.values[0] < sorted(x.values[0] for x in done)[30]]
    assert 10 < len(kept) < 40
    rebuilt = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    rebuilt.add_trials(kept)
    before = origins_of(rebuilt)
    same = {t.number for t, old in zip(rebuilt.trials, kept, strict=True) if t.number == old.number}
    assert before.keys() == same
    rebuilt.optimize(plain, n_trials=30)
    assert [n for s in stages(rebuilt) for n in s.trials] == list(range(len(kept) + 30))
    new = {n: o for n, o in origins_of(rebuilt).items() if n >= len(kept)}
    assert len(new) == 30
    assert all(o.windows is not None for o in new.values())


def test_two_studies_merged():
    """The second one's marks are those of other trials: recognised, not shown as windows."""
    one, two = study_of(30, seed=1), study_of(30, seed=2)
    merged = optuna.create_study(sampler=CoarseToFineSampler(seed=3))
    merged.add_trials(two.trials)
    merged.add_trials(one.trials)
    marks = marks_of(merged.trials)
    assert all(marks[n] is not None for n in range(30))
    assert all(marks[n] is None for n in range(30, 60))
    merged.optimize(plain, n_trials=20)
    assert not said_untrue(merged)


def test_a_trial_enqueued_with_its_attributes():
    """The best one, as people copy it: the mark is not its own and is written anew."""
    study = study_of(40)
    best = study.best_trial
    study.enqueue_trial(best.params, user_attrs=best.user_attrs)
    study.optimize(plain, n_trials=3)
    assert marks_of(study.trials)[40] is not None
    assert not said_untrue(study)


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        3,
        "fine 3, windows",
        "fine 3, box of the best; after 9; trials 1 2; width 0.5; seed 0; trial 30; check x",
        {"stage": 3, "width": 0.5, "elites": [1, 777]},
        {"stage": 3, "width": 0.5, "elites": [1, 2]},
    ],
)
def test_damaged_marks_stop_nothing(damaged):
    """The trial counts, its windows are unknown, and a study of it goes on."""
    study = study_of(30)
    done = create_trial(
        value=0.0,
        params=study.best_params,
        distributions=study.best_trial.distributions,
        user_attrs={MARK_KEY: damaged},
    )
    study.add_trial(done)
    study.optimize(plain, n_trials=10)
    assert sorted(n for s in stages(study) for n in s.trials) == list(range(41))
    origin = origins_of(study).get(30)
    assert origin is None or origin.windows is None


def test_the_line_is_an_attribute_like_any_other(needs):
    """Tables, counts, duplicates and databases take it: a mark is text."""
    import sqlite3
    from contextlib import closing

    needs("pandas")
    study = study_of(20)
    frame = study.trials_dataframe()
    column = frame[f"user_attrs_{MARK_KEY}"]
    assert column.nunique() == 20
    assert len(frame.drop_duplicates()) == 20
    with closing(sqlite3.connect(":memory:")) as database:
        assert frame.astype(str).to_sql("trials", database) == 20
        frame[[f"user_attrs_{MARK_KEY}", "value"]].to_sql("marks", database)
    assert all(isinstance(t.user_attrs[MARK_KEY], str) for t in study.trials)
    json.dumps([t.user_attrs for t in study.trials])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_trial_has_the_same_attributes():
    """Tables take the first trial's for all, as Optuna's search for scikit-learn does."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"lr": 0.01, "n": 3, "drop": 0.1, "kind": "b", "one": 2.0})
    study.enqueue_trial({"n": 3})
    study.optimize(plain, n_trials=15)
    study.sampler = PartialFixedSampler({"n": 4}, study.sampler)
    study.optimize(plain, n_trials=3)
    study.enqueue_trial({"kind": "a"})
    study.optimize(plain, n_trials=3)
    study.ask()
    states = {t.state for t in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING}
    attributes = [t.user_attrs for t in study.trials]
    table = {key: [found[key] for found in attributes] for key in attributes[0]}
    assert list(table) == [MARK_KEY]
    assert {type(value) for value in table[MARK_KEY]} == {str}


def test_the_line_stays_short():
    """With 300 parameters, and at trial 100,000 of a front of 64: below 2,000 bytes."""
    study = optuna.create_study(
        directions=["minimize", "minimize"],
        sampler=CoarseToFineSampler(seed=0, narrowing=Narrowing(vary=None, elites=7, spread=1.0)),
    )

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x = [trial.suggest_float(f"a parameter with a long name {i}", 0, 1) for i in range(300)]
        return sum(x), -sum(x)

    study.optimize(objective, n_trials=80)
    lines = [t.user_attrs[MARK_KEY] for t in study.trials]
    assert max(map(len, lines)) < 2000
    marks = [Mark.read(line) for line in lines]
    assert max(len(m.trials) for m in marks if m is not None) == 64
    assert not said_untrue(study)


@pytest.mark.parametrize("address", [None, "sqlite:///{}/s.db", "journal:{}/j.log"])
def test_looks_at_a_study_cost_what_is_new(address, tmp_path, monkeypatch):
    """Each gives what a fresh reader gives; a trial that has ended is read once."""
    read: list[int] = []
    origin = StudyOrigins.origin

    def counted(self: StudyOrigins, trial: optuna.trial.FrozenTrial, mark: Mark) -> Origin:
        read.append(trial.number)
        return origin(self, trial, mark)

    study = optuna.create_study(
        storage=open_storage(address.format(tmp_path)) if address else None,
        sampler=CoarseToFineSampler(seed=0),
    )
    records = Records()
    for _ in range(5):
        study.enqueue_trial({"n": 3, "kind": "b"})
        study.optimize(plain, n_trials=6)
        running = study.ask()
        running.suggest_int("n", 1, 30)
        trials = study.get_trials(deepcopy=False)
        marks = marks_of(trials)
        with monkeypatch.context() as patched:
            patched.setattr(StudyOrigins, "origin", counted)
            found = records.of(trials)
        assert repr(found) == repr((marks, StudyOrigins(trials).all(marks)))
        study.tell(running, 5.0)
    # What ran at the last look is read once more.
    assert {n for n in range(35) if read.count(n) > 1} == set(range(6, 34, 7))
    assert set(read) == set(range(35))


def test_a_study_that_was_edited_is_read_anew():
    """A trial that ended and is another one now, or gone, leaves nothing that was known of it."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(plain, n_trials=30)
    trials, records = study.get_trials(), Records()
    records.of(trials)
    first, mark = next((t, m) for t in trials if (m := marks_of(trials)[t.number]) and m.trials)
    named = mark.trials[0]
    edited = [t if t.number != named else create_trial(value=0.0) for t in trials]
    edited[named].number = named
    _, origins = records.of(edited)
    assert origins[first.number].windows is None
    assert records.of(trials)[1][first.number].windows is not None
    assert records.of(trials[:20])[0].keys() == set(range(20))
