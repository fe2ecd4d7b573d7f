"""How a command ends: one line on stderr and an exit code, never a traceback for a known cause."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from tune_bn.cli.signals import Interrupted
from tune_bn.plain.text import visible

__all__ = ["BAD_INPUT", "InputError", "end_in_one_line"]

BAD_INPUT = 2
_EXTRAS = {"ray": "cli,ray"}  # package → the extras that bring it; the others come with "cli"


class InputError(ValueError):
    """An option of the command line cannot be used; the message says what to give instead."""


@contextmanager
def end_in_one_line() -> Iterator[None]:
    """Turns the package's own errors, a missing extra and a signal into a line and an exit code.

    Anything else is a defect of this program and keeps its traceback.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, Interrupted) else signal.SIGINT
        _end("Stopped before anything was changed.", 128 + number)  # as shells count
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "tune_bn":
            raise
        _end(
            f"This command needs the package {error.name!r}, but it is not installed. "
            f"Run: pip install 'tune-bn[{_EXTRAS.get(error.name, 'cli')}]'",
            BAD_INPUT,
        )
    except ValueError as error:
        # A foreign ValueError is no message for a user.
        if not type(error).__module__.startswith("tune_bn."):
            raise
        _end(str(error), BAD_INPUT)


def _end(message: str, code: int) -> None:
    name = "tune-bn:" if not _is_coloured(sys.stderr) else "\x1b[1;31mtune-bn:\x1b[0m"
    print(name, visible(" ".join(message.split())), file=sys.stderr)
    raise typer.Exit(code)


def _is_coloured(stream: TextIO) -> bool:
    """Tells whether colour is wanted: NO_COLOR forbids it, FORCE_COLOR asks, a terminal shows it.

    As Rich decides for what is printed by it (https://no-color.org, https://force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")
