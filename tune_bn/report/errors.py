"""Errors of the report. Each is also the builtin that a caller would have caught anyway."""

__all__ = ["ReportError"]


class ReportError(ValueError):
    """A search that cannot be shown, or an option that does not fit it."""
