"""Why a trial was tried: every number that is said can be checked against the trials."""

import dataclasses
import json
import re
from functools import cache
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from tests.optuna.test_origins import conditional, plain
from tests.report.pages.test_terminal import printed
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.draws.mark import MARK_KEY
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import ReportError, Results, explain, plot_narrowing, results_of
from tune_bn.report.figures.svg import narrowing_svg
from tune_bn.report.pages.page import page
from tune_bn.report.pages.terminal import text_report
from tune_bn.report.results import explanation as words

NUMBER = r"-?\d[\d.,e+-]*\d|-?\d"
NAME = r"(1 - \w+|\S+)"
DRAWN = re.compile(
    rf"{NAME} (between|anywhere from) ({NUMBER}) (?:and|to) ({NUMBER}) \(drawn ([^)]+)\)"
)
KEPT = re.compile(
    rf"{NAME}=([^\s,]+)(?=(?:,? (?:and )?(?:1 - )?[^\s,]+=[^\s,]+)* from trial (\d+))"
)
CHOICE = re.compile(rf"{NAME} any of ([^(]+) \(drawn ([^)]+)\)")


def untold(results: Results, number: int, text: str) -> list[str]:
    """Returns what is wrong in what is said of a trial that was drawn: nothing, it should be."""
    trial = results.by_number[number]
    origin = trial.origin
    assert origin is not None
    assert origin.windows is not None
    wrong = []
    if set(re.findall(rf"{NAME} (?:between|any)", text)) - origin.windows.keys():
        return ["it speaks of other parameters"]
    if not text.startswith(f"Trial {number}, stage "):
        wrong.append("it begins with another trial")
    for name, how, low, high, value in DRAWN.findall(text):
        ends = float(low.replace(",", "")), float(high.replace(",", ""))
        bounds = origin.windows[name].bounds
        if not ends[0] <= float(value) <= ends[1]:
            wrong.append(f"{name}={value} is outside of {ends}")
        if ends != pytest.approx(bounds, rel=6e-3, abs=1e-9):
            wrong.append(f"{name} was drawn in {bounds}, not in {ends}")
        if float(value) != pytest.approx(trial.params[name], rel=6e-3, abs=1e-9):
            wrong.append(f"{name} is {trial.params[name]}, not {value}")
        if (how == "anywhere from") != ((origin.windows[name].share or 0) >= 1):
            wrong.append(f"{name} was not drawn {how}")
    for name, value, other in KEPT.findall(text):
        theirs = results.by_number[int(other)].params[name]
        if words._value(theirs) != value or words._value(trial.params[name]) != value:
            wrong.append(f"{name}={value} is not that of trial {other}, {theirs}")
        if name not in origin.kept or origin.kept[name].trial != int(other):
            wrong.append(f"{name} was not kept from trial {other}")
    for name, choices, value in CHOICE.findall(text):
        if value not in choices.split(", ") or str(trial.params[name]) != value:
            wrong.append(f"{name} is {trial.params[name]!r}")
    wrong += [f"{name} is not spoken of" for name in origin.windows if f"{name}" not in text]
    wrong += [f"{name} is not said to be given" for name in origin.given if f"{name}=" not in text]
    named = re.search(r"\((\d+(?:, \d+)*)(?:, …)?\)", text)
    if named and not {int(n) for n in named[1].split(", ")} <= set(origin.trials):
        wrong.append(f"it was not made of {named[1]}")
    return wrong


def checked(source: Any, fewest: int) -> list[str]:
    """Returns what is said of each trial, after a look that it is true."""
    results = results_of(source)
    texts = [explain(results, t.number) for t in results.trials]
    drawn = [t for t in results.trials if t.origin is not None and t.origin.windows]
    assert len(drawn) >= fewest
    for trial in drawn:
        assert untold(results, trial.number, texts[trial.number]) == []
    return texts


def studied(objective: Any, n: int = 60, seed: int = 0, **options: Any) -> optuna.Study:
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=seed, **options))
    study.optimize(objective, n_trials=n)
    return study


