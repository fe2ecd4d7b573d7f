"""Ask and tell by hand: the record, failures, and a state that continues identically."""

import json
import math
import re

import pytest

from tune_bn import (
    Categorical,
    CoarseToFine,
    Float,
    Int,
    Narrowing,
    SpaceError,
    StateError,
    TrialError,
)
from tune_bn.core.search.records import End

SPACE = {
    "alpha": Float(1e-4, 1.0, log=True),
    "layers": Int(1, 8),
    "kind": Categorical(["relu", "tanh"]),
}


def value_of(params):
    """Returns a loss with one best configuration: alpha 0.01, four layers, tanh."""
    return (
        abs(math.log10(params["alpha"]) + 2)
        + 0.3 * abs(params["layers"] - 4)
        + (params["kind"] == "relu")
    )


def run(search: CoarseToFine, n: int) -> CoarseToFine:
    """Asks and tells n trials."""
    for _ in range(n):
        trial = search.ask()
        search.tell(trial, value_of(trial.params))
    return search


def test_the_search_narrows_to_the_best():
    """After 80 trials the best is close to the optimum."""
    best = run(CoarseToFine(SPACE, seed=0), 80).best
    assert best.params["kind"] == "tanh"
    assert best.params["layers"] == 4
    assert best.value < 0.1


