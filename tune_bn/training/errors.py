"""The errors of this room; each is also the builtin a caller would expect."""

__all__ = ["ConfigError", "DataError", "DivergedError"]


class DataError(ValueError):
    """The table cannot be used as it is; the message is one line that says what to change."""


class ConfigError(ValueError):
    """A training setting is outside what a network can be trained with."""


class DivergedError(RuntimeError):
    """The loss stopped being a number.

    Attributes:
        epoch: The epoch, counted from 1, in which it happened.
        reason: What was seen and the likely cause, in one line.
    """

    def __init__(self, epoch: int, reason: str) -> None:
        super().__init__(epoch, reason)  # both arguments, so that it pickles to a worker and back
        self.epoch = epoch
        self.reason = reason

    def __str__(self) -> str:
        return f"Training diverged in epoch {self.epoch}: {self.reason}"