def test_a_study_is_explained(staged: optuna.Study):
    """Of every trial what is said of its windows, values and centres is so."""
    texts = checked(staged, 60)
    assert "in one of 8 equal parts of each range, so that the first 8 trials cover" in texts[0]
    for region in ("in the box of the", "around the best trial, ", "around good values, each from"):
        assert any(region in text for text in texts)
    late = texts[40:]
    assert sum("Of four such draws the one farthest from what was tried in vain" in t for t in late)


@pytest.mark.parametrize("objective", [plain, conditional])
@pytest.mark.parametrize("seed", range(3))
def test_any_space_is_explained(objective: Any, seed: int):
    """Categories, steps, branches: what is said is so."""
    texts = checked(studied(objective, seed=seed), 60)
    late = [t for t in texts if re.search("Drawn one by one, .*: layers (between|any)", t)]
    assert bool(late) == (objective is conditional)


def test_two_objectives_are_explained(two_objectives: optuna.Study):
    """Of several objectives the good ones are counted front by front."""
    texts = checked(two_objectives, 40)
    assert any("counted front by front" in text for text in texts)
    assert any("It is on the Pareto front." in text for text in texts)


def test_a_saved_search_is_explained():
    """A search by hand says the same after it was saved."""
    space = {"rate": Float(0.9, 0.9999, one_minus_log=True), "n": Int(1, 400, log=True)}
    search = CoarseToFine(space, seed=0)
    for _ in range(60):
        trial = search.ask()
        search.tell(trial, abs(trial.params["rate"] - 0.99) + abs(trial.params["n"] - 40) / 400)
    running = search.ask()
    again = CoarseToFine.from_json(search.to_json())
    texts = checked(again, 61)
    assert texts == checked(search, 61)
    assert texts[running.number].endswith("It is running.")


def test_a_saved_search_with_a_mark_of_a_later_version():
    """It is read; of that trial it is not claimed that nobody recorded its draw."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    for _ in range(20):
        trial = search.ask()
        search.tell(trial, trial.params["x"])
    text = search.to_json()
    assert "; trial 15;" in text
    again = CoarseToFine.from_json(text.replace("; trial 15;", "; tilt 1; trial 15;"))
    assert "or the record cannot be read" in explain(again, 15)
    assert "ranked trials" in explain(again, 16)


def test_the_judge_finds_what_is_wrong(staged: optuna.Study):
    """Another trial's text is wrong of this one, and so is one with a value changed."""
    results = results_of(staged)
    text = explain(staged, 40)
    other = next(n for n in range(41, 60) if results.by_number[n].origin.windows is not None)  # type: ignore[union-attr]
    assert untold(results, other, text)
    found = DRAWN.search(text)
    assert found is not None
    assert untold(results, 40, text.replace(f"(drawn {found[5]})", "(drawn 99)"))


def test_the_numbers_of_the_region_are_so(staged: optuna.Study):
    """How many trials had a value by then, and which were the best of these, is what was known."""
    results = results_of(staged)
    n_checked = 0
    for trial in results.trials:
        text = explain(results, trial.number)
        found = re.search(r"the (\w+) best of (\d+) ranked trials \(([\d, ]+)", text)
        if not found:
            continue
        before = [t for t in results.trials[: trial.number] if t.is_ranked]
        assert int(found[2]) == len(before)
        complete = sorted((t for t in before if t.state == "complete"), key=lambda t: -t.value)
        named = [int(n) for n in found[3].strip(", ").split(", ")]
        assert named == [t.number for t in complete[: len(named)]]
        n_checked += 1
    assert n_checked > 10