def test_a_trial_without_one_value_says_so():
    """A failed trial has no value, and one of two objectives has two."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    search.tell(search.ask(), None)
    with pytest.raises(TrialError, match="trial 0 has none: it failed"):
        _ = search.trials[0].value
    both = CoarseToFine({"x": Float(0, 1)}, directions=("minimize", "maximize"), seed=0)
    both.tell(both.ask(), (1.0, 2.0))
    with pytest.raises(TrialError, match="trial 0 has 2 of them"):
        _ = both.trials[0].value


def test_maximizing_is_minimizing_the_negative():
    """The direction turns the sign and nothing else."""
    low, high = (CoarseToFine(SPACE, seed=1, directions=d) for d in ("minimize", "maximize"))
    for _ in range(40):
        a, b = low.ask(), high.ask()
        assert a == b
        low.tell(a, value_of(a.params))
        high.tell(b, -value_of(b.params))
    assert low.best.params == high.best.params
    best_high, best_low = high.stages()[-1].best_value, low.stages()[-1].best_value
    assert best_high is not None
    assert best_low is not None
    assert best_high == -best_low


def test_one_seed_one_search():
    """The same seed and values give the same trials; another seed gives others."""
    a, b, c = (run(CoarseToFine(SPACE, seed=s), 30).trials for s in (5, 5, 6))
    assert a == b
    assert a != c


def test_without_a_seed_searches_differ():
    """None takes fresh entropy, and the seed that was taken can be read and used again."""
    a, b = CoarseToFine(SPACE), CoarseToFine(SPACE)
    assert a.ask().params != b.ask().params
    again = CoarseToFine(SPACE, seed=a.seed)
    assert again.ask().params == CoarseToFine(SPACE, seed=a.seed).ask().params


@pytest.mark.parametrize("at", [0, 1, 7, 8, 33])
def test_state_continues_identically(at):
    """A search that went to JSON and back, with trials running, goes on as if nothing had been."""
    search = run(CoarseToFine(SPACE, seed=3), at)
    running = search.ask()
    copy = CoarseToFine.from_json(search.to_json())
    assert copy.to_json() == search.to_json()
    for each in (search, copy):
        each.tell(running.number, 1.0)
        run(each, 12)
    assert copy.trials == search.trials
    assert copy.stages() == search.stages()


def test_state_is_strict_json_also_with_infinite_values():
    """The text has no NaN or Infinity literal, which JSON does not know."""
    search = CoarseToFine(SPACE, seed=0)
    search.tell(search.ask(), math.inf)
    search.tell(search.ask(), -math.inf)
    search.tell(search.ask(), math.nan)
    search.tell(search.ask(), 1.0, violation=math.inf)

    def refuse(literal: str) -> None:
        raise AssertionError(literal)

    json.loads(search.to_json(), parse_constant=refuse)
    assert CoarseToFine.from_json(search.to_json()).trials == search.trials


def test_state_with_choices_that_json_cannot_hold():
    """Choices that are objects are restored from the space, by their place in it."""
    space = {"f": Categorical([print, len, {"deep": [1]}])}
    search = CoarseToFine(space, seed=0)
    search.tell(search.ask(), 1.0)
    with pytest.raises(StateError, match="Pass the same space"):
        CoarseToFine.from_json(search.to_json())
    assert CoarseToFine.from_json(search.to_json(), space=space).trials == search.trials


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t[: len(t) // 2], "text that to_json returned"),
        (lambda t: "[]", "text that to_json returned"),
        (lambda t: t.replace("tune_bn.search", "other"), "text that to_json returned"),
        (lambda t: t.replace('"version": 2', '"version": 99'), "version 99.*Update tune-bn"),
        (lambda t: t.replace('"layers": 8', '"layers": "x"'), "does not fit its space"),
        (lambda t: t.replace('"seed": 0', '"seed": -1'), "does not fit its space"),
    ],
)
def test_damaged_states_are_refused(damage, message):
    """A state that is none is refused with what to do; nothing is guessed."""
    search = CoarseToFine(SPACE, seed=0)
    search.add({"alpha": 0.1, "layers": 8, "kind": "relu"}, 1.0)
    text = damage(search.to_json())
    with pytest.raises(StateError, match=message):
        CoarseToFine.from_json(text)


def with_old_marks(text, mark):
    """Returns the state with another mark in the place of each, as early versions wrote them."""
    changed = re.sub(r'"coarse, [^"]*"', mark, text)
    assert changed != text
    return changed


STRANGE = {
    "nested": lambda t: '{"format": ' + "[" * 100_000,
    "huge": lambda t: t.replace("0.1", "1" + "0" * 400),
    "no such choice": lambda t: t.replace('"kind": 0', '"kind": -1'),
    "NaN": lambda t: t.replace('"shrink": ', '"shrink": NaN, "x": '),
    "stage": lambda t: with_old_marks(t, '["x", 1.0, []]'),
    "width": lambda t: with_old_marks(t, "[0, -1.0, []]"),
    "mark": lambda t: with_old_marks(t, "[0, 1.0]"),
    "twice": lambda t: t.replace("[1, {", "[0, {"),
    "behind": lambda t: t.replace('"next_number": 2', '"next_number": 1'),
    "no seed": lambda t: t.replace('"seed": 0', '"seed": null'),
    "condition": lambda t: t.replace('"conditions": {}', '"conditions": {"alpha": ["layers", 0]}'),
    "unknown": lambda t: t.replace('{"alpha": 0.', '{"x": 0.'),
    "incomplete": lambda t: re.sub(r'(\[1, {)"alpha": [0-9.e-]+, ', r"\1", t),
}


@pytest.mark.parametrize("damage", STRANGE.values(), ids=STRANGE)
def test_strange_states_are_refused(damage):
    """In one line that is short enough to read, at once, and not at the next `ask`."""
    search = CoarseToFine(SPACE, seed=0)
    search.add({"alpha": 0.1, "layers": 8, "kind": "relu"}, 1.0)
    search.ask()
    text = search.to_json()
    assert damage(text) != text
    with pytest.raises(StateError) as caught:
        CoarseToFine.from_json(damage(text))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_value_beyond_the_range_survives_json():
    """Infinite, or an integer that no float holds: both may have been tried elsewhere."""
    search = CoarseToFine(SPACE, seed=0, narrowing=Narrowing(coarse_trials=1))
    search.add({"alpha": math.inf, "layers": 10**400}, 1.0)
    search.add({"layers": -math.inf}, 1.0)
    again = CoarseToFine.from_json(search.to_json())
    assert again.trials == search.trials
    assert again.ask() == search.ask()


def test_failed_trials_do_not_attract():
    """None, NaN and "failed" are kept in the record, unranked; the coarse stage goes on."""
    search = CoarseToFine(SPACE, seed=0)
    search.tell(search.ask(), None)
    search.tell(search.ask(), math.nan)
    search.tell(search.ask(), 0.0, state="failed")
    assert [t.state for t in search.trials] == ["failed"] * 3
    with pytest.raises(ValueError, match="needs a finished trial"):
        _ = search.best
    run(search, 7)
    assert search.ask().stage == 0
    run(search, 1)
    assert search.ask().stage == 1


def test_stages_count_from_the_first_that_drew():
    """Trials that were added stand in for the coarse stage; so it is in a search that was saved."""
    other, search = run(CoarseToFine(SPACE, seed=1), 40), CoarseToFine(SPACE, seed=0)
    for trial in other.trials:
        search.add(trial.params, value_of(trial.params))
    given, first = search.ask(fixed=other.best.params), search.ask()
    mark = search.mark(first.number)
    assert mark is not None
    assert mark.stage > 2
    assert first.stage == 1
    for each in (search, CoarseToFine.from_json(search.to_json())):
        assert each.ask().stage == 1
        found = [(s.name, s.trials[-1]) for s in each.stages()]
        assert found == [("earlier trials", given.number), ("fine 1", 42)]


def test_stages_do_not_count_from_a_trial_that_was_given():
    """Nothing of it was drawn, whenever it was; one of which a value was drawn counts."""
    given = run(CoarseToFine(SPACE, seed=1), 40).trials
    names = list(SPACE)
    for fixed, stage in ((names, 1), (names[1:], 3)):
        search = CoarseToFine(SPACE, seed=0)
        for trial in given:
            asked = search.ask(fixed={name: trial.params[name] for name in fixed})
            search.tell(asked, value_of(asked.params))
        first = search.ask()
        mark = search.mark(first.number)
        assert mark is not None
        assert mark.stage >= 3
        assert first.stage == (1 if stage == 1 else mark.stage)


def test_stopped_trials_rank_behind_complete_ones():
    """A trial that was stopped early is never the best while a complete one exists."""
    search = CoarseToFine(SPACE, seed=0)
    search.tell(search.ask(), 0.0, state="stopped", progress=1)
    search.tell(search.ask(), 5.0)
    search.tell(search.ask(), 4.0, violation=1.0)
    assert search.best.value == 5.0


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
@pytest.mark.parametrize("infinite", [math.inf, -math.inf])
def test_an_infinite_value_is_never_the_best(direction, sign, infinite):
    """Not where a finite one exists, whatever its sign; nor does the search zoom there."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0, directions=direction)
    for i in range(40):
        trial = search.ask()
        diverged = trial.params["x"] > 0.9 or i == 0
        value = infinite if diverged else sign * abs(trial.params["x"] - 0.2)
        search.tell(trial, value, progress=9 if diverged else 3)
    assert math.isfinite(search.best.value)
    assert all(
        stage.best_value is None or math.isfinite(stage.best_value) for stage in stages_of(search)
    )
    late = [t.params["x"] for t in search.trials[20:]]
    assert sum(late) / len(late) < 0.4


