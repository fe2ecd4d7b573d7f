"""Why a trial was tried, in a few sentences: in which region it was drawn, and around which trials.

All of it is read off what the trial recorded of its own draw (`tune_bn.core.draws.origin`). Nothing
is
guessed: what a record does not say, or no longer says, is said to be unknown.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tune_bn.core.draws.narrowing import MOST_CANDIDATES
from tune_bn.core.draws.origin import Origin
from tune_bn.core.draws.regions import AROUND_ONE, AROUND_THE_BEST, BOX, STRATUM, UNTRIED, WINDOWS
from tune_bn.core.space import Categorical
from tune_bn.core.space.window import Kept, Stratum, Window
from tune_bn.plain.text import visible
from tune_bn.report.errors import ReportError
from tune_bn.report.results.results import Results, TrialResult
from tune_bn.report.results.source import results_of
from tune_bn.report.results.wording import count_text, label, number_text, value_text

__all__ = ["explain", "source_text", "window_source"]

_MOST_TRIALS = 5  # named in a row
_MOST_MOVED = 10
_MOST_KEPT = 6
_MOST_CHOICES = 6
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def explain(source: Any, trial_number: int) -> str:
    """Returns in a few sentences why a trial was tried.

    That is: the stage that drew it; the region in which it was drawn, and the trials of which that
    was made; for each parameter the interval in which it was drawn, with the value that came out,
    or the trial whose value it kept; and how it was chosen among several draws. Of a trial that
    another sampler, a person or an earlier version drew it says so.

    Args:
        source: What `results_of` takes: an Optuna study, a Ray ``ResultGrid``, a
            `tune_bn.ray.CoarseToFineSearch`, a `tune_bn.CoarseToFine`. It is read each time: to
            ask for many trials, take its results once.
        trial_number: Number of the trial, counted from 0.

    Raises:
        ReportError: If there is no trial with this number, or the source is no search.

    Example:
        >>> from tune_bn import CoarseToFine, Float
        >>> search = CoarseToFine({"lr": Float(0.0, 8.0)}, seed=0)
        >>> trial = search.ask()
        >>> print(explain(search, 0))
        Trial 0, stage coarse, drawn in one of 8 equal parts of each range, so that the first 8 \
