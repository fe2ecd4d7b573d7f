"""Ctrl-C, a polite kill and a rude one: what is finished is kept, and the run goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from typer.testing import CliRunner

from tune_bn.cli import app
from tune_bn.cli.signals import stop_on_signals


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "table.csv"
    lines = [f"{rng.normal() + 2 * (i % 2):.4f},{'ab'[i % 2]}" for i in range(60)]
    path.write_text("x,y\n" + "\n".join(lines) + "\n")
    return path


def words_for(table: Path, out: Path) -> list[str]:
    return ["tune", "--data", str(table), "--target", "y", "--epochs", "2", "--out", str(out)]


def start(words: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "tune_bn", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Reads the command's lines until one holds the words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"the command ended without saying {words!r}")


def trials(out: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="tune_bn", storage=f"sqlite:///{out}/study.db").trials


@pytest.mark.parametrize(
    ("sent", "code", "jobs"), [(signal.SIGINT, 130, "1"), (signal.SIGTERM, 143, "2")]
)
def test_a_signal_ends_the_run_and_the_same_command_goes_on(table, tmp_path, sent, code, jobs):
    """Finished trials are kept, none is left running, and the line to go on with works."""
    out = tmp_path / "out"
    words = [*words_for(table, out), "--trials", "100000", "--jobs", jobs]
    process = start(words)
    wait_for(process, "trial 3/")
    process.send_signal(sent)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    last = errors.splitlines()[-1]
    assert last.startswith("Stopped after "), errors
    assert f"Go on with: tune-bn {' '.join(words)}" in last
    assert "Traceback" not in errors
    finished = [t for t in trials(out) if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(finished) >= 3
    assert all(t.state.is_finished() for t in trials(out))
    assert not (out / "best.json").exists()

    again = [*words_for(table, out), "--trials", str(len(finished) + 1)]
    result = CliRunner().invoke(app, again)
    assert result.exit_code == 0, result.output
    after = trials(out)
    assert [after[t.number].params for t in finished] == [t.params for t in finished]


def test_a_killed_run_goes_on(table, tmp_path):
    """Without a chance to clean up: the lock is free, the trial that ran is marked as failed."""
    out = tmp_path / "out"
    process = start([*words_for(table, out), "--trials", "100000"])
    wait_for(process, "trial 2/")
    process.kill()
    process.communicate(timeout=120)
    before = len([t for t in trials(out) if t.state.is_finished()])
    result = CliRunner().invoke(app, [*words_for(table, out), "--trials", str(before + 1)])
    assert result.exit_code == 0, result.output
    assert all(t.state.is_finished() for t in trials(out))


def test_ctrl_c_while_the_data_load(table, tmp_path, monkeypatch):
    """Before the search there is nothing to keep; the command still ends in one line."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tune_bn.training.load_dataset", interrupted)
    result = CliRunner().invoke(app, words_for(table, tmp_path / "out"))
    assert result.exit_code == 130
    assert result.stderr == "tune-bn: Stopped before anything was changed.\n"


def test_a_second_ctrl_c_does_not_wait():
    """The first asks, the second interrupts; afterwards Ctrl-C is what it was."""
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signals() as request:
        signal.raise_signal(signal.SIGINT)
        assert request()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == before
