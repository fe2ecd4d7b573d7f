"""The stages of a search as records that can be read, plotted and stored.

A stage is worked out from what each trial says of its own draw (`Mark`), so that it is right also
where several workers were a stage apart, and where trials were killed, failed or enqueued.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tune_bn.core.notebook import html_table
from tune_bn.core.space import Categorical, Parameter

__all__ = ["Mark", "Stage", "group_stages"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a trial records of its own draw.

    Args:
        stage: Index of the stage it was drawn in; 0 is the coarse one.
        width: Width of its windows, as a share of each scale.
        elites: Numbers of the trials that its windows lie around, best first.
    """

    stage: int
    width: float
    elites: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a trial's attributes."""
        return {"stage": self.stage, "width": round(self.width, 6), "elites": list(self.elites)}

    @classmethod
    def from_json(cls, data: Any) -> "Mark | None":
        """Return the mark that `to_json` described, or None if these data are none."""
        try:
            return cls(int(data["stage"]), float(data["width"]), tuple(map(int, data["elites"])))
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Stage:
    """A stretch of a search in which the windows kept their width.

    Args:
        index: 0 for the coarse stage, then 1, 2, …; −1 for trials that no stage drew (those of
            another sampler, or given by hand) before the first that one did.
        trials: Numbers of its trials, in order.
        width: Share of each scale that a window covers; 1 in the coarse stage.
        windows: For each parameter (lowest, highest) value that the windows of this stage span, in
            the parameter's own units; of a category the choices that are open.
        best_value: Best objective value among the stage's finished trials; None if it has none,
            or if there are several objectives.
    """

    index: int
    trials: tuple[int, ...]
    width: float
    windows: Mapping[str, tuple[Any, ...]]
    best_value: float | None

    @property
    def name(self) -> str:
        """What to call it: ``"given"``, ``"coarse"``, ``"fine 1"``, …."""
        if self.index < 0:
            return "given"
        return "coarse" if self.index == 0 else f"fine {self.index}"

    def _repr_html_(self) -> str:
        about = f"{self.name}: {len(self.trials)} trials, width {self.width:.3g}"
        if self.best_value is not None:
            about += f", best {self.best_value:.6g}"
        return html_table(about, ("parameter", "window"), self.windows.items())


def group_stages(
    marks: Mapping[int, Mark | None],
    space: Mapping[str, Parameter],
    params: Mapping[int, Mapping[str, Any]],
    values: Mapping[int, float],
    *,
    maximize: bool = False,
) -> list[Stage]:
    """Return the stages of a search, in order.

    Args:
        marks: For every trial number what the trial recorded; None where it recorded nothing.
            Such a trial is counted to the stage of the last trial before it that did.
        space: The parameters by name.
        params: Parameter values by trial number, of all trials that `marks` name as elites.
        values: Objective values by trial number, of the trials that finished.
        maximize: Whether the largest value is the best.
    """
    numbers: dict[int, list[int]] = {}
    drawn: dict[int, list[Mark]] = {}
    current = -1
    for number in sorted(marks):
        mark = marks[number]
        if mark is not None:
            current = mark.stage
            drawn.setdefault(current, []).append(mark)
        numbers.setdefault(current, []).append(number)
    best = max if maximize else min
    stages = []
    for index in sorted(numbers):
        trials = tuple(numbers[index])
        of_stage = drawn.get(index, [])
        width = max((m.width for m in of_stage), default=1.0)
        elites = {e for m in of_stage for e in m.elites}
        windows = {
            name: _hull(parameter, width, [params[e][name] for e in elites if name in params[e]])
            for name, parameter in space.items()
        }
        found = [values[n] for n in trials if n in values]
        stages.append(Stage(index, trials, width, windows, best(found) if found else None))
    return stages


def _hull(parameter: Parameter, width: float, centres: Iterable[Any]) -> tuple[Any, ...]:
    """Return the smallest window that holds those around all centres; the range if there are none.

    All choices of a category stay open in every stage.
    """
    if isinstance(parameter, Categorical):
        return parameter.bounds
    windows = [parameter.window(parameter.nearest(c), width) for c in centres]
    if not windows:
        return parameter.bounds
    return (min(low for low, _ in windows), max(high for _, high in windows))