trials cover it evenly: lr between 4 and 5 (drawn 4.026). It is running.
    """
    results = results_of(source)
    is_number = isinstance(trial_number, int) and not isinstance(trial_number, bool)
    trial = results.by_number.get(trial_number) if is_number else None
    if trial is None:
        raise ReportError(_no_such_trial(results, trial_number))
    sentences = [*_sentences(results, trial), _outcome(results, trial)]
    return visible(" ".join(filter(None, sentences)))


def _no_such_trial(results: Results, got: Any) -> str:
    if not results.trials:
        return f"explain needs the number of a trial, but got {got!r}, and the search has none yet."
    first, last = results.trials[0].number, results.trials[-1].number
    text = f"explain needs the number of a trial, {first} to {last}, but got {got!r}."
    if isinstance(got, int) and not isinstance(got, bool) and first < got < last:
        text += " That one has not begun, or is gone."
    return text


def _sentences(results: Results, trial: TrialResult) -> Iterable[str]:
    origin, name = trial.origin, f"Trial {trial.number}"
    if origin is None:
        # A saved search does not keep what it cannot read.
        lost = "" if results.source == "Optuna study" else ", or the record cannot be read"
        yield (
            f"{name}: from where it was drawn is unknown. It recorded that, but its record is "
            "damaged, of a later version, or of another trial."
            if trial.is_unread
            else f"{name} has no record of its draw: it was drawn by another sampler, or its "
            f"values were added by hand{lost}."
        )
        return
    mark = origin.mark
    given = [f"{_name(n)}={_value(trial.params[n])}" for n in origin.given]
    if origin.windows == {} and given:
        yield f"{name}: all of its values were given, enqueued or fixed: {_listed(given)}."
        return
    head = f"{name}, stage {results.stage_name(trial)}"
    if not mark.kind:
        yield (
            f"{head}, was drawn by an earlier version, which recorded the stage, but not between "
            "which values it drew."
        )
        return
    head = f"{head}, drawn {_region(results, origin)}"
    if origin.windows is None:
        yield f"{head}; its windows are unknown: {_why_unknown(results, origin)}."
        return
    if mark.kind == UNTRIED:
        values = (f"{_name(n)}={_value(trial.params[n])}" for n in origin.windows)
        yield f"{head}: {_listed(list(values))}."
    else:
        moved = [
            _moved_text(results, trial, n, w)
            for n, w in origin.moved.items()
            if n not in origin.alone
        ]
        yield f"{head}: {_listed(moved)}." if moved else f"{head}."
    yield _kept_text(origin)
    alone = [_moved_text(results, trial, n, origin.windows[n]) for n in origin.alone]
    if alone:
        yield f"Drawn one by one, not together with the others: {_listed(alone)}."
    if given:
        was = "was" if len(given) == 1 else "were"
        yield f"{_listed(given)} {was} given: enqueued or fixed."
    twin = _twin(results, trial)
    if twin is not None:
        yield f"It has the same values as trial {twin}."
    else:
        yield _comparison(results, origin)


def _region(results: Results, origin: Origin) -> str:
    """Returns in what kind of region a trial was drawn, with the trials of which that was made."""
    mark, n = origin.mark, origin.mark.n_best
    if mark.kind == STRATUM:
        return _stratum_text(origin)
    if mark.kind == UNTRIED:
        return "at random among what was left untried: all near the good trials had been tried"
    if mark.kind == BOX:
        return f"in the box of {_best(results, origin, n)} ({_trials(origin.trials[:n])})"
    if mark.kind == AROUND_THE_BEST:
        best = f"the best trial, {origin.trials[0]}" if origin.trials else "the best trial"
        return f"around {best}, as far as half of what {_best(results, origin, 2 * n)} reach"
    n = mark.narrowing.elites
    elites, named = _best(results, origin, n), _trials(origin.trials[:n])
    if mark.kind == AROUND_ONE:
        around = _centre(origin)
        if around is not None:
            return f"around trial {around}, one of {elites}"
        return f"around one of {elites} ({named})"
    return f"around good values, each from one of {elites} ({named})"


def _best(results: Results, origin: Origin, n: int) -> str:
    """Returns ``"the ten best of 36 ranked trials"``: those that had a value by then."""
    mark = origin.mark
    ranked = count_text(mark.after, "ranked trial")
    if n >= mark.after:
        return f"the {ranked}"
    # A record names more than these where some of them lack a parameter: then others stand in.
    are_all = len(origin.trials) <= max(n, mark.narrowing.elites)
    which = "" if are_all else " with each parameter"
    front = "" if len(results.directions) == 1 else ", counted front by front"
    best = "the best" if n == 1 else f"the {_number(n)} best"
    return f"{best} of {ranked}{which}{front}"


def _centre(origin: Origin) -> int | None:
    """Returns the trial of which all values are that were kept; None if it cannot be told."""
    found = {window.trial for window in origin.kept.values()}
    return found.pop() if len(found) == 1 else None


def _stratum_text(origin: Origin) -> str:
    mark = origin.mark
    parts = [w for w in (origin.windows or {}).values() if isinstance(w, Stratum)]
    size = parts[0].size if parts else mark.narrowing.coarse_trials
    if size is None or (origin.windows and not parts):
        return "anywhere in each range"
    if size == 1:
        return "anywhere in each range, as the first trial"
    first = mark.number // size * size
    which = f"the first {size} trials" if first == 0 else f"trials {first} to {first + size - 1}"
    if mark.dice is not None:  # it had another number there
        which = f"{size} such trials"
    return f"in one of {size} equal parts of each range, so that {which} cover it evenly"


def _why_unknown(results: Results, origin: Origin) -> str:
    gone = [n for n in origin.trials if n not in results.by_number]
    if not origin.mark.is_whole:
        return "what it would take to tell them did not fit into its record"
    if gone:
        trials = f"trials {_trials(gone)}" if len(gone) > 1 else f"trial {gone[0]}"
        return f"{trials}, which its record names, {'are' if len(gone) > 1 else 'is'} gone"
    return "the trials that its record names have changed"


def _moved_text(results: Results, trial: TrialResult, name: str, window: Window) -> str:
    """Returns ``"lr between 0.0021 and 0.0098 (drawn 0.0034)"``."""
    value, bounds = trial.params[name], window.bounds
    if isinstance(results.space.get(name), Categorical):
        if len(bounds) == 1:
            return f"{_name(name)} {_value(value)}"
        many = f"any of {len(bounds):,} choices"
        few = f"any of {', '.join(map(_value, bounds))}"
        text = few if len(bounds) <= _MOST_CHOICES else many
        return f"{_name(name)} {text} (drawn {_value(value)})"
    if bounds[0] == bounds[-1]:
        return f"{_name(name)} {_value(value)}"
    low, drawn, high = _numbers(bounds[0], value, bounds[-1])
    is_whole = (window.share or 0.0) >= 1.0
    where = f"anywhere from {low} to {high}" if is_whole else f"between {low} and {high}"
    return f"{_name(name)} {where} (drawn {drawn})"


def _numbers(low: Any, value: Any, high: Any) -> tuple[str, str, str]:
    """Returns three numbers with as few digits as tell the ends apart, and in their order."""
    for digits in range(3, 17):
        # One-minus-log scales lie near 1, and narrow windows anywhere.
        if abs(high - low) < 8 * _rounding(high, low, digits):
            continue
        first, last = number_text(low, digits), number_text(high, digits)
        for finer in (digits + 1, digits):
            drawn = number_text(value, finer)
            if float(first) <= float(drawn) <= float(last) and float(first) < float(last):
                return first, drawn, last
    return str(low), str(value), str(high)


def _rounding(low: float, high: float, digits: int) -> float:
    """Returns by how much a number between two ends changes at most where it is rounded."""
    size = max(abs(low), abs(high))
    if isinstance(low, int) or size == 0.0:
        return 0.0
    return float(0.5 * 10.0 ** (math.floor(math.log10(size)) + 1 - digits))


def _kept_text(origin: Origin) -> str:
    """Returns which values were kept, and from which trials."""
    by_trial: dict[int, list[str]] = {}
    for name, window in origin.kept.items():
        by_trial.setdefault(window.trial, []).append(f"{_name(name)}={_value(window.value)}")
    n = len(origin.kept)
    if not n:
        return ""
    order = sorted(by_trial, key=lambda number: -len(by_trial[number]))
    if n <= _MOST_KEPT:
        parts = [f"{_listed(by_trial[number])} from trial {number}" for number in order]
        return f"Kept: {', '.join(parts)}."
    most = order[:_MOST_TRIALS]
    parts = [f"{len(by_trial[number])} from trial {number}" for number in most]
    rest = n - sum(len(by_trial[number]) for number in most)
    more = f", {rest} from others" if rest else ""
    shown = by_trial[order[0]][:2]
    return f"Kept: {n} values, {', '.join(parts)}{more}, such as {_listed(shown)}."


def _comparison(results: Results, origin: Origin) -> str:
    """Returns among how many draws the trial was chosen, and how."""
    mark = origin.mark
    n = min(mark.narrowing.candidates, MOST_CANDIDATES)
    together = (origin.windows or {}).keys() - set(origin.alone)
    if mark.stage == 0 or mark.kind == UNTRIED or not together:
        return ""
    again = ""
    if mark.attempt >= n:
        again = " Earlier ones had given what was tried before."
    if n == 1:
        return again.strip()
    # Of a space without cells alone none is ever a repetition.
    is_endless = any(
        parameter.n_cells is None for name, parameter in results.space.items() if name in together
    )
    if again and is_endless:  # a branch in which all that it changed is closed
        return again.strip()
    upto = "" if is_endless else "up to "
    new = "" if is_endless else ", not tried before,"
    those = f"Of {upto}{_number(n)} such draws{new}"
    return f"{those} the one farthest from what was tried in vain.{again}"


def _twin(results: Results, trial: TrialResult) -> int | None:
    """Returns the first trial with the same values; None where none is, or one is continuous."""
    names = trial.params.keys()
    if any(n not in results.space or results.space[n].n_cells is None for n in names):
        return None
    for other in results.trials:
        if other.number >= trial.number:
            return None
        if other.params.keys() == names and all(
            _is_same(other.params[n], trial.params[n]) for n in names
        ):
            return other.number
    return None


def _is_same(a: Any, b: Any) -> bool:
    try:
        return a is b or bool(a == b)
    except (TypeError, ValueError):  # choices may be arrays
        return False


def _outcome(results: Results, trial: TrialResult) -> str:
    if trial.state == "running":
        return "It is running."
    if trial.state == "failed":
        return "It failed."
    if trial.state == "pruned":
        return "It was stopped early."
    if len(results.directions) > 1:
        is_on_front = any(t.number == trial.number for t in results.front)
        return "It is on the Pareto front." if is_on_front else ""
    n = len(results.complete)
    place = next((i for i, t in enumerate(results.ranked, 1) if t.number == trial.number), None)
    if place is None or n < 2:
        return ""
    came = "is the best" if place == 1 else f"came out {_ordinal(place)}"
    return f"It {came} of {count_text(n, 'complete trial')}."


def _ordinal(n: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th") if n // 10 % 10 != 1 else "th"
    return f"{n:,}{ending}"


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n:,}"


def _name(name: str) -> str:
    return label(name)


def _value(value: Any) -> str:
    """Returns a value as text; a choice whose ends could not be seen in quotes."""
    if isinstance(value, str) and (not value or not value.replace("_", "a").isalnum()):
        return label(repr(value))
    return label(value_text(value))


def _listed(texts: Sequence[str]) -> str:
    """Returns texts in a row; of many the first."""
    shown = list(texts[:_MOST_MOVED])
    more = len(texts) - len(shown)
    if more:
        shown.append(f"and {more} more")
    elif len(shown) == 2 and all("(" not in text for text in shown):
        return " and ".join(shown)
    return ", ".join(shown)


def _trials(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_TRIALS]))
    return f"{shown}, …" if len(numbers) > _MOST_TRIALS else shown


def source_text(trial: TrialResult) -> str:
    """Returns in a few words from where a trial was drawn; "" if it recorded nothing of it."""
    origin = trial.origin
    if origin is None:
        return "unknown" if trial.is_unread else ""
    if origin.windows == {} and origin.given:
        return "given"
    mark = origin.mark
    if not mark.kind:
        return "unknown"
    text = mark.kind
    if mark.kind == STRATUM:
        size = mark.narrowing.coarse_trials
        text = "whole range" if size is None else f"one of {size} parts"
    elif mark.kind == BOX:
        text = f"box of the {min(mark.n_best, mark.after)} best"
    elif mark.kind == AROUND_THE_BEST and origin.trials:
        text = f"around the best, {origin.trials[0]}"
    elif mark.kind == WINDOWS:
        text = "around good values"
    elif mark.kind == AROUND_ONE:
        around = _centre(origin)
        text = "around one good trial" if around is None else f"around trial {around}"
    return f"{text} (windows unknown)" if origin.windows is None else text


def window_source(results: Results, trial: TrialResult, name: str) -> str:
    """Returns in a few words where a trial's value was drawn from; "" if it is not recorded."""
    origin = trial.origin
    if origin is None or origin.windows is None:
        return source_text(trial)
    if name in origin.given:
        return "given"
    window = origin.windows.get(name)
    if window is None:
        return ""
    if isinstance(window, Kept):
        return f"kept from trial {window.trial}"
    source, bounds = source_text(trial), window.bounds
    if isinstance(results.space.get(name), Categorical):
        return f"{source}: {len(bounds)} choices"
    low, _, high = _numbers(bounds[0], bounds[0], bounds[-1])
    return f"{source}: {low} to {high}"
