"""Ctrl-C, a polite kill and a closed terminal, turned into a question that a run asks."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopRequest", "stop_on_signals"]

# Windows has no SIGHUP.
_HANGUP = getattr(signal, "SIGHUP", None)
_HEARD = [signal.SIGINT, signal.SIGTERM, *([] if _HANGUP is None else [_HANGUP])]


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
    on_terminal = [number for number in (1, 2) if os.isatty(number)]

    def hear(number: int, _frame: FrameType | None) -> None:
        if request() and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = signal.Signals(number)
        if number == _HANGUP:
            _let_go(on_terminal)

    before = {
        number: signal.signal(number, hear)
        for number in _HEARD
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _let_go(descriptors: list[int]) -> None:
    """Sends to nowhere what goes to a terminal that is gone, where each write would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
