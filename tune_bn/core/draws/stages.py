"""The stages of a search as records that can be read, plotted and stored.

A stage is worked out from what each trial says of its own draw (`tune_bn.core.draws.mark`), so that
it is right also where several workers were a stage apart, and where trials were killed, failed or
enqueued. Its windows are the hull of the windows that its trials were drawn in: no value that the
stage drew lies outside.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from tune_bn.core.draws.mark import Mark, stage_name
from tune_bn.core.draws.origin import Origin
from tune_bn.core.errors import SpaceError
from tune_bn.core.history.trial import Trial, rank_key
from tune_bn.core.space import Parameter
from tune_bn.core.space.window import Window
from tune_bn.plain.html import html_table

__all__ = ["Stage", "Stages", "counted", "group_stages"]


@dataclass(frozen=True, repr=False)
class Stage:
    """A stretch of a search in which the schedule kept its width.

    Args:
        index: 0 for the coarse stage, then 1, 2, …, also where other trials stand in for the
            coarse one; −1 for trials that no stage drew (those of another sampler, or given)
            before the first that one did.
        trials: Numbers of its trials, in order.
        width: Share of each scale that the schedule gave its windows; 1 in the coarse stage. In a
            conditional space it may fall a little within a stage: then the largest.
        windows: For each parameter (lowest, highest) value between which the trials of this stage
            were drawn, in the parameter's own units; of a category the choices that could be. No
            value that the stage drew lies outside. The whole range where nothing is known. A
            parameter that no trial of a fine stage drew (that of another branch, say) is missing.
        best_value: Objective value of the stage's best trial; one that was stopped early, or got
            less far than the furthest, does not count. None if it has no other, or if there are
            several objectives.
        usual_width: The median width of what single values were redrawn in, as a share of the
            scale: so a few wide draws do not hide the narrowing. None if nothing is known, or only
            categories were redrawn.
        n_unknown: How many of its trials do not say between which values they were drawn: marks
            of an early version, damaged, or of another study.
        is_given: Whether all values of all its trials were given: enqueued or fixed.
    """

    index: int
    trials: tuple[int, ...]
    width: float
    windows: Mapping[str, tuple[Any, ...]]
    best_value: float | None
    usual_width: float | None = None
    n_unknown: int = 0
    is_given: bool = False

    @property
    def name(self) -> str:
        """What to call it: ``"earlier trials"`` or ``"given"``, ``"coarse"``, ``"fine 1"``, …."""
        return "earlier trials" if self.index < 0 and not self.is_given else stage_name(self.index)

    def to_json(self) -> dict[str, Any]:
        """Returns plain data: what files and other programs get of a stage.

        ``"name"`` is ``"given"`` of all trials before the first stage, as it always was.
        """
        return {
            "index": self.index,
            "name": stage_name(self.index),
            "width": self.width,
            "usual_width": self.usual_width,
            "trials": list(self.trials),
            "windows": {name: [*map(_plain, ends)] for name, ends in self.windows.items()},
            "best_value": None if self.best_value is None else _plain(self.best_value),
            "n_unknown": self.n_unknown,
        }

    def _about(self) -> str:
        about = f"{self.name}: {len(self.trials)} trials, width {self.width:.3g}"
        if self.usual_width is not None:
            about += f", usually {self.usual_width:.2g}"
        if self.best_value is not None:
            about += f", best {self.best_value:.6g}"
        return about

    def __repr__(self) -> str:
        return f"<Stage {self._about()}>"  # of thousands of trials, all numbers would hide the rest

    def _repr_html_(self) -> str:
        return html_table(self._about(), ("parameter", "window"), self.windows.items())


class Stages(list[Stage]):
    """Stages in order: a list, which prints a line for each, and a notebook shows as one table."""

    def __repr__(self) -> str:
        return "".join(f"{stage!r}\n" for stage in self).rstrip() or "[]"

    def table(self, caption: str) -> str:
        """Returns them as HTML, a row each with the window of every parameter."""
        names = dict.fromkeys(name for stage in self for name in stage.windows)
        rows = [
            (s.name, len(s.trials), s.width, s.best_value, *(s.windows.get(n) for n in names))
            for s in self
        ]
        return html_table(caption, ("stage", "trials", "width", "best", *names), rows)

    def _repr_html_(self) -> str:
        return self.table("Stages, each with the lowest and highest value of its windows")


def counted(stage: int, first: int) -> int:
    """Returns the index of a stage as it is shown.

    Where other trials stand in for the coarse stage the schedule begins with a late one. The first
    that drew is 1 nevertheless, so that none is looked for that is not there.

    Args:
        stage: Its index in the schedule, as a mark has it.
        first: The lowest such index of all trials that were drawn.
    """
    return stage - max(first - 1, 0)


def _plain(value: Any) -> Any:
    """Returns an end of a window or a choice as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return repr(value)


