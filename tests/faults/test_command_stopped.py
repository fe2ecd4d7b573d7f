"""`tune-bn tune` stopped by whatever stops programs: keys, signals, a closed terminal, a kill.

Ctrl-C by signal, with one job and two, is in `tests/cli/test_stop.py`; Ray's backend is in
`test_ray_command`.
"""

import os
import signal

import pytest
from typer.testing import CliRunner

from tests.support.command import (
    command,
    finished_in,
    in_terminal,
    require_goes_on,
    start,
    trials_of,
    wait_for,
)
from tune_bn.cli import app
from tune_bn.cli.signals import stop_on_signals


@pytest.mark.parametrize("jobs", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_ctrl_c_typed_twice(table, tmp_path, jobs):
    """At a terminal, with worker processes: it ends at once, and says how to go on."""
    out = tmp_path / "out"
    with in_terminal(command(table, out, "--trials", 100_000, "--jobs", jobs)) as terminal:
        terminal.wait_for("3/100000")
        terminal.type("\x03\x03")
        shown = terminal.read_rest()
        assert terminal.process.wait() == 130
    assert "Go on with: tune-bn tune" in shown
    assert "Traceback" not in shown
    require_goes_on(table, out, 3)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_terminal_is_closed(table, tmp_path, jobs):
    """The run ends within an epoch, in order: no trial is left running."""
    out = tmp_path / "out"
    with in_terminal(command(table, out, "--trials", 100_000, "--jobs", jobs)) as terminal:
        terminal.wait_for("3/100000")
        terminal.close()
        assert terminal.process.wait() == 128 + signal.SIGHUP
    assert all(t.state.is_finished() for t in trials_of(out))
    require_goes_on(table, out, 3)


def test_nobody_reads_on(table, tmp_path):
    """A reader of the progress that has gone does not end the run."""
    out = tmp_path / "out"
    process = start(command(table, out, "--trials", 4), prefix=["env"])  # an interpreter's own end
    wait_for(process, "1/")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait() == 0
    process.stdout.close()
    assert (out / "best.json").exists()
    assert len(trials_of(out)) == 4


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_is_ignored_stays_so(number):
    """As ``nohup`` and a shell's ``&`` set it: such a run is meant to go on."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stop_on_signals() as request:
            signal.raise_signal(number)
            assert not request()
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_two_commands_on_one_folder_and_a_kill(table, tmp_path, kills):
    """The second is refused in one line, at no cost to the first; a killed one holds nothing."""
    out = tmp_path / "out"
    for _ in range(kills):
        n_before = len(finished_in(out)) if out.exists() else 0
        first = start(command(table, out, "--trials", 100_000, "--jobs", 2))
        for _ in range(2):
            wait_for(first, "/100000 trials")
        second = CliRunner().invoke(app, command(table, out, "--trials", 1))
        assert second.exit_code == 2
        (line,) = second.stderr.splitlines()[-1:]
        assert f"process {first.pid} is writing" in line
        for _ in range(2):
            wait_for(first, "/100000 trials")
        os.kill(first.pid, signal.SIGKILL)
        first.communicate()
        assert len(finished_in(out)) >= n_before + 2
    require_goes_on(table, out, 2 * kills)
