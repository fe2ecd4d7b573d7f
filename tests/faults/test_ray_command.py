"""`tune-bn tune --backend ray` stopped and starved as `test_command_stopped` and the others do."""

import signal
import time
from pathlib import Path

import pytest

from tests.support.command import command, in_terminal, require_goes_on, start, trials_of, wait_for
from tests.support.disks import fill, small_disk

RAY = ("--backend", "ray", "--max-concurrent", "2", "--trials", "100000")


def require_no_ray(pid: int) -> None:
    """Fail unless all that a driver started is gone within half a minute."""
    deadline = time.monotonic() + 30
    while left := [p for p in _commands() if f"_{pid}/" in p and "/session_" in p]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)  # for an event, not for a time


def _commands() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.parametrize(
    ("keys", "code"),
    [("\x03", 130), pytest.param("\x03\x03", 130, marks=pytest.mark.slow)],
)
def test_ctrl_c_typed(keys, code, table, tmp_path):
    """Once or twice: what is finished is kept, Ray is gone, the other backend goes on."""
    out = tmp_path / "out"
    with in_terminal(command(table, out, *RAY)) as terminal:
        terminal.wait_for("3/100000")
        terminal.type(keys)
        shown = terminal.read_rest()
        assert terminal.process.wait(60) == code
        assert "Go on with: tune-bn tune" in shown
        assert "Traceback" not in shown
        require_no_ray(terminal.process.pid)
    require_goes_on(table, out, 3)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_signals(number, table, tmp_path):
    """A polite kill, a hang-up, a rude kill: what is finished is kept, and Ray is gone."""
    out = tmp_path / "out"
    process = start(command(table, out, *RAY))
    wait_for(process, "trial 3/")
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    code = -number if number == signal.SIGKILL else 128 + number
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    require_no_ray(process.pid)
    assert all(t.state.is_finished() for t in trials_of(out))
    require_goes_on(table, out, 3)


@pytest.mark.slow
def test_the_storage_fills_up(table):
    """Study and Ray's files share the folder: it ends in one line, and goes on with more room."""
    with small_disk("32m") as disk:
        process = start(command(table, disk / "out", *RAY))
        wait_for(process, "trial 3/")
        filler = fill(disk)
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 2, errors
        assert "Traceback" not in errors
        last = errors.splitlines()[-1]
        assert "full" in last or "no space left" in last.lower()
        filler.unlink()
        require_goes_on(table, disk / "out", 3)
