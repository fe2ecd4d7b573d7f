"""What the figures show, and what a run found, as tables: for the page and for the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tune_bn.core.draws.stages import Stage
from tune_bn.core.space import Categorical
from tune_bn.report.figures.relations import Importance
from tune_bn.report.figures.shared import some_stages
from tune_bn.report.pages.verdict import model_scores, winner
from tune_bn.report.results.explanation import explain, source_text
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.wording import (
    count_text,
    duration_text,
    number_text,
    share_text,
    state_text,
    value_text,
    window_text,
)

__all__ = [
    "Table",
    "best_trials_table",
    "durations_table",
    "ends_of_stages",
    "importance_table",
    "improvements_table",
    "reasons_table",
    "run_table",
    "scores_table",
    "stage_table",
    "steps_table",
]

_BEST, _LAST, _STEPS = 10, 30, 50  # rows of a table of them


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Args:
        title: What it shows.
        columns: Heading of each column.
        rows: A text for each column; not escaped.
        n_text_columns: How many columns, from the left, are words rather than numbers.
        note: A sentence about what is left out; "" for none.
        has_last_words: Whether the last column is words, too.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_text_columns: int = 1
    note: str = ""
    has_last_words: bool = False

    def is_words(self, i: int) -> bool:
        """Returns whether a column, counted from 0, is words rather than numbers."""
        return i < self.n_text_columns or (self.has_last_words and i == len(self.columns) - 1)


def ends_of_stages(table: Table, most: int) -> Table:
    """Returns a table of stages in at most so many rows (≥ 4): how it began, and the latest.

    The coarse stage is always there, behind trials that were given or made before it; a row says
    how many stages are left out.
    """
    left_out = len(table.rows) - most
    if left_out <= 0:
        return table
    first = 2 if table.rows[1][0] == "coarse" else 1
    dots = ["…"] * (len(table.columns) - 1)
    between = (f"({left_out + 1} stages)", *dots)
    rows = (*table.rows[:first], between, *table.rows[first + left_out + 1 :])
    return replace(table, rows=rows)


def stage_table(results: Results, *, params: Sequence[str] | None = None, most: int = 40) -> Table:
    """Returns a row per stage: trials, best value of one objective, widths, what it drew from.

    Its width is the schedule's; the usual one is the median width of what single values were
    redrawn in, which a few wide draws do not hide.

    Args:
        results: A search.
        params: Names of the parameters to show; None for all.
        most: Show at most so many stages (≥ 3); the first, the coarse one and the last are always
            among them.
    """
    names = list(results.space) if params is None else list(params)
    stages: Sequence[Stage] = results.stages
    is_single = len(results.directions) == 1
    note = ""
    if len(stages) > most:
        stages = some_stages(stages, most)
        note = f"{most} of {len(results.stages):,} stages shown."
    rows = []
    for stage in stages:
        windows = [
            window_text(
                stage.windows.get(name),
                is_choice=isinstance(results.space[name], Categorical),
            )
            for name in names
        ]
        best = "–" if stage.best_value is None else number_text(stage.best_value, 5)
        own = (best,) if is_single else ()
        usual = "–" if stage.usual_width is None else share_text(stage.usual_width)
        width = share_text(stage.width)
        rows.append((stage.name, str(len(stage.trials)), *own, width, usual, *windows))
    columns = ("Stage", "Trials", *(("Best value",) if is_single else ()), "Width", "Usual width")
    unknown = sum(stage.n_unknown for stage in results.stages)
    if unknown:
        whose = count_text(unknown, "trial")
        note = f"{note} Of {whose} it is not known between which values they were drawn.".strip()
    return Table(
        "Stages",
        (*columns, *names),
        tuple(rows),
        note=note,
    )


def best_trials_table(results: Results, *, params: Sequence[str] | None = None) -> Table:
    """Returns the best trials with their values and parameters, best first.

    Args:
        results: A search.
        params: Names of the parameters to show; None for all.
    """
    names = list(results.space) if params is None else list(params)
    best = _best_trials(results)
    rows = tuple(_trial_row(results, trial, names) for trial in best)
    what = "Pareto front" if len(results.directions) > 1 else "Best trials"
    stage = ("Stage",) if results.stages else ()
    source = ("Drawn from",) if results.stages else ()
    columns = ("Trial", *stage, *results.objectives, *names, *source)
    return Table(what, columns, rows, n_text_columns=0, has_last_words=bool(source))


def reasons_table(results: Results) -> Table | None:
    """Returns why each of the best trials was tried, best first; None where no trial says it."""
    best = _best_trials(results)
    if not any(t.origin is not None for t in best):
        return None
    rows = tuple((_number_text(results, t), explain(results, t.number)) for t in best)
    return Table("Why the best were tried", ("Trial", "Why it was tried"), rows, n_text_columns=2)


def _trial_row(results: Results, trial: TrialResult, names: Sequence[str]) -> tuple[str, ...]:
    stage = (results.stage_name(trial),) if results.stages else ()
    params = (value_text(trial.params[n]) if n in trial.params else "–" for n in names)
    values = (number_text(v, 6) for v in trial.values)
    source = (source_text(trial) or "not recorded",) if results.stages else ()
    return (_number_text(results, trial), *stage, *values, *params, *source)


def _number_text(results: Results, trial: TrialResult) -> str:
    """Returns a trial's number, with a word where it is the one that was chosen in the end."""
    return f"{trial.number}, chosen" if trial.number == results.chosen else str(trial.number)


