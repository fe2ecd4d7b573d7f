"""The search in plain words: what was searched, what was found, how sure, what next."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tune_bn.core.draws.stages import Stage
from tune_bn.report.advice.budget import repeat_noise
from tune_bn.report.advice.evidence import Advice
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.wording import (
    count_text,
    duration_text,
    label,
    number_text,
    share_text,
    state_text,
)

__all__ = [
    "answers",
    "chosen_trial",
    "configuration_title",
    "counts_text",
    "key_numbers",
    "title_of",
    "wall_seconds",
    "with_summary",
]

_FEW = 20
_MOST_NAMES = 12


def title_of(results: Results, summary: Mapping[str, Any]) -> str:
    """Returns what to call the search: by its data where they are known."""
    data = summary.get("data")
    name = data.get("name") if isinstance(data, Mapping) else summary.get("dataset")
    if name:
        return f"Tuning on {name}"
    is_nameless = results.name.startswith("no-name-")  # as Optuna calls it
    return results.source if is_nameless else f"{results.source} “{results.name}”"


def with_summary(results: Results, summary: Mapping[str, Any]) -> Results:
    """Returns the results with what the summary says of them.

    A nameless objective is called by its metric, and the chosen trial is marked.
    """
    metric = summary.get("metric")
    if isinstance(metric, str) and results.objectives == ("value",):
        results = replace(results, objectives=(metric,))
    chosen = summary.get("best")
    number = chosen.get("trial") if isinstance(chosen, Mapping) else None
    return replace(results, chosen=number) if type(number) is int else results


def chosen_trial(results: Results, summary: Mapping[str, Any]) -> TrialResult | None:
    """Returns the trial that was chosen in the end: the summary's, or else the best one."""
    chosen = summary.get("best")
    number = chosen.get("trial") if isinstance(chosen, Mapping) else None
    return results.by_number.get(number, results.best) if type(number) is int else results.best


def configuration_title(results: Results) -> str:
    """Returns what to call the configuration that is shown: the chosen one is not always the best.

    Args:
        results: The search, after `with_summary`.
    """
    best = results.best
    is_other = results.chosen in results.by_number and best and best.number != results.chosen
    return "Chosen configuration" if is_other else "Best configuration"


def answers(
    results: Results, summary: Mapping[str, Any], advice: Sequence[Advice]
) -> list[tuple[str, str]]:
    """Returns the four questions that a colleague asks, each with its answer in plain words."""
    found = [
        ("What was searched", _searched(results)),
        ("What was found", _found(results, summary)),
    ]
    if results.best is not None:
        found.append(("How sure it is", _how_sure(results)))
    return [*found, ("What next", _next(results, advice))]


