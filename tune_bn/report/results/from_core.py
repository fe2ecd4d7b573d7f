"""A search that was driven by hand, as plain records."""

from tune_bn.core.search.search import CoarseToFine
from tune_bn.report.results.results import Results, State, TrialResult

__all__ = ["results_of_search"]

_STATES: dict[str, State] = {"complete": "complete", "stopped": "pruned", "failed": "failed"}


def results_of_search(search: CoarseToFine) -> Results:
    """Returns all trials, running or told, with the space and the stages of the search."""
    stages = tuple(search.stages())
    stage_of = {number: stage.index for stage in stages for number in stage.trials}
    origins = search.origins()
    trials = tuple(
        TrialResult(
            number=t.number,
            params=t.params,
            values=t.values,
            state=_STATES[t.state],
            stage=stage_of.get(t.number),
            origin=origins.get(t.number),
            violation=t.violation,
        )
        for t in search.trials
    )
    told = {t.number for t in trials}
    running = tuple(
        TrialResult(number, search.params(number), (), "running", origin=origins.get(number))
        for number in sorted(search.numbers - told)
    )
    many = len(search.directions) > 1
    return Results(
        name="search",
        source="CoarseToFine",
        trials=tuple(sorted((*trials, *running), key=lambda t: t.number)),
        space=search.space,
        directions=tuple(search.directions),
        objectives=tuple(f"value {i}" if many else "value" for i in range(len(search.directions))),
        stages=stages if any(s.index >= 0 for s in stages) else (),
        sampler=f"CoarseToFine(seed={search.seed})",
    )
