"""Metrics and modes as Tune gives them: one name, or a list of names."""

from typing import Any

__all__ = ["as_values", "check_objectives", "names_of"]


def names_of(given: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """Returns one name or several as a tuple; None as an empty one."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def check_objectives(metric: Any, mode: Any) -> None:
    """Checks metric and mode as far as they are given.

    Raises:
        ValueError: If a mode is unknown, or there is not one for each metric.
    """
    for one in names_of(mode):
        if one == "obs":
            raise ValueError(
                'CoarseToFineSearch ranks by every metric, but got mode "obs". Leave out metrics '
                "that should only be observed; Tune shows them anyway."
            )
        if one not in ("min", "max"):
            raise ValueError(f"CoarseToFineSearch needs mode 'min' or 'max', but got {mode!r}.")
    if metric is not None and mode is not None:
        is_list = isinstance(metric, (list, tuple))
        if is_list != isinstance(mode, (list, tuple)) or len(names_of(metric)) != len(
            names_of(mode)
        ):
            raise ValueError(
                f"CoarseToFineSearch needs one mode for each metric, but got metric={metric!r} "
                f"and mode={mode!r}."
            )
    elif isinstance(mode, (list, tuple)):
        raise ValueError(
            f"CoarseToFineSearch needs a list of metrics for the modes {mode!r}, but got "
            f"metric={metric!r}."
        )


def as_values(value: Any) -> tuple[float, ...] | None:
    """Returns a result, or one for each metric, as a tuple; None as None."""
    if value is None:
        return None
    return tuple(map(float, value)) if isinstance(value, (list, tuple)) else (float(value),)
