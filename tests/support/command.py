"""The command line as a process, with a terminal of its own where one is wanted."""

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState
from typer.testing import CliRunner

from tests.support.warm import Program
from tune_bn.cli import app
from tune_bn.plain.names import INTERRUPTED, REASON

__all__ = [
    "Terminal",
    "command",
    "finished_in",
    "in_terminal",
    "require_goes_on",
    "require_one_line",
    "small_table",
    "start",
    "trials_of",
    "wait_for",
    "without_rights_of_root",
]


Process: TypeAlias = "Program | subprocess.Popen[str]"


def small_table(folder: Path) -> Path:
    """Writes a table of 60 rows with two classes, of which an epoch takes milliseconds."""
    rng = np.random.default_rng(0)
    path = folder / "table.csv"
    lines = [f"{rng.normal() + 2 * (i % 2):.4f},{'ab'[i % 2]}" for i in range(60)]
    path.write_text("x,y\n" + "\n".join(lines) + "\n")
    return path


def command(table: Path, out: Path, *more: object) -> list[str]:
    """Returns the words of a run on `small_table`."""
    words = ["tune", "--data", table, "--target", "y", "--epochs", 2, "--out", out, *more]
    return [str(word) for word in words]


def start(words: list[str], *, prefix: Sequence[str] = ()) -> Process:
    """Starts ``tune-bn`` with these words, after those of a prefix; it writes into pipes."""
    words = ["-m", "tune_bn", *words]
    if not prefix:
        return Program(words)
    return subprocess.Popen(
        [*prefix, sys.executable, "-u", *words],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(process: Process, words: str) -> str:
    """Reads the command's lines until one holds the words; returns all that was read."""
    assert process.stderr is not None
    read = ""
    for line in process.stderr:
        read += line
        if words in line:
            return read
    raise AssertionError(f"the command ended without saying {words!r}, but {read!r}")


def without_rights_of_root() -> list[str]:
    """Returns a prefix for `start`: whom permissions do not stop, they stop with it."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed, and root may write anywhere")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def require_one_line(process: Process, *words: str) -> None:
    """Fails unless a run that is going on ends with exit code 2 and a line that says what to do.

    Args:
        process: What `start` returned.
        words: One of them is in the line, as the cause.
    """
    _, errors = process.communicate()
    assert process.returncode == 2, errors
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    assert last.startswith("tune-bn: A run needs"), errors
    assert ("trials and earlier results are kept" in last) != ("it begins anew" in last)
    assert any(word in last for word in words), last


def trials_of(out: Path) -> list[FrozenTrial]:
    """Returns the trials in a run's folder."""
    return optuna.load_study(study_name="tune_bn", storage=f"sqlite:///{out}/study.db").trials


def finished_in(out: Path) -> list[FrozenTrial]:
    """Returns those that ended well."""
    return [t for t in trials_of(out) if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def require_goes_on(table: Path, out: Path, n_finished: int) -> None:
    """Fails unless what was finished is there, and the same command ends with one trial more.

    Args:
        table: What `small_table` wrote.
        out: The folder of a run that ended too early.
        n_finished: How many trials the run had said to be finished.
    """
    before = finished_in(out)
    assert len(before) >= n_finished
    interrupted = {t.number for t in trials_of(out) if t.user_attrs.get(REASON) == INTERRUPTED}
    counted = [t for t in trials_of(out) if t.state.is_finished() and t.number not in interrupted]
    result = CliRunner().invoke(app, command(table, out, "--trials", len(counted) + 1))
    assert result.exit_code == 0, result.output
    after = trials_of(out)
    assert [after[t.number] for t in before] == before
    assert [t.number for t in after] == [*range(len(after))]
    assert all(t.state.is_finished() for t in after)
    # What was interrupted may have been given, and is given again.
    draws = [
        tuple(t.params.items())
        for t in after
        if t.params and t.user_attrs.get(REASON) != INTERRUPTED
    ]
    assert len(set(draws)) == len(draws), draws
    assert (out / "best.json").exists()


class Terminal:
    """A pseudo-terminal in which a command runs as its leader, as under a shell."""

    def __init__(self, master: int, process: Program) -> None:
        self.master, self.process, self.shown = master, process, ""

    def wait_for(self, words: str) -> None:
        """Reads what the command shows until the words have been there."""
        while words not in self.shown:
            self.shown += os.read(self.master, 4096).decode(errors="replace")

    def read_rest(self) -> str:
        """Reads until the command has ended; returns all that it ever showed."""
        try:
            while chunk := os.read(self.master, 4096):
                self.shown += chunk.decode(errors="replace")
        except OSError:  # how Linux says that nobody is at the other end
            pass
        return self.shown

    def type(self, keys: str) -> None:
        r"""Type; ``"\x03"`` is Ctrl-C, which goes to all processes of the foreground."""
        os.write(self.master, keys.encode())

    def close(self) -> None:
        """Closes the window."""
        os.close(self.master)
        self.master = -1


@contextmanager
def in_terminal(words: list[str]) -> Iterator[Terminal]:
    """Runs ``tune-bn`` with these words in a terminal."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "200"}
    process = Program(["-m", "tune_bn", *words], environment=environment, terminal=slave)
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        if terminal.master >= 0:
            terminal.close()