def stages_of(search):
    """Returns the stages that have a finite value."""
    finite = {t.number for t in search.trials if math.isfinite(t.value)}
    return [stage for stage in search.stages() if finite & set(stage.trials)]


def test_a_trial_that_ended_by_itself_got_as_far_as_any():
    """With patience, say: then the value decides; one whose end is unknown is judged by progress.

    The stages and the state on disk say the same.
    """
    search = CoarseToFine(SPACE, seed=0)
    search.tell(search.ask(), 0.3, progress=3, end="itself")
    search.tell(search.ask(), 0.1, progress=4)
    search.tell(search.ask(), 0.5, progress=20)
    assert (search.best.number, search.best.progress) == (0, 3)
    assert [s.best_value for s in search.stages()] == [0.3]
    again = CoarseToFine.from_json(search.to_json())
    assert again.trials == search.trials
    assert again.best == search.best


@pytest.mark.parametrize("is_longer_first", [True, False])
def test_one_that_ended_by_itself_may_be_the_furthest(is_longer_first):
    """It raises what is furthest for those before it, and is compared with those that follow."""
    search = CoarseToFine(SPACE, seed=0)
    ends: list[tuple[float, int, End]] = [
        (0.2, 4, "itself"),
        (0.1, 4, "unknown"),
        (0.0, 3, "unknown"),
    ]
    for value, progress, end in ends if is_longer_first else reversed(ends):
        search.tell(search.ask(), value, progress=progress, end=end)
    assert search.best.value == 0.1
    again = CoarseToFine.from_json(search.to_json())
    assert again.best == search.best