def _best_trials(results: Results) -> list[TrialResult]:
    """Returns the best trials, best first, or those of the front; the chosen one among them."""
    best = [t for t in results.ranked if t.state == "complete"][:_BEST]
    if len(results.directions) > 1:
        best = list(results.front[:_BEST])
    chosen = None if results.chosen is None else results.by_number.get(results.chosen)
    return best if chosen is None or chosen in best else [*best, chosen]


def improvements_table(results: Results) -> Table:
    """Returns the trials that were the best so far when they ended, the latest last."""
    rows = []
    best = math.inf
    for trial in results.complete:
        if results.loss(trial) < best:
            best = results.loss(trial)
            stage = (results.stage_name(trial),) if results.stages else ()
            row = (_number_text(results, trial), *stage, number_text(trial.value, 6))
            rows.append(row)
    note = f"The last {_LAST} of {len(rows)} improvements." if len(rows) > _LAST else ""
    stage_column = ("Stage",) if results.stages else ()
    columns = ("Trial", *stage_column, results.objectives[0])
    return Table("Improvements", columns, tuple(rows[-_LAST:]), n_text_columns=0, note=note)


def steps_table(results: Results) -> Table:
    """Returns the intermediate values of the best trial beside the median of all trials."""
    best = results.best
    by_step: dict[float, list[float]] = {}
    for trial in results.trials:
        for step, value in trial.steps:
            if math.isfinite(value):
                by_step.setdefault(step, []).append(value)
    chosen = None if results.chosen is None else results.by_number.get(results.chosen)
    special = {"Best trial": best, "Chosen trial": chosen if chosen is not best else None}
    own = {name: dict(trial.steps) for name, trial in special.items() if trial is not None}
    steps = sorted(by_step)
    n = min(len(steps), _STEPS)
    shown = [steps[i * len(steps) // n] for i in range(n)]
    rows = tuple(
        (
            number_text(step),
            *(number_text(values[step], 5) if step in values else "–" for values in own.values()),
            number_text(float(np.median(by_step[step])), 5),
            str(len(by_step[step])),
        )
        for step in shown
    )
    columns = ("Step", *own, "Median", "Trials that reached it")
    return Table("Intermediate values", columns, rows, n_text_columns=0)


def importance_table(found: Mapping[str, Importance]) -> Table:
    """Returns the importance of each parameter, the largest first."""
    rows = tuple(
        (name, f"{one.share:.1%}", f"{one.low:.1%} to {one.high:.1%}")
        for name, one in found.items()
    )
    columns = ("Parameter", "Share", "90 % of resampled")
    return Table("Importance of each parameter (PED-ANOVA)", columns, rows)


def durations_table(results: Results) -> Table:
    """Returns how long trials of each state took."""
    rows = []
    for state in ("complete", "pruned", "failed"):
        of_state = [t.seconds for t in results.trials if t.state == state]
        seconds = np.array([s for s in of_state if s is not None])
        if seconds.size:
            texts = (float(seconds.min()), float(np.median(seconds)), float(seconds.max()))
            total = duration_text(float(seconds.sum()))
            rows.append((state_text(state), str(seconds.size), *map(duration_text, texts), total))
    columns = ("State", "Trials", "Shortest", "Median", "Longest", "Together")
    return Table("Time of each trial", columns, tuple(rows))


def scores_table(summary: Mapping[str, Any]) -> Table | None:
    """Returns the test scores of the chosen network beside the others, the best of them marked.

    None if there are none.

    Args:
        summary: Plain data with ``best.test`` and ``baselines`` (name → metric → value), as the
            command line tool writes it; or any ``scores`` of that second form.
    """
    rows, first = model_scores(summary), winner(summary)
    metrics = dict.fromkeys(str(metric) for value in rows.values() for metric in value)
    if not metrics:
        return None
    return Table(
        "Scores on the test rows",
        ("Model", *metrics),
        tuple(
            (
                f"{name} (best)" if name == first else name,
                *(_plain(value.get(metric), "–") for metric in metrics),
            )
            for name, value in rows.items()
        ),
    )


def run_table(results: Results, summary: Mapping[str, Any]) -> Table:
    """Returns how the search was run: source, sampler, seed, data and versions."""
    from tune_bn import __version__

    rows: list[tuple[str, str]] = [
        ("Source", results.source),
        ("Name", results.name),
    ]
    if results.sampler:
        rows.append(("Sampler", results.sampler))
    skipped = {"best", "baselines", "scores", "remarks", "stages", "final", "versions", "tune_bn"}
    skipped.add("within_error")  # what the sentence about the scores says
    for key, value in summary.items():
        if key not in skipped:
            rows += _flat(str(key), value)
    versions = {"tune-bn": __version__, **results.versions}
    given = summary.get("versions")
    if isinstance(given, Mapping):
        versions |= {str(name): str(value) for name, value in given.items()}
    rows += [(f"Version of {name}", text) for name, text in versions.items()]
    return Table("How it was run", ("What", "Value"), tuple(rows), n_text_columns=2)


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    name = key.replace("_", " ").replace("pruned", "stopped early")
    name = name[:1].upper() + name[1:]
    if isinstance(value, Mapping):
        return [row for k, v in value.items() for row in _flat(f"{name}, {k}", v)]
    if isinstance(value, (list, tuple)):
        return [(name, "; ".join(_plain(v) for v in value))] if value else []
    return [(name, _plain(value))]


def _plain(value: Any, missing: str = "") -> str:
    if value is None:
        return missing
    if isinstance(value, float):
        return number_text(value, 5)
    return str(value)