def group_stages(
    marks: Mapping[int, Mark | None],
    origins: Mapping[int, Origin],
    space: Mapping[str, Parameter],
    params: Mapping[int, Mapping[str, Any]],
    ranked: Iterable[Trial],
    *,
    maximize: bool = False,
) -> Stages:
    """Returns the stages of a search, in order.

    Args:
        marks: For every trial number what the trial recorded; None where it recorded nothing.
            Such a trial, and one whose values were all given, is counted to the stage of the
            last trial before it that was drawn.
        origins: Where the trials that recorded something were drawn from, by number.
        space: The parameters by name.
        params: Parameter values by trial number.
        ranked: The trials of which each stage's best is chosen; none of several objectives.
        maximize: Whether the largest value is the best.
    """
    numbers: dict[int, list[int]] = {}
    drawn: dict[int, list[int]] = {}
    stage_of = {
        number: mark.stage
        for number, mark in marks.items()
        if mark is not None and not _is_given(origins.get(number))
    }
    first = min(stage_of.values(), default=0)
    current = -1
    for number in sorted(marks):
        if number in stage_of:
            current = counted(stage_of[number], first)
            drawn.setdefault(current, []).append(number)
        numbers.setdefault(current, []).append(number)
    losses = {t.number: t.losses[0] for t in sorted(ranked, key=rank_key)}
    stages = Stages()
    # The coarse stage covers the whole range by design, however few trials it has had so far.
    for index in sorted(numbers):
        trials = tuple(numbers[index])
        of_stage = [(marks[n], origins.get(n)) for n in drawn.get(index, [])]
        width = max((m.width for m, _ in of_stage if m is not None), default=1.0)
        windows: dict[str, list[Window]] = {name: [] for name in space}
        n_unknown = 0
        early: set[int] = set()  # trials around which windows lay, of marks that say no more
        for mark, origin in of_stage:
            if origin is None or origin.windows is None:
                n_unknown += 1
                if mark is not None and not mark.kind:
                    early.update(mark.trials)
                continue
            for name, window in origin.windows.items():
                if name in windows:
                    windows[name].append(window)
        shares = [
            share
            for _, origin in of_stage
            if origin is not None
            for window in origin.moved.values()
            if (share := window.share) is not None
        ]
        inside = set(trials)
        best = next((loss for n, loss in losses.items() if n in inside), None)
        stages.append(
            Stage(
                index,
                trials,
                width,
                {
                    name: _hull(
                        parameter,
                        [w.whole if index == 0 else w.bounds for w in windows[name]]
                        + _early_windows(name, parameter, width, early, params),
                    )
                    for name, parameter in space.items()
                    if windows[name] or index <= 0 or n_unknown
                },
                -best if maximize and best is not None else best,
                median(shares) if shares and index > 0 else None,
                n_unknown,
                index < 0 and all(_is_given(origins.get(n)) for n in trials),
            )
        )
    return stages


def _is_given(origin: Origin | None) -> bool:
    """Tells whether no value of a trial was drawn: all were enqueued or fixed."""
    return origin is not None and origin.windows == {} and bool(origin.given)


def _hull(parameter: Parameter, bounds: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Returns the smallest window that holds all of these; the range if there are none."""
    if not bounds:
        return parameter.bounds
    if parameter.is_unordered:
        is_open = {parameter.position(choice) for choices in bounds for choice in choices}
        return tuple(c for c in parameter.bounds if parameter.position(c) in is_open)
    return (min(low for low, _ in bounds), max(high for _, high in bounds))


def _early_windows(
    name: str,
    parameter: Parameter,
    width: float,
    numbers: Iterable[int],
    params: Mapping[int, Mapping[str, Any]],
) -> list[tuple[Any, ...]]:
    """Returns the windows around the trials that early versions recorded."""
    windows = []
    for number in numbers:
        try:
            centre = parameter.nearest(params[number][name])
        except (KeyError, SpaceError):  # it is gone, or has no such value
            continue
        windows.append(parameter.window(centre, width))
    return windows
