"""Python programs in processes that have imported the frameworks already.

An interpreter takes seconds of a core to import torch, pandas, scikit-learn, Optuna and plotly,
which is most of what a test of an example or of the command line does. Here each program is forked
from one server per test run, which has imported them. What it starts itself (workers, Ray) starts
as always. A test of how a program starts, or of what an import leaves behind, needs a real start.
"""

import atexit
import fcntl
import io
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import IO, Any, TextIO

__all__ = ["Program", "forks", "run"]


def forks() -> ForkServerContext:
    """Returns the way to start processes that are forked from the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    return context


class Program:
    """A program that runs; of `subprocess.Popen` it has what tests need.

    Args:
        words: What follows ``python``: a script or ``-m`` and a module, and their arguments.
        folder: Where it runs.
        environment: All of its variables; None: those of the tests.
        terminal: A terminal that it is to be the leader of; None: it writes into pipes.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        folder: str | os.PathLike[str] = ".",
        environment: Mapping[str, str] | None = None,
        terminal: int | None = None,
    ) -> None:
        self.stdout: IO[str] = io.StringIO()
        self.stderr: IO[str] = io.StringIO()
        if terminal is None:
            (out, out_there), (err, err_there) = os.pipe(), os.pipe()
            self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)
            files = [Connection(there, readable=False) for there in (out_there, err_there)]
        else:
            files = [Connection(os.dup(terminal))]
        variables = dict(os.environ if environment is None else environment)
        arguments = ([*words], os.path.abspath(folder), variables, files)
        # Killed when the test run ends, which would otherwise wait for what a failed test left.
        self._process = forks().Process(target=_become, args=arguments, daemon=True)
        self._process.start()
        for file in files:
            file.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        """Waits until it has ended; returns the exit code."""
        self._process.join()
        assert self.returncode is not None
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Reads what it writes until it has ended."""
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.append(self.stdout.read()))
        reader.start()
        errors = self.stderr.read()
        reader.join()
        self.wait()
        self.stdout.close()
        self.stderr.close()
        return said[0], errors

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def run(words: Sequence[str], **where: Any) -> "subprocess.CompletedProcess[str]":
    """Runs a program to its end, as `Program` starts it; returns its exit code and what it said."""
    program = Program(words, **where)
    try:
        said, errors = program.communicate()
    finally:
        program.kill()
    return subprocess.CompletedProcess([*words], program.wait(), said, errors)


def _become(
    words: list[str], folder: str, variables: dict[str, str], files: list[Connection]
) -> None:
    """Turns this process into the program."""
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    if len(files) == 1:
        os.setsid()
        fcntl.ioctl(files[0].fileno(), termios.TIOCSCTTY, 0)
        os.dup2(files[0].fileno(), 0)
    os.dup2(files[0].fileno(), 1)
    os.dup2(files[-1].fileno(), 2)
    for file in files:
        file.close()
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(file, "w", buffering=1, closefd=False) for file in (1, 2))
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None  # what the server found out is not what these variables say
    os.chdir(folder)
    try:
        if words[0] == "-m":
            sys.argv, sys.path[0] = words[1:], folder
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = words, os.path.dirname(os.path.abspath(words[0]))
            runpy.run_path(words[0], run_name="__main__")
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout, sys.stderr = _flushed(sys.stdout), _flushed(sys.stderr)


def _flushed(file: TextIO) -> TextIO:
    """Returns a file, or nowhere in its place where nobody reads it any more."""
    try:
        file.flush()
    except OSError:
        return open(os.devnull, "w")
    return file
