"""A clock that is wrong, for one process: the wall clock of Python and of all that uses it.

Timers (``time.monotonic``) go on as they do on a machine whose clock is set.
"""

import datetime as standard
import sys
import time
from typing import Any

__all__ = ["set_clock_back"]

_now = time.time
_real = standard.datetime


class _AnyDatetime(type):
    """Takes every right datetime for one of the wrong clock: drivers of databases look."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)


class _Shifted(_real, metaclass=_AnyDatetime):
    """What ``datetime`` is where the clock is wrong."""

    behind = standard.timedelta()

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        """Returns the wrong time."""
        return _real.now(tz) - cls.behind


def set_clock_back(seconds: float) -> None:
    """Lets every clock of this process be so many seconds behind; again and again, if wanted."""
    _Shifted.behind = standard.timedelta(seconds=seconds)
    time.time = lambda: _now() - seconds
    for module in list(sys.modules.values()):
        if getattr(module, "datetime", None) is _real:
            module.datetime = _Shifted  # type: ignore[attr-defined]
