"""`tune-bn tune --backend ray` stopped and starved as `test_command_stopped` and the others do."""

import signal
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.command import (
    command,
    in_terminal,
    require_goes_on,
    require_one_line,
    start,
    trials_of,
    wait_for,
    without_rights_of_root,
)
from tests.support.disks import fill, removed, replaced_by_a_file, small_disk
from tune_bn.cli import app
from tune_bn.plain.names import REASON

RAY = ("--backend", "ray", "--max-concurrent", "2", "--trials", "100000")


def require_no_ray(pid: int) -> None:
    """Waits until all that a driver started is gone."""
    while any(f"_{pid}/" in p and "/session_" in p for p in _commands()):
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
        assert terminal.process.wait() == code
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
    wait_for(process, "3/")
    process.send_signal(number)
    _, errors = process.communicate()
    code = -number if number == signal.SIGKILL else 128 + number
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    require_no_ray(process.pid)
    assert all(t.state.is_finished() for t in trials_of(out))
    require_goes_on(table, out, 3)


def forbid(folder: Path) -> None:
    """Takes the permission to write away, from a folder and all in it."""
    for each in (folder, *folder.rglob("*")):
        if each.is_dir():
            each.chmod(0o555)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "where", "cause"),
    [
        # The short form, by a Tune of its own, is in `tests/ray/test_lost_storage.py`.
        (removed, "ray", "no such file or directory"),
        # Or "no such file": the run may look before the file is there.
        (replaced_by_a_file, "ray", "not a directory|no such"),
        (forbid, "ray", "permission denied"),
        (removed, ".", "study.db until its end, but it"),
        (forbid, ".", "readonly database|permission denied"),
    ],
)
def test_the_storage_goes_away(fault, where, cause, table, tmp_path):
    """It ends in one line, and no trial counts as tried for it; mended, the same command goes on.

    Without a look at the storage, Tune would fail all trials that are left, one by one.
    """
    out = tmp_path / "out"
    prefix = without_rights_of_root() if fault is forbid else []
    process = start(command(table, out, *RAY), prefix=prefix)
    wait_for(process, "3/")
    fault((out / where).resolve())
    require_one_line(process, *cause.split("|"))
    require_no_ray(process.pid)
    if fault is forbid:
        for folder in (out, *out.rglob("*")):
            folder.chmod(0o755)
    if (out / where).is_file():
        (out / where).unlink()
    if (out / "study.db").exists():
        assert [t for t in trials_of(out) if t.user_attrs.get(REASON)] == []
        require_goes_on(table, out, 3)
    else:
        result = CliRunner().invoke(app, command(table, out, "--trials", 2))
        assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_the_storage_fills_up(table):
    """Study and Ray's files share the folder: it ends in one line, and goes on with more room."""
    with small_disk("32m") as disk:
        process = start(command(table, disk / "out", *RAY))
        wait_for(process, "3/")
        filler = fill(disk)
        require_one_line(process, "full", "no space left")
        filler.unlink()
        require_goes_on(table, disk / "out", 3)
