"""Ctrl-C and a polite kill: what is finished is kept, and the same command goes on.

A rude kill, keys and a closed terminal are in `tests/faults/test_command_stopped.py`.
"""

import signal

import pytest
from typer.testing import CliRunner

from tests.support.command import (
    command,
    require_goes_on,
    small_table,
    start,
    trials_of,
    wait_for,
)
from tune_bn.cli import app
from tune_bn.cli.signals import stop_on_signals


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Of which an epoch takes milliseconds."""
    return small_table(tmp_path_factory.mktemp("data"))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("sent", "code", "jobs"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 2)]
)
def test_a_signal_ends_the_run_and_the_same_command_goes_on(table, tmp_path, sent, code, jobs):
    """Finished trials are kept, none is left running, and the line to go on with works."""
    out = tmp_path / "out"
    words = command(table, out, "--trials", 100_000, "--jobs", jobs)
    process = start(words)
    wait_for(process, "3/")
    process.send_signal(sent)
    _, errors = process.communicate()
    assert process.returncode == code, errors
    last = errors.splitlines()[-1]
    assert last.startswith("Stopped after "), errors
    assert f"Go on with: tune-bn {' '.join(words)}" in last
    assert "Traceback" not in errors
    assert all(t.state.is_finished() for t in trials_of(out))
    assert not (out / "best.json").exists()
    require_goes_on(table, out, 3)


def test_ctrl_c_while_the_data_load(table, tmp_path, monkeypatch):
    """Before the search there is nothing to keep; the command still ends in one line."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tune_bn.training.data.file_digest", interrupted)
    result = CliRunner().invoke(app, command(table, tmp_path / "out"))
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
