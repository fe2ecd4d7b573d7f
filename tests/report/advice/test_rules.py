"""Every rule of the advice has a search in which it must speak, and a like one where it must not.

The table goes over the rules themselves: a new one without its two cases fails.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.space import Parameter
from tune_bn.report import Results, results_of
from tune_bn.report.advice import budget, ranges, worth
from tune_bn.report.advice.advise import _RULES
from tune_bn.report.advice.evidence import evidence_of
from tune_bn.report.results.results import TrialResult

Value = Callable[[Mapping[str, Any], random.Random], float | None]
SEEDS = range(4)
UNIT = Float(-1, 1)
RANDOM = Narrowing.off()
RATE = Float(1e-4, 1e-2, log=True)
BATCH = Int(8, 512, log=True)
KIND = Categorical(["a", "b", "c"])


@dataclass(frozen=True)
class Case:
    """A search: what it is, what it searches, what a trial is worth (None: it fails), how long."""

    what: str
    space: Mapping[str, Parameter]
    value: Value
    n: int = 100
    repeats: int = 1
    among: str | None = None  # a parameter of which every other value is tried as well
    at_once: int = 1  # how many trials run at a time, a minute each
    narrowing: Narrowing = RANDOM  # where it must speak

    def results(self, seed: int, narrowing: Narrowing) -> Results:
        """Returns the search as the report sees it, with the times at which its trials ran."""
        found = results_of(self.searched(seed, narrowing))
        begin = datetime(2026, 1, 1)
        times = [begin + timedelta(minutes=i // self.at_once) for i in range(len(found.trials))]
        trials = zip(found.trials, times, strict=True)
        timed = tuple(replace(t, started=start, seconds=60.0) for t, start in trials)
        return replace(found, trials=timed)

    def searched(self, seed: int, narrowing: Narrowing) -> CoarseToFine:
        luck = random.Random(seed)
        search = CoarseToFine(self.space, seed=seed, narrowing=narrowing)
        for _ in range(self.n):
            trial = search.ask()
            search.tell(trial, self.value(trial.params, luck))
            again = [trial.params] * (self.repeats - 1)
            if self.among is not None:
                values = {0, 1, 2, 3, 4} - {trial.params[self.among]}
                again += [{**trial.params, self.among: value} for value in values]
            for params in again:
                search.add(params, self.value(params, luck))
        return search


def decade(value: float) -> float:
    return math.log10(value)


def steady(per_trial: float, until: int) -> Value:
    """Returns values that get better by so much a trial, until so many; then by nothing."""
    told = -1

    def value(*_: Any) -> float:
        nonlocal told
        told = (told + 1) % 100
        return -per_trial * min(told, until) + (told % 7) / 7

    return value


# rule: (it speaks where, it is silent where)
TABLE: dict[Callable[..., Any], tuple[Case, Case]] = {
    ranges.log_scale: (
        Case(
            "a uniform rate over four decades is best at 0.01",
            {"x": Float(1e-4, 1), "y": UNIT},
            lambda p, luck: (decade(p["x"]) + 2) ** 2 + p["y"] ** 2 + luck.gauss(0, 0.05),
            150,
        ),
        Case(
            "the effect is linear, and the best is the lower end",
            {"x": Float(0.01, 1), "y": UNIT},
            lambda p, luck: p["x"] + 0.2 * p["y"] ** 2 + luck.gauss(0, 0.01),
        ),
    ),
    ranges.one_minus_log_scale: (
        Case(
            "a uniform decay is best a hundredth below 1",
            {"x": Float(0.5, 0.999), "y": UNIT},
            lambda p, luck: (decade(1 - p["x"]) + 2) ** 2 + 0.1 * p["y"] ** 2 + luck.gauss(0, 0.02),
            150,
        ),
        Case(
            "a share of rows has a linear effect, and 1 is the best",
            {"x": Float(0.4, 1), "y": UNIT},
            lambda p, luck: -p["x"] + 0.2 * p["y"] ** 2 + luck.gauss(0, 0.01),
        ),
    ),
    ranges.edge: (
        Case(
            "the best rate lies ten times beyond the end",
            {"x": RATE, "y": UNIT},
            lambda p, luck: (decade(p["x"]) + 1) ** 2 + 0.3 * p["y"] ** 2 + luck.gauss(0, 0.05),
        ),
        Case(
            "the best rate lies just inside",
            {"x": RATE, "y": UNIT},
            lambda p, luck: 5 * (decade(p["x"]) + 2.15) ** 2 + p["y"] ** 2 + luck.gauss(0, 0.01),
        ),
    ),
    worth.category: (
        Case(
            "one of three choices is much worse",
            {"kind": KIND, "y": UNIT},
            lambda p, luck: 2 * (p["kind"] == "b") + p["y"] ** 2 + luck.gauss(0, 0.05),
            150,
        ),
        Case(
            "one of three choices is a little worse, within what chance does",
            {"kind": KIND, "y": UNIT},
            lambda p, luck: 0.05 * (p["kind"] == "b") + p["y"] ** 2 + luck.gauss(0, 0.3),
            150,
        ),
    ),
    worth.together: (
        Case(
            "the best rate grows with the batch size",
            {"learning_rate": Float(1e-4, 1, log=True), "batch_size": BATCH},
            lambda p, luck: (
                2 * (decade(p["learning_rate"]) - decade(p["batch_size"]) + 3.8) ** 2
                + luck.gauss(0, 0.05)
            ),
        ),
        Case(
            "each has a best value of its own",
            {"learning_rate": Float(1e-4, 1, log=True), "batch_size": BATCH},
            lambda p, luck: (
                2 * (decade(p["learning_rate"]) + 2) ** 2
                + (decade(p["batch_size"]) - 1.8) ** 2
                + luck.gauss(0, 0.05)
            ),
        ),
    ),
    worth.idle: (
        Case(
            "z has no effect beside two that have",
            {"x": UNIT, "y": UNIT, "z": Int(0, 4)},
            lambda p, luck: p["x"] ** 2 + p["y"] ** 2 + luck.gauss(0, 1e-3),
            40,
            among="z",
        ),
        Case(
            "y matters little beside a strong one",
            {"x": RATE, "y": UNIT},
            lambda p, luck: (decade(p["x"]) + 1) ** 2 + p["y"] ** 2 + luck.gauss(0, 0.05),
            150,
        ),
    ),
    worth.failures: (
        Case(
            "every trial with a large rate fails",
            {"x": Float(1e-4, 10, log=True), "y": UNIT},
            lambda p, _: None if p["x"] > 0.5 else (decade(p["x"]) + 2) ** 2 + p["y"] ** 2,
        ),
        Case(
            "every third trial fails, wherever it is",
            {"x": Float(1e-4, 10, log=True), "y": UNIT},
            lambda p, luck: None if luck.random() < 1 / 3 else decade(p["x"]) ** 2,
        ),
    ),
    budget.noise: (
        Case(
            "repeats differ by 1, the search gained less",
            {"x": UNIT},
            lambda p, luck: 0.1 * p["x"] ** 2 + luck.gauss(0, 1),
            40,
            repeats=2,
        ),
        Case(
            "repeats agree",
            {"x": UNIT},
            lambda p, luck: p["x"] ** 2 + luck.gauss(0, 1e-9),
            40,
            repeats=2,
        ),
    ),
    budget.spent: (
        Case("nothing comes of the last 70 trials", {"x": UNIT}, steady(1.0, 30)),
        Case("every trial is better than the last", {"x": UNIT}, steady(1.0, 100)),
    ),
    budget.workers: (
        Case(
            "sixteen at a time make six rounds",
            {"x": UNIT},
            lambda p, _: p["x"] ** 2,
            at_once=16,
            narrowing=Narrowing(),
        ),
        Case("four at a time make 25 rounds", {"x": UNIT}, lambda p, _: p["x"] ** 2, at_once=4),
    ),
}


def heard(rule: Callable[..., Any], case: Case, narrowing: Narrowing) -> int:
    """Returns in how many of the searches a rule speaks."""
    found = 0
    for seed in SEEDS:
        evidence = evidence_of(case.results(seed, narrowing), len(_RULES))
        assert evidence is not None
        found += bool(rule(evidence))
    return found


def test_the_table_has_every_rule():
    """And no other."""
    assert list(TABLE) == list(_RULES)


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule.__name__)
def test_a_rule_speaks_where_it_must(rule):
    """In each of four searches, mostly random ones: they show what is planted."""
    speaks, _ = TABLE[rule]
    assert heard(rule, speaks, speaks.narrowing) == len(SEEDS), f"silent where {speaks.what}"


@pytest.mark.parametrize("narrowing", [Narrowing(), Narrowing.off()], ids=["narrows", "random"])
@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule.__name__)
def test_a_rule_is_silent_where_it_must_be(rule, narrowing):
    """In each of four searches, however these drew."""
    _, silent = TABLE[rule]
    assert heard(rule, silent, narrowing) == 0, f"speaks where {silent.what}"


def test_a_rule_for_workers_is_for_searches_that_narrow():
    """Random search loses nothing by running side by side."""
    case, _ = TABLE[budget.workers]
    assert heard(budget.workers, case, Narrowing.off()) == 0


def test_how_many_ran_at_a_time():
    """By when trials began and ended; a handful that waited for others do not hide it."""
    start = datetime(2026, 1, 1)

    def ran(*spans: tuple[float, float]) -> int:
        trials = tuple(
            TrialResult(
                i, {"x": 0.0}, (0.0,), "complete", started=start + timedelta(seconds=s), seconds=e
            )
            for i, (s, e) in enumerate(spans)
        )
        return budget.at_once(Results("s", "test", trials, {"x": UNIT}))

    assert ran((0, 1), (1, 1), (2, 1)) == 1
    assert ran(*((i // 8, 1) for i in range(40))) == 8
    assert ran(*((i, 4.5) for i in range(40))) == 5  # asynchronous: each begins as one ends
    assert ran() == 1


def test_times_that_few_trials_have_say_nothing():
    """Of a search that was mostly told by hand it is not known what ran beside what."""
    search = CoarseToFine({"x": UNIT}, seed=0)
    for _ in range(4):
        search.tell(search.ask(), 0.0)
    found = results_of(search)
    first = replace(found.trials[0], started=datetime(2026, 1, 1), seconds=9.0)
    assert budget.at_once(replace(found, trials=(first, *found.trials[1:]))) == 1


def test_one_configuration_that_was_repeated_counts_once():
    """The best one is far ahead of all others: its own five repeats leave nothing to choose."""
    search = CoarseToFine({"x": UNIT}, seed=0, narrowing=Narrowing.off())
    luck = random.Random(0)
    for _ in range(30):
        search.tell(search.ask(), 10 + luck.random())
    for _ in range(6):
        search.add({"x": 0.5}, luck.gauss(0, 0.1))
    evidence = evidence_of(results_of(search), len(_RULES))
    assert evidence is not None
    assert budget.noise(evidence) == []


def test_the_best_that_differ_by_less_than_their_noise_are_counted():
    """Three alike, each measured three times, and the next ten deviations away."""
    search = CoarseToFine({"x": UNIT}, seed=0, narrowing=Narrowing.off())
    for i in range(20):
        level = 0.0 if i < 3 else 1.0 + i / 10
        for off in (-0.1, 0.0, 0.1):
            search.add({"x": i / 20}, level + off)
    evidence = evidence_of(results_of(search), len(_RULES))
    assert evidence is not None
    (advice,) = budget.noise(evidence)
    assert advice.text.startswith("The best 3 configurations differ by less than their noise")
    assert "40 degrees of freedom" in advice.evidence


def test_a_search_is_not_called_spent_before_its_workers_saw_it():
    """Forty at a time: the last trials knew nothing of those that the rule compares them with."""
    case, _ = TABLE[budget.spent]
    assert heard(budget.spent, case, Narrowing.off()) == len(SEEDS)
    assert heard(budget.spent, replace(case, at_once=40), Narrowing.off()) == 0
