"""Ctrl-C and a polite kill, turned into a question that a run asks after each epoch."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopRequest", "stop_on_signals"]


class StopRequest:
    """Whether, and by which signal, the person at the terminal asked to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self) -> bool:
        """True once a signal has come."""
        return self.signal is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Collects SIGINT and SIGTERM while the block runs; a second Ctrl-C interrupts at once.

    Works in the main thread only, as signals do.
    """
    request = StopRequest()

    def hear(number: int, _frame: FrameType | None) -> None:
        if request() and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = signal.Signals(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
