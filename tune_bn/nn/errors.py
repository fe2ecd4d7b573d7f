"""The error of the batch-norm layers, apart so that every file of the room can raise it."""

__all__ = ["BatchNormError"]


class BatchNormError(ValueError, RuntimeError):
    """A batch-norm layer was built, called or converted in a way that it refuses.

    It is a ``ValueError`` and a ``RuntimeError``: torch's own layers raise the one for a wrong
    number of dimensions and the other for a wrong number of channels, and code that catches
    either keeps working.
    """
