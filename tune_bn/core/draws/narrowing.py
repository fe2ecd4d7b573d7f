"""The schedule: how long the search stays coarse, and how its windows shrink.

The scheme is the one taught for tuning by hand (Ng, "Hyperparameter tuning", Deep Learning
Specialization, course 2, week 3): sample the whole space at random, zoom into the region that did
best, sample more densely there. Three refinements make it worth more than plain random search. Most
windows lie around the few best trials, not in one box, and only a share of the draws zooms into the
box of the best in all parameters at once. The others change one or two parameters, keeping the rest
at a good trial's values, because in many dimensions a point that is redrawn in all of them is
hardly ever better (Bergstra & Bengio 2012 show how few dimensions matter). And of a few such draws
the one is tried that is farthest from what was tried in vain.
"""

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tune_bn.core.errors import NarrowingError
from tune_bn.core.history.history import History
from tune_bn.plain.checks import check_number, check_whole
from tune_bn.plain.html import html_table

__all__ = ["MOST_CANDIDATES", "Narrowing", "Plan", "is_coarse", "stage_for"]

MOST_CANDIDATES = 12
"""As many as half of the attempts that a draw has to find something that was not tried."""

_LARGEST = 2**53 - 1  # what a float counts exactly

# The highest value of each option, and whether its lowest, 0, is left out.
_RANGES: dict[str, tuple[float | None, bool]] = {
    "elite_power": (None, False),
    "vary": (None, True),
    "together": (1.0, False),
    "zoom": (1.0, False),
    "width": (1.0, True),
    "shrink": (1000.0, False),
    "dimension_power": (10.0, False),
    "min_width": (1.0, True),
    "spread": (1.0, True),
    "min_choice_width": (1.0, True),
    "reopen": (1.0, True),
}


@dataclass(frozen=True)
class Plan:
    """What the schedule prescribes for the next trial.

    Args:
        stage: 0 for the coarse stage, then 1, 2, … for the fine ones.
        width: Share of each parameter's scale that a window covers; 1 in the coarse stage.
    """

    stage: int
    width: float


