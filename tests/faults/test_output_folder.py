"""A disk that fills up, a folder that is removed, a permission that is taken away, during a run."""

import shutil

import optuna
import pytest
from typer.testing import CliRunner

from tests.support.command import (
    command,
    require_goes_on,
    require_one_line,
    start,
    wait_for,
    without_rights_of_root,
)
from tests.support.disks import fill, small_disk
from tests.support.storages import open_storage
from tests.support.survival import require_survived
from tests.support.worker import objective
from tune_bn.cli import app
from tune_bn.optuna import CoarseToFineSampler


def test_a_disk_fills_up_during_the_search(table):
    """It ends in one line; after making room the same command goes on."""
    with small_disk("8m") as disk:
        process = start(command(table, disk / "out", "--trials", 100_000))
        wait_for(process, "3/")
        filler = fill(disk)
        require_one_line(process, "full", "no space left on device")
        filler.unlink()
        require_goes_on(table, disk / "out", 3)


def test_the_folder_is_removed_during_the_search(table, tmp_path):
    """It ends in one line; the same command begins anew, in a new folder."""
    out = tmp_path / "out"
    process = start(command(table, out, "--trials", 100_000))
    wait_for(process, "3/")
    shutil.rmtree(out)
    require_one_line(process, "study.db until its end, but it was removed")
    result = CliRunner().invoke(app, command(table, out, "--trials", 2))
    assert result.exit_code == 0, result.output


def test_a_permission_is_taken_away_during_the_search(table, tmp_path):
    """It ends in one line; given back, the same command goes on."""
    out = tmp_path / "out"
    process = start(command(table, out, "--trials", 100_000), prefix=without_rights_of_root())
    wait_for(process, "3/")
    out.chmod(0o555)
    require_one_line(process, "readonly", "unable to open", "permission denied")
    out.chmod(0o755)
    require_goes_on(table, out, 3)


def test_a_study_on_a_full_disk(monkeypatch):
    """Plain Optuna on SQLite: the error is raised; after making room the same objects go on."""
    with small_disk("1m") as disk:
        address = f"sqlite:///{disk}/s.db"
        study = optuna.create_study(
            study_name="s", storage=open_storage(address), sampler=CoarseToFineSampler(seed=0)
        )
        study.optimize(objective, n_trials=12)
        filler = fill(disk)
        with monkeypatch.context() as patch:
            patch.setattr("time.sleep", lambda _: None)  # Optuna tries again, ever later
            for _ in range(3):
                with pytest.raises((optuna.exceptions.StorageInternalError, AssertionError)):
                    study.optimize(objective, n_trials=20)
        filler.unlink()
        study.optimize(objective, n_trials=5)
        finished = {t.number: t.value for t in study.trials if t.value is not None}
        require_survived(address, "s", finished)


def test_a_journal_on_a_full_disk():
    """Optuna may leave half a line, past which it cannot read; without it the search goes on."""
    with small_disk("1m") as disk:
        journal = disk / "j.log"
        study = optuna.create_study(
            study_name="s",
            storage=open_storage(f"journal:{journal}"),
            sampler=CoarseToFineSampler(seed=0),
        )
        study.optimize(objective, n_trials=12)
        finished = {t.number: t.value for t in study.trials if t.value is not None}
        filler = fill(disk)
        with pytest.raises((OSError, AssertionError)):
            study.optimize(objective, n_trials=1000)
        filler.unlink()
        lines = journal.read_bytes()
        assert not lines.endswith(b"\n")
        journal.write_bytes(lines[: lines.rindex(b"\n") + 1])
        require_survived(f"journal:{journal}", "s", finished)