def _searched(results: Results) -> str:
    names = [label(name) for name in results.space]
    if not names:
        return "No trial has a parameter yet."
    shown = ", ".join(names[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    n = len(names)
    text = (
        f"{count_text(n, 'parameter')} ({shown}{more}) in "
        f"{count_text(len(results.trials), 'trial')}: {counts_text(results)}."
    )
    text += _drawn_by(results)
    if not results.is_space_known:
        text += " The ranges are not recorded; shown are those of the values that were tried."
    return text


def _drawn_by(results: Results) -> str:
    """Returns whose trials they are, and how the latest were drawn."""
    if not results.stages:
        return ""
    earlier = next((stage for stage in results.stages if stage.index < 0), None)
    text = " The search drew at random, first in the whole space"
    if earlier is not None:
        n = len(earlier.trials)
        begun = f" It began with {_whose(results, earlier)}"
        rest = len(results.trials) - n
        if not rest:
            return f"{begun}."
        coarse = any(stage.index == 0 for stage in results.stages)
        where = "first in the whole space" if coarse else "from the start around the best of these"
        text = f"{begun}; the {rest:,} since then were drawn at random, {where}"
    if results.stages[-1].index <= 0:
        return f"{text}."
    widths = _widths_text(results)
    lately = f"; lately a value was usually redrawn in {widths}" if widths else ""
    return f"{text}, then in narrower and narrower regions around the best trials{lately}."


def _whose(results: Results, earlier: Stage) -> str:
    """Returns whose the trials are that came before the first stage."""
    trials = [results.by_number[number] for number in earlier.trials]
    n, n_given = len(trials), sum(t.is_given for t in trials)
    if n_given == n:
        return f"{count_text(n, 'trial')} whose values were given"
    names = Counter(t.drawn_by for t in trials if t.drawn_by and not t.is_given)
    whole = next((f" by {name}" for name, m in names.items() if m == n), "")
    told = [f"{m:,} of them by {name}" for name, m in names.items() if m < n]
    given = [f"{n_given:,} of them given"] if n_given else []
    return ", ".join([f"{count_text(n, 'earlier trial')}{whole}", *told, *given])


def _widths_text(results: Results) -> str:
    """Returns in how much of a range the last stages drew: ``"6% to 32% of its range"``."""
    found = results.latest_shares
    shares = sorted(s for name, s in found.items() if not results.space[name].is_unordered)
    if not shares:
        return ""
    low, high = share_text(shares[0]), share_text(shares[-1])
    return f"{low} of its range" if low == high else f"{low} to {high} of its range"


def _found(results: Results, summary: Mapping[str, Any]) -> str:
    best = results.best
    if not results.trials:
        return "Nothing yet: the search has no trials."
    if best is None:
        reasons = [t.reason for t in results.trials if t.reason]
        why = f" The first reason given: {reasons[0]}" if reasons else ""
        return f"Nothing: no trial has run to its end with a value.{why}"
    if len(results.directions) > 1:
        return _found_of_several(results)
    text = f"Trial {best.number} reached {_value(results, best.value)}."
    if best.violation > 0:
        text = f"No trial meets the constraints; the closest is trial {best.number}. {text}"
    text = " ".join((text, *results.remarks))
    chosen = summary.get("best")
    if not isinstance(chosen, Mapping):
        return text
    text += _why_chosen(best, summary, chosen)
    test = chosen.get("test")
    metric = str(summary.get("metric", ""))
    if isinstance(test, Mapping) and isinstance(test.get(metric), (int, float)):
        text += (
            f" On the test rows, which neither training nor search saw, the chosen network has "
            f"{metric} {number_text(test[metric])}."
        )
    networks = chosen.get("networks")
    if isinstance(networks, int) and networks > 1:
        text += f" It is {networks} networks of this configuration, which answer by their mean."
    return text


def _why_chosen(best: TrialResult, summary: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    """Returns why the best trial of the search is not the one that was chosen; "" where it is."""
    number = chosen.get("trial", best.number)
    if number == best.number:
        return ""
    is_default = number is None or bool(chosen.get("is_default"))
    who = "the default configuration" if is_default else f"trial {number}"
    metric, final = str(summary.get("metric", "")), summary.get("final")
    scores, folds, values_of = {}, {}, {}
    for finalist in final if isinstance(final, Sequence) else ():
        values = finalist.get("cross_validation") if isinstance(finalist, Mapping) else None
        if isinstance(values, Mapping) and isinstance(values.get(metric), (int, float)):
            scores[repr(finalist.get("trial"))] = number_text(float(values[metric]), 5)
            folds[repr(finalist.get("trial"))] = finalist.get("folds")
            values_of[repr(finalist.get("trial"))] = values
    own, other = repr(number), repr(best.number)
    text = " That best value is one measurement, the luckiest of many; in the final comparison, "
    if own not in scores or other not in scores:
        return f"{text}repeated on other rows, {who} did better and was chosen."
    if folds[own] != folds[other]:  # their means are over different rows
        return (
            f"{text}repeated on other rows, trial {best.number} was not among the best after "
            f"{folds[other]} folds; {who} was chosen after {folds[own]} ({metric} {scores[own]})."
        )
    both = f"({metric} {scores[own]} against {scores[other]} of trial {best.number})"
    if is_default:
        return f"{text}repeated on other rows, {who} is kept {both}: no other beat it clearly."
    found = [values_of[each].get("loss") for each in (own, other)]
    losses = [float(loss) for loss in found if isinstance(loss, (int, float))]
    behind = float(values_of[own][metric]) < float(values_of[other][metric])
    if metric == "accuracy" and behind and len(losses) == 2:
        by_loss = " against ".join(number_text(loss, 5) for loss in losses)
        return (
            f"{text}repeated on other rows, {who} was chosen by its loss ({by_loss}): the two do "
            f"not differ in {metric} by more than chance may do {both}."
        )
    return f"{text}repeated on other rows, {who} did better {both} and was chosen."


def _found_of_several(results: Results) -> str:
    n = len(results.front)
    verb = "is" if n == 1 else "are"
    ends = []
    for i, (name, direction) in enumerate(zip(results.objectives, results.directions, strict=True)):
        best = (max if direction == "maximize" else min)(results.front, key=lambda t: t.values[i])
        word = "largest" if direction == "maximize" else "smallest"
        ends.append(f"{word} {name} {number_text(best.values[i], 5)} (trial {best.number})")
    return (
        f"{count_text(n, 'trial')} {verb} on the Pareto front: no other trial is at least as good "
        f"in every objective and better in one. Its ends: {'; '.join(ends)}."
    )


def _value(results: Results, value: float) -> str:
    name = results.objectives[0]
    number = number_text(value, 5)
    return number if name == "value" else f"{name} {number}"


def _how_sure(results: Results) -> str:
    complete = [t for t in results.ranked if t.state == "complete"]
    best = complete[0]
    if len(results.directions) > 1:
        latest = max(t.number for t in results.front)
        later = sum(t.number > latest for t in results.complete)
        share = len(results.front) / len(complete)
        since = f" The last {later:,} complete trials added nothing to it." if later else ""
        return (
            f"{share_text(share)} of {count_text(len(complete), 'complete trial')} make up the "
            f"front.{since} Its points are partly luck: judge the one you choose by rows that the "
            "search did not see."
        )
    if len(complete) == 1:
        return "Not at all: only one trial has run to its end."
    last = complete[:5][-1]
    texts = []
    if math.isfinite(best.value) and math.isfinite(last.value):
        gap = abs(best.value - last.value)
        n = len(complete[:5])
        texts.append(
            f"The best {n} trials lie within {number_text(gap, 2)} of one another."
            if gap
            else f"The best {n} trials have the same value: the search cannot tell them apart."
        )
    later = sum(t.number > best.number for t in results.trials)
    if later:
        texts.append(f"In {count_text(later, 'trial')} since the best one nothing better came.")
    else:
        texts.append("The best trial is the last one: the search was still improving.")
    deviation, freedom = repeat_noise(results)
    if freedom >= 2:
        texts.append(
            f"Repeats of one configuration differ by {number_text(deviation, 2)} (standard "
            f"deviation, {freedom} degrees of freedom)."
        )
    texts.append(
        "The best value of a search is partly luck: judge it by rows that the search did not see."
    )
    return " ".join(texts)


def _next(results: Results, advice: Sequence[Advice]) -> str:
    if not results.trials:
        return "Run it: the report says more with every trial."
    if results.best is None:
        return "Find out why no trial ends with a value before searching on."
    if advice:
        found = " ".join(a.text for a in advice[:2])
        more = f" And {len(advice) - 2} more below." if len(advice) > 2 else ""
        return found + more
    if len(results.complete) < _FEW:
        return f"Fewer than {_FEW} complete trials say little about the space: give it more."
    return (
        "Nothing stands out: the ranges fit, as far as these trials can tell. The code under "
        f"“{configuration_title(results)}” tries it again, or searches on around it."
    )


def counts_text(results: Results) -> str:
    """Returns how many trials ended how: ``"36 complete, 23 stopped early"``."""
    states = ("complete", "pruned", "failed", "running")
    found = {state: sum(t.state == state for t in results.trials) for state in states}
    return ", ".join(f"{n:,} {state_text(state)}" for state, n in found.items() if n) or "none yet"


def wall_seconds(results: Results) -> float | None:
    """Returns the seconds from the first start to the last end; None if none was recorded."""
    spans = [(t.started, t.seconds) for t in results.trials]
    timed = [(start, s) for start, s in spans if start is not None and s is not None]
    if not timed:
        return None
    first = min(start for start, _ in timed)
    return max((start - first).total_seconds() + s for start, s in timed)


def key_numbers(results: Results, summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the few figures to see first: names, value, and a word about it."""
    numbers: list[tuple[str, str, str]] = []
    best = results.best
    if len(results.directions) > 1 and best is not None:
        numbers.append(("Pareto front", f"{len(results.front):,}", "trials that none beats"))
    elif best is not None:
        name = results.objectives[0]
        what = "Best value" if name == "value" else f"Best {label(name, 24)}"
        numbers.append((what, number_text(best.value), f"trial {best.number}"))
    chosen = summary.get("best")
    metric = str(summary.get("metric", ""))
    test = chosen.get("test") if isinstance(chosen, Mapping) else None
    if isinstance(test, Mapping) and isinstance(test.get(metric), (int, float)):
        numbers.append(("On the test rows", number_text(test[metric]), metric))
    numbers.append(("Trials", f"{len(results.trials):,}", counts_text(results)))
    if results.stages:
        widths = _widths_text(results)
        about = f"lately each in {widths}" if widths else "not narrowed yet"
        n_stages = sum(stage.index >= 0 for stage in results.stages)
        numbers.append(("Stages", f"{n_stages:,}", about))
    seconds = wall_seconds(results)
    if seconds is not None:
        time = re.sub(
            r"(\d) ", "\\1\u00a0", duration_text(seconds)
        )  # no line between number and unit
        numbers.append(("Time", time, "first start to last end"))
    return numbers