def test_a_goal_that_was_reached_ranks_first():
    """Among such trials the better value, then the sooner."""
    search = CoarseToFine(SPACE, seed=0, directions="maximize")
    search.tell(search.ask(), 0.99, progress=50, end="itself")
    for value, progress in ((0.95, 9), (0.97, 8), (0.97, 3)):
        search.tell(search.ask(), value, progress=progress, end="goal")
    assert search.best.number == 3
    again = CoarseToFine.from_json(search.to_json())
    assert again.best == search.best


def test_what_is_told_last_counts():
    """A trial that went on after it had ended is corrected, as if the first end had not been."""
    search, straight = CoarseToFine(SPACE, seed=0), CoarseToFine(SPACE, seed=0)
    for known in (search, straight):
        run(known, 12)
    trial = search.ask()
    straight.ask()
    search.tell(trial, None, state="failed")
    search.correct(trial.number, 7.0, progress=1)
    search.correct(trial.number, -1.0)
    straight.tell(trial.number, -1.0)
    assert search.best.number == trial.number
    assert search.ask() == straight.ask()
    assert search.to_json() == straight.to_json()
    with pytest.raises(TrialError, match="needs a trial that was told, but trial 77 was not"):
        search.correct(77, 1.0)


def test_what_was_tried_stays_known_when_all_is_ranked_again():
    """A trial that got further than any, or is corrected, makes no configuration new."""
    space = {"x": Int(1, 4), "kind": Categorical(["a", "b", "c"])}
    search = CoarseToFine(space, seed=0, narrowing=Narrowing(coarse_trials=4))
    for number in range(11):
        trial = search.ask()
        if number % 3 == 2:
            search.tell(trial, None, state="failed")
            search.correct(trial.number, 0.0, progress=number)
        else:
            search.tell(trial, -number, progress=number, end="unknown")
    params = [trial.params for trial in search.trials] + [search.ask().params]
    assert len({tuple(p.values()) for p in params}) == 12


def test_a_stage_of_stopped_trials_has_no_best_value():
    """Their values say little beside those of trials that trained further."""
    search = CoarseToFine(SPACE, seed=0, narrowing=Narrowing(coarse_trials=2, stage_trials=2))
    for value, progress in ((3.0, 9), (0.5, 2), (0.1, 2), (0.2, 2)):
        search.tell(search.ask(), value, progress=progress)
    assert [s.best_value for s in search.stages()] == [3.0, None]


def test_an_unknown_end_is_refused():
    """With the ends that there are."""
    search = CoarseToFine(SPACE, seed=0)
    with pytest.raises(TrialError, match="needs 'unknown', 'itself' or 'goal'.*'tired'"):
        search.tell(search.ask(), 1.0, end="tired")  # type: ignore[arg-type]


def test_trials_from_elsewhere_count():
    """Results that were added fill the coarse stage and are centres of the first windows."""
    search = CoarseToFine(SPACE, seed=0, narrowing=Narrowing(coarse_trials=3))
    for alpha in (0.01, 0.5, 1.0):
        search.add({"alpha": alpha, "layers": 4, "kind": "tanh"}, alpha)
    trial = search.ask()
    assert (trial.number, trial.stage) == (3, 1)
    assert search.best.params["alpha"] == 0.01


def test_many_asked_before_any_told():
    """A batch of 32 is 32 different points, stratified, and can be told in any order."""
    search = CoarseToFine(SPACE, seed=0)
    batch = [search.ask() for _ in range(32)]
    assert len({t.params["alpha"] for t in batch}) == 32
    for trial in reversed(batch):
        search.tell(trial, value_of(trial.params))
    assert search.ask().stage > 0


