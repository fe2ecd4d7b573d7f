"""A search that was driven by hand, as plain records."""

from collections.abc import Mapping
from typing import Any

from tune_bn.core.search.records import Finished
from tune_bn.core.search.search import CoarseToFine
from tune_bn.report.results.results import Results, State, TrialResult

__all__ = ["record_of", "results_of_search"]

_STATES: dict[str, State] = {"complete": "complete", "stopped": "pruned", "failed": "failed"}


def record_of(
    number: int,
    params: Mapping[str, Any],
    ended: Finished | None,
    *,
    is_behind: bool = False,
    **about: Any,
) -> TrialResult:
    """Returns a trial of the core as it is shown: by hand, or of a framework that keeps it there.

    Args:
        number: Its number.
        params: Its values.
        ended: How it ended; None while it runs.
        is_behind: Whether it was stopped early, where its framework does not tell it.
        about: Whatever else is known: stage, origin, steps, times.
    """
    if ended is None:
        return TrialResult(number, params, (), "running", **about)
    return TrialResult(
        number,
        params,
        ended.values,
        "pruned" if is_behind else _STATES[ended.state],
        violation=ended.violation,
        # By its own end a trial got as far as any.
        progress=None if ended.end == "itself" else ended.progress,
        is_at_goal=ended.end == "goal",
        **about,
    )


def results_of_search(search: CoarseToFine) -> Results:
    """Returns all trials, running or told, with the space and the stages of the search."""
    stages = tuple(search.stages())
    stage_of = {number: stage.index for stage in stages for number in stage.trials}
    origins = search.origins()
    ended = {t.number: t for t in search.trials}
    trials = tuple(
        record_of(
            number,
            search.params(number),
            ended.get(number),
            stage=stage_of.get(number),
            origin=origins.get(number),
        )
        for number in sorted(search.numbers)
    )
    many = len(search.directions) > 1
    return Results(
        name="search",
        source="CoarseToFine",
        trials=trials,
        space=search.space,
        directions=tuple(search.directions),
        objectives=tuple(f"value {i}" if many else "value" for i in range(len(search.directions))),
        stages=stages if any(s.index >= 0 for s in stages) else (),
        sampler=f"CoarseToFine(seed={search.seed})",
    )
