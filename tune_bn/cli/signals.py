"""Ctrl-C, a polite kill and a closed terminal, turned into a question that a run asks."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "StopRequest", "end_on_signals", "stop_on_signals"]

# Windows has no SIGHUP.
_HANGUP = getattr(signal, "SIGHUP", None)
_HEARD = [signal.SIGINT, signal.SIGTERM, *([] if _HANGUP is None else [_HANGUP])]


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGHUP came; what KeyboardInterrupt is for Ctrl-C.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopRequest:
    """Whether, and by which signal, the person at the terminal asked to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self) -> bool:
        """True once a signal has come."""
        return self.signal is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Collects SIGINT, SIGTERM and SIGHUP while the block runs; a second Ctrl-C interrupts at once.

    A signal that is ignored stays so: ``nohup`` and a shell's ``&`` mean it. After SIGHUP the
    terminal is gone, and what would be printed there is dropped. Works in the main thread only, as
    signals do.
    """
    request = StopRequest()

    def hear(number: int) -> None:
        if request() and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = signal.Signals(number)

    with _heard(_HEARD, hear):
        yield request


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Raises `Interrupted` on SIGTERM and SIGHUP while the block runs, as Python does on Ctrl-C.

    So what is half written is removed on the way out. Ignored signals and the terminal: as for
    `stop_on_signals`.
    """

    def hear(number: int) -> None:
        raise Interrupted(number)

    with _heard([number for number in _HEARD if number != signal.SIGINT], hear):
        yield


@contextmanager
def _heard(numbers: list[signal.Signals], hear: Callable[[int], None]) -> Iterator[None]:
    on_terminal = [number for number in (1, 2) if os.isatty(number)]

    def handle(number: int, _frame: FrameType | None) -> None:
        if number == _HANGUP:
            _let_go(on_terminal)
        hear(number)

    before = {
        number: signal.signal(number, handle)
        for number in numbers
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_go(descriptors: list[int]) -> None:
    """Sends to nowhere what goes to a terminal that is gone, where each write would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
