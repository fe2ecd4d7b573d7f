"""Ray experiments, run quietly, and a judge: search, reports and Ray's own table say the same."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from tune_bn import Narrowing
from tune_bn.ray import CoarseToFineSearch
from tune_bn.report import results_of
from tune_bn.report.pages.summary import answers
from tune_bn.report.results.from_ray import results_of_ray_folder
from tune_bn.report.results.results import Results, TrialResult

SPACE = {"x": tune.uniform(0, 1)}
QUICK = Narrowing(coarse_trials=3, stage_trials=3)

Outcome = tuple[str, float, float]
"""How a trial ended ("goal", "itself", "stopped" or "failed"), how far it got, its value."""

RULES = {
    "copies": "a trial that is one of several copies",
    "failed": "failed: what it reported before does not count",
    "goal": "did not reach the goal at which trials end",
    "far": "trained less far than the furthest",
}
"""What the page says where another trial than Ray's own best is the best."""


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


@dataclass
class Heard:
    """What was said of an experiment.

    Args:
        trials: By who says it ("grid", "folder", "search"): of each trial, by Tune's id, its
            state, values and parameters.
        best: By who says it: id and values of the best trial.
        stages: By who says it: windows and best value of each stage.
        table: What Ray itself knows of each trial.
        found: The sentences of the page on what was found.
    """

    trials: dict[str, dict[str, tuple[Any, ...]]]
    best: dict[str, tuple[str, tuple[float, ...]]]
    stages: dict[str, dict[int, Any]]
    table: dict[str, Outcome]
    found: str


def verdict(heard: Heard, *, maximize: bool = False, is_repeated: bool = False) -> None:
    """Asserts that all say the same, and the right thing.

    Args:
        heard: What was said.
        maximize: Whether the largest value is the best.
        is_repeated: Whether a ``Repeater`` ran each point several times: then Ray's table has
            single copies, of which the reports know the mean.
    """
    trials, table = heard.trials["grid"], heard.table
    assert trials == heard.trials["folder"], "grid and folder know different trials"
    if "search" in heard.trials:
        of_search = heard.trials["search"]
        assert trials.items() <= of_search.items(), "the search knows other trials"
    is_all = trials.keys() <= table.keys() if is_repeated else trials.keys() == table.keys()
    assert is_all, "Ray has other trials"
    assert len({*heard.best.values()}) == 1, "there are several best trials"
    assert all(s == heard.stages["grid"] for s in heard.stages.values()), "stages differ"
    best, values = heard.best["grid"]
    if not is_repeated:
        order = rank(table, maximize=maximize)
        states = {i: state for i, (state, *_) in trials.items()}
        counted = {i for i, s in states.items() if s in ("complete", "pruned")}
        assert counted == {*order}, "states differ from Ray's"
        known = {i: v[0] for i, (state, v, _) in trials.items() if i in counted}
        assert known == {i: table[i][2] for i in order}, "values differ from Ray's"
        assert best == order[0], "another trial is the best"
    finite = {i: o[2] for i, o in table.items() if math.isfinite(o[2])}
    rays = (max if maximize else min)(finite, key=finite.__getitem__)
    rule = "far"
    if finite[rays] == values[0]:
        rule = ""
    elif rays not in trials:
        rule = "copies"
    elif table[rays][0] == "failed":
        rule = "failed"
    elif table[best][0] == "goal" != table[rays][0]:
        rule = "goal"
    named = [name for name, text in RULES.items() if text in heard.found]
    assert named == ([rule] if rule else []), "the page names another rule"
    assert ("Ray's own best" in heard.found) == bool(rule), "the page is silent on Ray's best"


