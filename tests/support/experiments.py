"""A judge of Ray experiments: search, stages, reports and Ray's own table say the same."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ray import tune

from tune_bn.ray import CoarseToFineSearch
from tune_bn.report import results_of
from tune_bn.report.pages.summary import answers
from tune_bn.report.results.from_ray import results_of_ray_folder
from tune_bn.report.results.results import Results

Outcome = tuple[str, float, float]
"""How a trial ended ("goal", "itself", "stopped" or "failed"), how far it got, its value."""


def rank(outcomes: Mapping[str, Outcome], *, maximize: bool = False) -> list[str]:
    """Returns the ids of the trials that count, best first, by the documented rule.

    Written from the documentation, not from the code: finite before infinite, at the goal before
    not, then those that ended by themselves or got as far as any, then the furthest, then the
    value, then, at the goal, the sooner.
    """
    counted = {i: o for i, o in outcomes.items() if o[0] != "failed" and not math.isnan(o[2])}
    furthest = max((at for _, at, value in counted.values() if math.isfinite(value)), default=0.0)

    def key(trial_id: str) -> tuple[Any, ...]:
        how, reached, value = counted[trial_id]
        is_whole = how in ("goal", "itself") or reached >= furthest
        return (
            math.isinf(value),
            how != "goal",
            -(furthest if is_whole else reached),
            -value if maximize else value,
            reached if how == "goal" else 0.0,
        )

    return sorted(counted, key=key)


def by_id(results: Results, search: CoarseToFineSearch) -> dict[str, tuple[Any, ...]]:
    """Returns what a report says of each trial, by Tune's id."""
    ids = search.trial_ids
    return {ids[t.number]: (t.state, t.values, t.params) for t in results.trials if t.number in ids}


def judge(
    grid: tune.ResultGrid,
    search: CoarseToFineSearch,
    outcome: Callable[[tune.Result], Outcome],
    *,
    maximize: bool = False,
    is_repeated: bool = False,
) -> Results:
    """Asserts that all who speak of an experiment say the same, and the right thing.

    Args:
        grid: What ``Tuner.fit`` returned.
        search: The search as it is in memory, or restored from the folder.
        outcome: Tells from Ray's own result of a trial how it ended.
        maximize: Whether the largest value is the best.
        is_repeated: Whether a ``Repeater`` ran each point several times.

    Returns:
        The report of the grid.
    """
    reports = {
        "grid": results_of(grid),
        "folder": results_of_ray_folder(grid.experiment_path),
        "search": results_of(search),
    }
    said = {name: by_id(report, search) for name, report in reports.items()}
    assert said["grid"] == said["folder"]
    rows = [grid[i] for i in range(len(grid))]
    table = {(row.metrics or {})["trial_id"]: outcome(row) for row in rows}
    assert said["grid"].items() <= said["search"].items()
    assert (
        (said["grid"].keys() <= table.keys())
        if is_repeated
        else said["grid"].keys() == table.keys()
    )
    for report in reports.values():
        best = report.best
        assert best is not None
        assert (best.number, best.values) == (search.best.number, search.best.values)
    assert reports["folder"].stages == reports["grid"].stages
    shown = {s.index: (s.windows, s.best_value) for s in search.stages()}
    assert {s.index: (s.windows, s.best_value) for s in reports["grid"].stages} == shown
    if not is_repeated:
        order = rank(table, maximize=maximize)
        assert search.trial_ids[search.best.number] == order[0]
        assert search.best.value == table[order[0]][2]
        states = {i: state for i, (state, *_) in said["grid"].items()}
        assert {i for i, s in states.items() if s in ("complete", "pruned")} == set(order)
    text = dict(answers(reports["grid"], {}, []))["What was found"]
    finite = {i: o[2] for i, o in table.items() if math.isfinite(o[2])}
    rays = (max if maximize else min)(finite, key=finite.__getitem__)
    assert ("Ray's own best" in text) == (finite[rays] != search.best.value)
    if "Ray's own best" in text:
        winner = table[search.trial_ids[search.best.number]]
        rule = "less far"
        if rays not in said["grid"]:
            rule = "copies"
        elif table[rays][0] == "failed":
            rule = "failed"
        elif winner[0] == "goal" != table[rays][0]:
            rule = "goal"
        assert rule in text
    return reports["grid"]
