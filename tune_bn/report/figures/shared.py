"""What figures share that show a search's stages, trials and parameters."""

import math
from collections.abc import Sequence
from typing import Any

from tune_bn.core.draws.stages import Stage
from tune_bn.plain.checks import check_whole
from tune_bn.report.errors import ReportError
from tune_bn.report.figures.style import AMBER, INK, STAGE
from tune_bn.report.results.results import Results, TrialResult

__all__ = [
    "BESIDE_PX",
    "MOST_SPANS",
    "RING",
    "STAR",
    "chosen_params",
    "highlights",
    "require_objective",
    "some_stages",
    "stage_labels",
    "stage_spans",
    "trial_axis",
]

MOST_SPANS = 150
_LABEL_SHARE = 0.075  # of the axis that the name of a stage takes
BESIDE_PX = 30  # to the right of the axis, for the name of a last stage that is one trial wide


def stage_spans(results: Results) -> list[tuple[Stage, float, float]]:
    """Returns the stages that are drawn, with the trial numbers between which each is.

    A stage reaches to where the next one begins, also where workers were a stage apart. Of more
    than 150, stages at even distances stand for those behind them too.
    """
    if not results.stages:
        return []
    stages = some_stages(results.stages, MOST_SPANS)
    starts = [min(stage.trials) - 0.5 for stage in stages]
    last = max((t.number for t in results.trials), default=0) + 0.5
    ends = [*starts[1:], last]
    spans = zip(stages, starts, ends, strict=True)
    return [(stage, start, end) for stage, start, end in spans if end > start]


def stage_labels(spans: Sequence[tuple[Stage, float, float]], **place: Any) -> list[dict[str, Any]]:
    """Returns annotations with the names of the stages where they begin, those that have room.

    They are called "stage", so that a page can leave out more of them where it is narrow.

    Args:
        spans: What `stage_spans` returned.
        place: Options of each annotation: its place along y.
    """
    labels: list[dict[str, Any]] = []
    free_from = -math.inf
    room = _LABEL_SHARE * (spans[-1][2] - spans[0][1]) if spans else 0.0
    for stage, left, right in spans:
        # What came before must not cover the name of the coarse stage.
        if left < free_from or (stage.index < 0 and right - left < 1.5 * room):
            continue
        free_from = left + room
        labels.append(
            {
                "name": "stage",
                "text": stage.name,
                "x": left,
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 11, "color": STAGE},
                **place,
            }
        )
    return labels


def some_stages(stages: Sequence[Stage], most: int) -> list[Stage]:
    """Returns at most so many stages (≥ 2) at even distances, the first and the last among them.

    Where trials came before the coarse stage, that is there too, if there is room for three.
    """
    if len(stages) <= most:
        return list(stages)
    if most > 2 and stages[1].index == 0:
        return [stages[0], *some_stages(stages[1:], most - 1)]
    step = (len(stages) - 1) / (most - 1)
    return [stages[round(i * step)] for i in range(most)]


def trial_axis(results: Results) -> dict[str, Any]:
    """Returns the options of an axis along which the trials run."""
    last = max(t.number for t in results.trials)
    pad = 0.5 + last * 0.012
    return {"range": [-pad, last + pad], "tickformat": ",d", **({"dtick": 1} if last < 8 else {})}


def chosen_params(results: Results, params: Sequence[str] | None) -> list[str]:
    """Returns the names to show, in order.

    Raises:
        ReportError: If one is none of the search's parameters.
    """
    if params is None:
        return list(results.space)
    for name in params:
        if name not in results.space:
            known = ", ".join(map(repr, results.space)) or "none"
            raise ReportError(
                f"A figure needs parameters that the search has, but got {name!r}. It has: {known}."
            )
    return list(params)


STAR = {"symbol": "star", "size": 15, "color": AMBER, "line": {"width": 1.2, "color": INK}}
RING = {"symbol": "diamond-open", "size": 15, "color": INK, "line": {"width": 2.2}}


def require_objective(results: Results, objective: int, who: str) -> None:
    """Refuses the number of an objective that the search does not have."""
    most = len(results.directions) - 1
    check_whole(ReportError, who, "objective", objective, least=0, most=most)


def highlights(results: Results) -> list[tuple[str, TrialResult, dict[str, Any]]]:
    """Returns the trials to be found in every figure: what they are, which, and their mark.

    They are the best one of the search, and the one that was chosen in the end, where that is
    another.
    """
    best = results.best if len(results.directions) == 1 else None
    chosen = None if results.chosen is None else results.by_number.get(results.chosen)
    found = []
    if best is not None:
        what = "best, and chosen" if chosen is best else "best"
        found.append((f"{what} (trial {best.number})", best, STAR))
    if chosen is not None and chosen is not best:
        found.append((f"chosen (trial {chosen.number})", chosen, RING))
    return found