@dataclass(frozen=True)
class Narrowing:
    """A coarse-to-fine schedule. Immutable; equal schedules give equal searches.

    Its settings fall into three blocks. **When it narrows:** ``coarse_trials``, ``stage_trials``,
    ``width``, ``shrink``, ``dimension_power``. **Where it draws:** ``zoom``, ``zoom_trials``,
    ``elites``, ``elite_power``, ``together``, ``vary``, ``spread``, ``min_choice_width``. **Which
    candidate it takes:** ``candidates``.

    Three more are taken and obeyed, so that schedules of earlier versions stay what they are; half
    or twice their value changes nothing that could be measured: ``min_width`` (where narrowing
    ends), ``reopen`` (the width to which windows then open again), ``spared`` (how many of the best
    trials it does no harm to be near).

    Args:
        coarse_trials: Ranked trials before the first narrowing (≥ 1). None never narrows.
        stage_trials: Ranked trials in each fine stage (≥ 1).
        elites: How many of the best trials the windows lie around (≥ 1).
        elite_power: The r-th best is chosen with weight r ** −elite_power (≥ 0; 0 is uniform).
        vary: How many parameters a draw changes on average (> 0), at least one; the others keep
            the values of good trials. None redraws all.
        together: Share of these draws in which all parameters take their centres from one trial,
            not each from one of its own (0 ≤ together ≤ 1).
        zoom: Share of the draws that redraw all parameters instead, uniformly where the best
            trials lie: half of them in the box that the best ``zoom_trials`` span, half in a box
            around the best trial that is as wide as the best 2 · ``zoom_trials`` reach from it
            (0 ≤ zoom ≤ 1). Of several objectives, none. The second half needs a parameter that
            is no integer, step or category; without one it is a draw like the others.
        zoom_trials: How many of the best trials span that box (≥ 2); while there are fewer than
            twice as many, the better half.
        width: Width of the first fine stage, as a share of each scale (0 < width ≤ 1).
        shrink: Rate at which the width falls: width · exp(−shrink · s / D**dimension_power) after
            s ranked fine trials (0 ≤ shrink ≤ 1000), where D is the number of parameters that the
            best trial has. It is worked out stage by stage, so within one it is constant, but for
            spaces in which trials have different numbers of parameters.
        dimension_power: How much slower the width falls in many dimensions (0 to 10).
        min_width: See above (0 < min_width ≤ width).
        reopen: See above (0 < reopen ≤ 1). None, or less than ``min_width``, stays there.
        spread: A draw's width is raised to a power uniform in [spread, 1], so that a share of
            the draws uses a wider window (0 < spread ≤ 1; 1 for none).
        min_choice_width: Floor of the probability with which a category that was chosen to be
            changed is redrawn from all its choices (0 < min_choice_width ≤ 1).
        candidates: How many such draws are made for a trial (1 to 12), spread evenly over what
            they are drawn from. The one farthest from the trials that did not do well is taken;
            see `tune_bn.core.history.spacing`.
        spared: See above (≥ 0).

    Raises:
        NarrowingError: If an option is outside its range.

    Example:
        >>> Narrowing.for_budget(100).coarse_trials
        8
    """

    coarse_trials: int | None = 8
    stage_trials: int = 5
    elites: int = 5
    elite_power: float = 1.5
    vary: float | None = 1.5
    together: float = 0.2
    zoom: float = 0.5
    zoom_trials: int = 10
    width: float = 0.8
    shrink: float = 0.19
    dimension_power: float = 0.75
    min_width: float = 0.001
    reopen: float | None = 0.3
    spread: float = 0.4
    min_choice_width: float = 0.3
    candidates: int = 4
    spared: int = 8

    def __post_init__(self) -> None:
        for name in (
            "coarse_trials",
            "stage_trials",
            "elites",
            "zoom_trials",
            "candidates",
            "spared",
        ):
            value = getattr(self, name)
            if name == "coarse_trials" and value is None:
                continue
            least = {"spared": 0, "zoom_trials": 2}.get(name, 1)
            most = MOST_CANDIDATES if name == "candidates" else _LARGEST
            whole = check_whole(NarrowingError, "Narrowing", name, value, least=least, most=most)
            object.__setattr__(self, name, whole)
        for name, (high, is_open) in _RANGES.items():
            value = getattr(self, name)
            if name in ("vary", "reopen") and value is None:
                continue
            above, least_of = (0, None) if is_open else (None, 0)
            number = check_number(
                NarrowingError, "Narrowing", name, value, above=above, least=least_of, most=high
            )
            object.__setattr__(self, name, number)
        if self.min_width > self.width:
            raise NarrowingError(
                f"Narrowing needs min_width <= width, but got min_width={self.min_width!r} and "
                f"width={self.width!r}. Lower min_width."
            )

    def _repr_html_(self) -> str:
        rows = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return html_table("Narrowing", ("option", "value"), rows)

    @classmethod
    def for_budget(cls, n_trials: int) -> "Narrowing":
        """Returns a schedule whose windows get narrow by the end of ``n_trials`` trials.

        Args:
            n_trials: How many trials the search will have (≥ 1). More or fewer do no harm.

        Raises:
            NarrowingError: If ``n_trials`` is no positive integer.
        """
        n_trials = check_whole(
            NarrowingError, "Narrowing.for_budget", "n_trials", n_trials, least=1
        )
        # The defaults suit about 100 trials. A longer search narrows more slowly, a shorter one
        # faster. Stages are a twentieth of it, so that they can be read.
        default = cls()
        return replace(
            default,
            coarse_trials=min(8, max(n_trials // 3, 1)),
            stage_trials=max(n_trials // 20, default.stage_trials),
            shrink=default.shrink * min((100 / n_trials) ** 0.6, 1.5),
        )

    @classmethod
    def textbook(cls) -> "Narrowing":
        """Returns the classic scheme: one box around the best trial, halved stage by stage.

        All parameters are redrawn at once. It is here to be compared with and to teach from.
        """
        return cls(
            coarse_trials=20,
            stage_trials=20,
            elites=1,
            vary=None,
            together=0.0,
            zoom=0.0,
            width=0.5,
            shrink=math.log(2) / 20,
            dimension_power=0.0,
            spread=1.0,
            min_width=0.01,
            reopen=None,
            min_choice_width=0.5,
            candidates=1,
        )

    @classmethod
    def off(cls) -> "Narrowing":
        """Returns the schedule that never narrows: plain, independent random search."""
        return cls(coarse_trials=None)

    def to_json(self) -> dict[str, Any]:
        """Returns the options as plain data; ``Narrowing(**data)`` is equal."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Narrowing":
        """Returns the schedule that `to_json` described.

        Raises:
            NarrowingError: If an option is unknown or outside its range.
        """
        known = {f.name for f in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise NarrowingError(
                f"Narrowing has no option {unknown[0]!r}; it has {', '.join(sorted(known))}. "
                "The state may come from a later version: update tune-bn."
            )
        candidates = data.get("candidates")
        if isinstance(candidates, int) and MOST_CANDIDATES < candidates <= _LARGEST:
            # Early versions took more, and drew as with the most that there can be.
            narrowing = cls(**{**data, "candidates": MOST_CANDIDATES})
            object.__setattr__(narrowing, "candidates", candidates)
            return narrowing
        return cls(**data)


_COARSE = Plan(0, 1.0)


def is_coarse(narrowing: Narrowing, history: History, number: int | None = None) -> bool:
    """Tells whether a trial belongs to the coarse stage.

    Args:
        narrowing: The schedule.
        history: The trials finished so far.
        number: Number of the trial; None for one after those of the coarse stage. The first
            ``coarse_trials`` are coarse whatever has finished meanwhile, so that a worker that
            was slow to begin draws what it would have drawn.
    """
    coarse = narrowing.coarse_trials
    return coarse is None or history.n_ranked < coarse or (number is not None and number < coarse)


def stage_for(narrowing: Narrowing, history: History, number: int | None = None) -> Plan:
    """Returns the stage and width of a trial: a pure function of schedule, history and number.

    Only ranked trials count: failed, running and waiting ones neither end a stage nor narrow it.
    Arguments as for `is_coarse`.
    """
    coarse = narrowing.coarse_trials
    if coarse is None or is_coarse(narrowing, history, number):
        return _COARSE
    stage = (history.n_ranked - coarse) // narrowing.stage_trials
    fall = narrowing.shrink * narrowing.stage_trials  # of the width's logarithm, stage by stage
    fall /= max(len(history.best.params), 1) ** narrowing.dimension_power
    return Plan(stage + 1, _width(narrowing, fall, stage))


def _width(narrowing: Narrowing, fall: float, stage: int) -> float:
    """Returns the width ``stage`` stages after the first fine one."""
    depth = math.log(narrowing.width / narrowing.min_width)
    if fall * stage < depth or not fall:
        return narrowing.width * math.exp(-fall * stage)
    reopen = narrowing.reopen
    if reopen is None or reopen <= narrowing.min_width:
        return narrowing.min_width
    # A cycle has a whole number of stages, the one at the floor included.
    since = stage - math.ceil(depth / fall) - 1
    if since < 0:
        return narrowing.min_width
    stages = math.ceil(math.log(reopen / narrowing.min_width) / fall) + 1
    return max(reopen * math.exp(-fall * (since % stages)), narrowing.min_width)
