"""What can go wrong in a tuning run that its user can put right."""

__all__ = ["Stopped", "TuneError"]


class TuneError(ValueError):
    """A run cannot start or finish; the message says what was needed, found, and what to do."""


class Stopped(RuntimeError):  # noqa: N818  an outcome that the caller asked for, not an error
    """The caller asked the run to stop; every finished trial is in the study.

    Args:
        finished: Trials that are in the study and count.
        trials: Trials that were asked for.
    """

    def __init__(self, finished: int, trials: int) -> None:
        super().__init__(f"Stopped after {finished} of {trials} trials.")
        self.finished = finished
        self.trials = trials

    def __reduce__(self) -> tuple[type["Stopped"], tuple[int, int]]:
        """Pickles by its arguments; an error's own way passes the message."""
        return type(self), (self.finished, self.trials)
