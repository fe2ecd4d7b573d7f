"""A clock that steps back, and hosts whose clocks differ: no draw and no stage looks at them."""

from datetime import timedelta

import optuna
import pytest

from tests.support import warm
from tests.support.command import command, trials_of
from tests.support.doomed import start_worker, told_by
from tests.support.storages import open_storage
from tests.support.survival import require_survived, view_of
from tests.support.worker import objective
from tune_bn.optuna import CoarseToFineSampler

HOUR, DAY = 3600, 86_400


def began_of(study: optuna.Study) -> list:
    """Returns when each trial began, as it says itself."""
    return [t.datetime_start for t in study.trials]


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_clock_that_steps_back(kind, tmp_path, ledger):
    """By an hour, every third trial: the search is the one of a clock that is right."""
    address = {"sqlite": f"sqlite:///{tmp_path}/s.db", "journal": f"journal:{tmp_path}/j.log"}[kind]
    study = optuna.create_study(study_name="s", storage=open_storage(address))
    worker = start_worker(address, "s", ledger, trials=20, clocks=(0, 0, HOUR))
    worker.join()
    began = began_of(study)
    assert began[1] - began[2] > timedelta(minutes=55)  # the clock was wrong indeed
    alone = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    alone.optimize(objective, n_trials=20)
    assert view_of(study) == view_of(alone)
    require_survived(address, "s", told_by(ledger))


def test_hosts_a_day_apart(tmp_path, ledger):
    """Two workers at once, one of yesterday and one of tomorrow, share a search."""
    address = f"journal:{tmp_path}/j.log"
    study = optuna.create_study(study_name="s", storage=open_storage(address))
    workers = [
        start_worker(address, "s", ledger, trials=12, clocks=(behind,)) for behind in (DAY, -DAY)
    ]
    for worker in workers:
        worker.join()
    began = began_of(study)
    assert max(began) - min(began) > timedelta(days=1, hours=23)
    told = told_by(ledger)
    assert len(told) == 24
    require_survived(address, "s", told)


def test_a_run_goes_on_in_its_own_past(table, tmp_path):
    """A run that is resumed an hour before it began goes on where it was."""
    out = tmp_path / "out"
    script = tmp_path / "in_the_past.py"
    script.write_text(
        "import sys, optuna, tune_bn.tuning.finish.finish\n"
        "from tests.support.clock import set_clock_back\n"
        "from tune_bn.__main__ import main\n"
        "set_clock_back(float(sys.argv.pop(1)))\nmain()\n"
    )
    for trials, behind in ((2, 0), (4, HOUR)):
        words = command(table, out, "--trials", trials, "--timeout", 600)
        done = warm.run([str(script), str(behind), *words])
        assert done.returncode == 0, done.stderr
    began = [t.datetime_start for t in trials_of(out) if t.datetime_start is not None]
    assert began[2] < began[1]  # it was the past indeed
    assert len(began) == 4
    draws = [tuple(t.params.items()) for t in trials_of(out)]
    assert len(set(draws)) == 4