def test_another_sampler_is_said():
    """A study of TPE, and a trial added by hand, recorded nothing, and that is said."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=12)
    said = "Trial 11 has no record of its draw: .* another sampler, or .* added by hand[.]"
    assert re.match(said, explain(study, 11))
    study.sampler = CoarseToFineSampler(seed=0)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=12)
    assert "another sampler" in explain(study, 11)
    assert "of 12 ranked trials" in explain(study, 12)


def test_given_values_are_said():
    """What was enqueued is told from what was drawn."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"n": 11})
    study.enqueue_trial({"lr": 0.01, "n": 3, "drop": 0.1, "kind": "a"})
    study.optimize(plain, n_trials=2)
    assert "n=11 was given: enqueued or fixed." in explain(study, 0)
    assert "lr between" in explain(study, 0)
    assert re.search(r"all of its values were given.*lr=0\.01.*kind=a", explain(study, 1))


def copied(study: optuna.Study, change: Any) -> optuna.Study:
    """Returns a copy of a study, of whose trials each was changed."""
    copy = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    copy.add_trials([change(trial) for trial in study.get_trials()])
    return copy


def with_mark(number: int, mark: Any) -> Any:
    def change(trial: FrozenTrial) -> FrozenTrial:
        if trial.number == number:
            trial.user_attrs[MARK_KEY] = mark(trial.user_attrs[MARK_KEY])
        return trial

    return change


@cache
def known_study() -> optuna.Study:
    """Returns a study to copy, made once."""
    return studied(plain)