def test_stages_hold_every_trial_once():
    """Each trial belongs to one stage, windows get narrower, and contain their elites."""
    search = run(CoarseToFine(SPACE, seed=0), 70)
    stages = search.stages()
    assert sorted(n for s in stages for n in s.trials) == list(range(70))
    assert [s.name for s in stages[:2]] == ["coarse", "fine 1"]
    assert stages[0].windows["alpha"] == (1e-4, 1.0)
    assert all(s.windows["kind"] == ("relu", "tanh") for s in stages)
    low, high = stages[-1].windows["alpha"]
    assert 1e-4 <= low <= search.best.params["alpha"] <= high <= 1.0
    assert high / low < 1e4
    assert min(s.best_value for s in stages if s.best_value is not None) == search.best.value


def test_two_objectives():
    """The best trials of two objectives are a front, none dominated by another."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0, directions=["minimize", "maximize"])
    for _ in range(60):
        trial = search.ask()
        x = trial.params["x"]
        search.tell(trial, (x**2, -((x - 1) ** 2)))
    front = search.best_trials
    assert len(front) > 10
    for a in front:
        assert not any(
            b.values[0] < a.values[0] and b.values[1] > a.values[1] for b in search.trials
        )


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda s: s.tell(99, 1.0), TrialError, "trial 99 was never asked for"),
        (lambda s: [s.tell(s.ask(), 1.0), s.tell(0, 1.0)], TrialError, "trial 0 was told already"),
        (lambda s: s.tell(s.ask(), (1.0, 2.0)), TrialError, r"needs 1 value\(s\)"),
        (lambda s: s.tell(s.ask(), 1.0, state="done"), TrialError, "got 'done'"),
        (lambda s: s.tell(s.ask(), 1.0, violation=-1), TrialError, "violation >= 0"),
        (lambda s: s.add({"beta": 1}, 1.0), SpaceError, "no parameter 'beta'; it has alpha"),
        (lambda s: s.add({"alpha": "x"}, 1.0), SpaceError, "needs a number, but got 'x'"),
        (lambda s: CoarseToFine({}), SpaceError, "needs a space"),
        (lambda s: CoarseToFine({"x": (0, 1)}), SpaceError, r"but got 'x': \(0, 1\)"),  # type: ignore[dict-item]  # wrong on purpose
        (lambda s: CoarseToFine(SPACE, seed=-1), ValueError, "seed=-1"),
        (
            lambda s: CoarseToFine(SPACE, seed=2**64),
            ValueError,
            r"seed <= 18446744073709551615, but got",
        ),
        (lambda s: CoarseToFine(SPACE, seed="0"), TypeError, "seed='0'"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda s: CoarseToFine(SPACE, narrowing=3), TypeError, "narrowing=3"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda s: CoarseToFine(SPACE, directions="up"), ValueError, "but got 'up'"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda s: CoarseToFine(SPACE, directions=[]), ValueError, "but got None"),
    ],
)
def test_misuse(act, error, message):
    """What cannot be is refused with what was needed and what was got."""
    with pytest.raises(error, match=message):
        act(CoarseToFine(SPACE, seed=0))


def test_a_refused_tell_leaves_the_trial_running():
    """After an error the same trial can be told properly."""
    search = CoarseToFine(SPACE, seed=0)
    trial = search.ask()
    with pytest.raises(TrialError):
        search.tell(trial, (1.0, 2.0))
    search.tell(trial, 1.0)
    assert search.best.number == 0


def test_what_is_asked_for_at_the_same_time_differs():
    """Ten workers of one search, and of its copy, get ten configurations of a small space."""
    space = {"a": Int(0, 3), "b": Categorical(["x", "y", "z"])}
    search = CoarseToFine(space, seed=0, narrowing=Narrowing(coarse_trials=2))
    for i in range(2):
        search.tell(search.ask(), float(i))
    before = {tuple(t.params.items()) for t in search.trials}
    first = [search.ask().params for _ in range(5)]
    copy = CoarseToFine.from_json(search.to_json())
    for each in (search, copy):
        asked = [*first, *(each.ask().params for _ in range(12 - len(before) - 5))]
        drawn = [tuple(params.items()) for params in asked]
        assert len({*drawn, *before}) == 12
