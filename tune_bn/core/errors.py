"""Errors of the core. Each is also the builtin that a caller would have caught anyway."""

__all__ = ["NarrowingError", "SpaceError", "StateError", "TrialError"]


class SpaceError(ValueError):
    """A parameter or a space of parameters that cannot be searched."""


class NarrowingError(ValueError):
    """A schedule with an option outside its range."""


class TrialError(ValueError):
    """A trial that was told something that cannot be true of it."""


class StateError(ValueError):
    """A saved search that cannot be read."""