BAD_MARKS = {
    "damaged": (lambda text: text[: len(text) // 2], "is damaged"),
    "junk": (lambda text: {"stage": []}, "is damaged"),
    "of a later version": (lambda text: f"{text}; tilt 0.5", "of a later version"),
    "of another trial": (lambda text: text.replace("trial 40", "trial 41"), "of another trial"),
    "of an early version": (
        lambda text: {"stage": 3, "width": 0.2, "elites": [1, 2]},
        "stage fine 3, was drawn by an earlier version",
    ),
}


@pytest.mark.parametrize("name", BAD_MARKS)
def test_a_bad_mark_is_said(name: str):
    """Whatever a trial carries as its mark: it counts, its window is unknown, nothing raises."""
    mark, said = BAD_MARKS[name]
    study = copied(known_study(), with_mark(40, mark))
    assert said in explain(study, 40)
    assert said not in explain(study, 41)
    assert_shown(study, 1)


def assert_shown(study: optuna.Study, n_unknown: int) -> None:
    """Asserts that page, figure and text show all trials, and of how many the window is unknown."""
    known = f"Of {n_unknown} trial{'s' * (n_unknown != 1)} it is not known between which values"
    shown = page(study)
    assert f"{len(study.trials)} trials" in shown
    assert known in shown
    assert known in plot_narrowing(study).layout.title.text
    assert narrowing_svg(study)
    assert "Of " in printed(text_report(results_of(study)))


def test_trials_that_are_gone_are_said():
    """Windows made of trials that have changed, or are gone, are unknown; their kind is not."""
    first = studied(plain)
    results = results_of(first)
    origin = results.by_number[59].origin
    assert origin is not None
    lost = origin.trials[0]

    def changed(trial: FrozenTrial) -> FrozenTrial:
        if trial.number == lost:
            trial.params["lr"] *= 1.5
        return trial

    study = copied(first, changed)
    unknown = [t for t in results_of(study).trials if t.origin and t.origin.windows is None]
    assert 59 in {t.number for t in unknown}
    assert "its windows are unknown: the trials that its record names have changed" in explain(
        study, 59
    )
    assert re.search("drawn (in|around) ", explain(study, 59))
    assert_shown(study, len(unknown))

    def gone(trial: FrozenTrial) -> FrozenTrial:
        return create_trial(state=TrialState.WAITING) if trial.number == lost else trial

    assert f"trial {lost}, which its record names, is gone" in explain(copied(first, gone), 59)


def test_a_number_that_does_not_exist_is_refused(staged: optuna.Study):
    """One line says which numbers there are."""
    for number in (60, -1, 10**9):
        with pytest.raises(ReportError, match=f"a trial, 0 to 59, but got {number}"):
            explain(staged, number)
    for other in (True, "3", 3.0, None):
        with pytest.raises(ReportError, match="0 to 59"):
            explain(staged, other)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ReportError, match="has none yet"):
        explain(optuna.create_study(), 0)
    with pytest.raises(ReportError, match="needs an Optuna study"):
        explain("study.db", 0)


def test_three_hundred_parameters_stay_readable():
    """Some moved values are named, the kept ones are counted by the trial that they are from."""
    search = CoarseToFine({f"x{i}": Float(0, 1) for i in range(300)}, seed=0)
    for _ in range(40):
        trial = search.ask()
        search.tell(trial, sum(trial.params.values()))
    results = results_of(search)
    texts = [explain(results, n) for n in range(40)]
    assert max(map(len, texts)) < 1200
    for found_trial, text in zip(results.trials, texts, strict=True):
        assert found_trial.origin is not None
        n_kept = len(found_trial.origin.kept)
        if n_kept > 6:
            found = re.search(r"Kept: (\d+) values, ([^x]+), such as", text)
            assert found is not None
            assert int(found[1]) == n_kept
            parts = re.findall(r"(\d+) from (?:trial|others)", found[2])
            assert sum(map(int, parts)) == n_kept
    assert any("and 290 more" in text for text in texts)


def test_a_small_space_is_explained_to_its_end():
    """Where nearby all was tried it says so, and names the trial that a repetition repeats."""
    search = CoarseToFine({"n": Int(1, 4), "kind": Categorical(["a", "b", "c"])}, seed=0)
    for _ in range(20):
        trial = search.ask()
        search.tell(trial, trial.params["n"])
    texts = [explain(search, n) for n in range(20)]
    assert any("at random among what was left untried" in text for text in texts)
    for n, text in enumerate(texts):
        found = re.search(r"the same values as trial (\d+)", text)
        same = [m for m in range(n) if search.params(m) == search.params(n)]
        assert (found is not None) == bool(same and "all of its" not in text)
        if found:
            assert int(found[1]) == same[0]


def test_names_cannot_act():
    """Control codes in names and choices are spelled out, also in the returned text."""
    space = {"x\x1b[2J": Float(0, 1), "k": Categorical(["\x07bell", "", "a, b"])}
    search = CoarseToFine(space, seed=0)
    for _ in range(20):
        trial = search.ask()
        search.tell(trial, trial.params["x\x1b[2J"])
    texts = [explain(search, n) for n in range(20)]
    assert not any(c in text for text in texts for c in "\x1b\x07")
    assert any("'a, b'" in text for text in texts)


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-12, 1e6),
    st.floats(0, 1),
)
def test_rounded_numbers_keep_their_order(low: float, span: float, share: float):
    """However narrow a window: its ends are told apart, and what was drawn lies between them."""
    high = low + span
    value = min(max(low + share * span, low), high)
    if high == low:
        return
    a, b, c = (float(text) for text in words._numbers(low, value, high))
    assert a < c
    assert a <= b <= c


def test_as_many_draws_are_compared_as_are_made():
    """The most that a schedule may compare is the most that are."""
    narrowing = dataclasses.replace(Narrowing(), candidates=1)
    study = studied(lambda t: t.suggest_float("x", 0, 1), 20, narrowing=narrowing)
    assert "such draws" not in explain(study, 19)
    narrowing = dataclasses.replace(Narrowing(), candidates=12)
    study = studied(lambda t: t.suggest_float("x", 0, 1), 20, narrowing=narrowing)
    assert "Of 12 such draws" in explain(study, 19)


def test_choices_of_any_kind_are_explained():
    """Choices that are arrays or numbers have a text, and two arrays are never compared."""
    array = np.zeros(3)
    search = CoarseToFine({"k": Categorical([array, 1, None]), "n": Int(0, 1)}, seed=0)
    for _ in range(12):
        trial = search.ask()
        search.tell(trial, trial.params["n"])
    texts = [explain(search, n) for n in range(12)]
    assert any("array([0., 0., 0.])" in text for text in texts)
    assert json.dumps(texts)