def judge(
    grid: tune.ResultGrid,
    search: CoarseToFineSearch | None,
    outcome: Callable[[tune.Result], Outcome],
    *,
    maximize: bool = False,
    is_repeated: bool = False,
    time_attr: str | None = None,
) -> Results:
    """Gives the verdict on an experiment that was run.

    Args:
        grid: What ``Tuner.fit`` returned.
        search: The search as it is in memory, or restored from the folder; None of another's.
        outcome: Tells from Ray's own result of a trial how it ended.
        maximize: Whether the largest value is the best.
        is_repeated: Whether a ``Repeater`` ran each point several times.
        time_attr: As the reports are told it.

    Returns:
        The report of the grid.
    """
    mode = "max" if maximize else "min"
    of_folder = {"mode": mode, "time_attr": time_attr}
    reports = {
        "grid": results_of(grid, time_attr=time_attr),
        "folder": results_of_ray_folder(grid.experiment_path, **of_folder),
    }
    rows = [grid[i] for i in range(len(grid))]
    began: Callable[[Any], float] = lambda trial: trial.run_metadata.start_time or math.inf  # noqa: E731
    begun = sorted(grid._experiment_analysis.trials or [], key=began)
    ids = {number: trial.trial_id for number, trial in enumerate(begun)}
    stages = {name: report.stages for name, report in reports.items()}
    if search is not None:
        reports["search"] = results_of(search)
        ids, stages["search"] = search.trial_ids, tuple(search.stages())
    heard = Heard(
        {
            name: {
                ids[t.number]: (t.state, t.values, t.params)
                for t in report.trials
                if t.number in ids
            }
            for name, report in reports.items()
        },
        {name: (ids[b.number], b.values) for name, r in reports.items() if (b := r.best)},
        {name: {s.index: (s.windows, s.best_value) for s in of} for name, of in stages.items()},
        {(row.metrics or {})["trial_id"]: outcome(row) for row in rows},
        dict(answers(reports["grid"], {}, []))["What was found"],
    )
    if search is not None:
        heard.best["memory"] = (ids[search.best.number], search.best.values)
    verdict(heard, maximize=maximize, is_repeated=is_repeated)
    return reports["grid"]


def by_value(function: Any) -> Any:
    """Returns a trainable that is pickled by value, so that workers need not import the tests."""
    function.__module__ = "__main__"
    return function


def fitted(
    path: Path,
    train: Any,
    search: Any,
    *,
    n: int = 8,
    metric: str = "loss",
    mode: str = "min",
    space: Any = None,
    run: dict[str, Any] | None = None,
    **config: Any,
) -> tune.ResultGrid:
    """Runs an experiment quietly in a folder; the folder's name is the experiment's.

    A trial takes all of the Ray, so that one worker process, which is slow to start, is enough.
    """
    return tune.Tuner(
        tune.with_resources(by_value(train), {"cpu": 2}),
        param_space=space or SPACE,
        tune_config=tune.TuneConfig(
            metric=metric,
            mode=mode,
            num_samples=n,
            search_alg=search,
            reuse_actors=True,
            **config,
        ),
        run_config=tune.RunConfig(
            **{"storage_path": str(path.parent), "name": path.name, "verbose": 0, **(run or {})}
        ),
    ).fit()


def best_of(results: Results) -> TrialResult:
    """Returns the best trial of a report."""
    assert results.best is not None
    return results.best


def rays_best(grid: tune.ResultGrid) -> float:
    """Returns the loss of Ray's own best result."""
    metrics = grid.get_best_result().metrics
    assert metrics is not None
    return float(metrics["loss"])


def at_its_end(
    time_attr: str = "training_iteration", metric: str = "loss"
) -> Callable[[tune.Result], Outcome]:
    """Returns an outcome for experiments in which every trial ends by itself."""

    def outcome(result: tune.Result) -> Outcome:
        metrics = result.metrics or {}
        how = "failed" if result.error or metric not in metrics else "itself"
        return how, float(metrics.get(time_attr, 0)), float(metrics.get(metric, np.nan))

    return outcome


def two_steps(config: dict[str, Any]) -> None:
    for step in (1, 2):
        tune.report({"loss": (config["x"] - 0.3) ** 2 + 1 / step})
