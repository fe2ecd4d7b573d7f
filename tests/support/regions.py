"""The judge of what a search says of its draws."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.stages import Stage
from tune_bn.core.space.window import Kept

__all__ = ["is_within", "untrue"]


def is_within(value: Any, window: tuple[Any, ...], *, is_category: bool) -> bool:
    """Tells whether a value is one that a window holds: an interval, or a set of choices."""
    if is_category:
        return any(value is choice or value == choice for choice in window)
    low, high = window
    return bool(low <= value <= high)


def untrue(
    origins: Mapping[int, Origin],
    stages: Iterable[Stage],
    params: Mapping[int, Mapping[str, Any]],
    categories: Collection[str] = (),
    given: Mapping[int, Collection[str]] | None = None,
) -> list[str]:
    """Returns what is not true of what a search says: nothing, it should be.

    Args:
        origins: Where each trial was drawn from, by number.
        stages: The stages of the search.
        params: The values of each trial.
        categories: Names of the parameters whose windows are sets of choices.
        given: Of each trial the names whose values were enqueued or fixed.
    """
    found = []
    stage_of = {number: stage for stage in stages for number in stage.trials}
    for number, origin in origins.items():
        values, mine = params[number], set((given or {}).get(number, ())) & params[number].keys()
        if origin.windows is None:
            found.append(f"trial {number}: unknown")
            continue
        if not set(origin.given) <= mine:
            found.append(f"trial {number}: {set(origin.given) - mine} was not given")
        if missing := values.keys() - origin.windows.keys() - set(origin.given) - mine:
            found.append(f"trial {number}: nothing is said of {missing}")
        for name, window in origin.windows.items():
            is_category = name in categories
            if not is_within(values[name], window.bounds, is_category=is_category):
                found.append(f"trial {number}: {name}={values[name]!r} is outside of {window!r}")
            hull = stage_of[number].windows[name]
            if not all(is_within(end, hull, is_category=is_category) for end in window.bounds):
                found.append(f"trial {number}: {window!r} of {name} leaves {hull!r}")
            if isinstance(window, Kept):
                # Of a range that has changed since, the nearest end.
                kept = window.parameter.nearest(params[window.trial][name])
                if not (kept is values[name] or kept == values[name]):
                    found.append(f"trial {number}: {name} is not that of trial {window.trial}")
                if window.trial not in origin.trials:
                    found.append(f"trial {number}: it does not name {window.trial}")
    return found
