"""Conditional parameters, given values, repeated trials, and results of unknown length."""

import pytest

from tests.support.draws import fine_value
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing, SpaceError, TrialError
from tune_bn.core.draws.conditions import checked_conditions, propose_open
from tune_bn.core.draws.narrowing import stage_for
from tune_bn.core.draws.proposal import coarse_value, propose
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial

SPACE = {
    "optimizer": Categorical(["adam", "sgd"]),
    "momentum": Float(0.0, 1.0),
    "schedule": Categorical(["none", "cosine"]),
    "period": Int(1, 50),
    "lr": Float(1e-4, 1.0, log=True),
}
CONDITIONS = {
    "momentum": ("optimizer", "sgd"),
    "schedule": ("optimizer", "sgd"),
    "period": ("schedule", "cosine"),
}


def expected_names(params) -> set[str]:
    """Returns the names that the choices of a trial open, written out by hand."""
    names = {"optimizer", "lr"}
    if params["optimizer"] == "sgd":
        names |= {"momentum", "schedule"}
        if params["schedule"] == "cosine":
            names.add("period")
    return names


def loss_of(params) -> float:
    """Returns a loss that is best for sgd with a cosine of period 20."""
    loss: float = abs(params.get("period", 100) - 20) + abs(params["lr"] - 0.1)
    return loss


def run(search: CoarseToFine, n: int) -> CoarseToFine:
    """Asks and tells n trials."""
    for _ in range(n):
        trial = search.ask()
        search.tell(trial, loss_of(trial.params))
    return search


def test_a_trial_has_the_parameters_that_its_choices_open():
    """Neither more nor fewer, in every stage, also two conditions deep."""
    search = run(CoarseToFine(SPACE, seed=0, conditions=CONDITIONS), 120)
    for trial in search.trials:
        assert set(trial.params) == expected_names(trial.params)
    assert search.best.params["optimizer"] == "sgd"
    assert search.best.value < 2


def test_conditions_leave_the_coarse_draws_as_they_are():
    """Draws are keyed by name, so a condition removes values and changes none."""
    plain, conditional = CoarseToFine(SPACE, seed=1), CoarseToFine(SPACE, seed=1)
    conditional = CoarseToFine(SPACE, seed=1, conditions=CONDITIONS)
    for _ in range(8):
        full, part = plain.ask().params, conditional.ask().params
        assert part.items() <= full.items()


def test_conditions_are_part_of_the_state():
    """A conditional search that went to JSON and back goes on identically."""
    search = run(CoarseToFine(SPACE, seed=2, conditions=CONDITIONS), 30)
    copy = CoarseToFine.from_json(search.to_json())
    assert run(copy, 10).trials == run(search, 10).trials


@pytest.mark.parametrize(
    "conditions",
    [
        {"momentum": ("lr", 0.1)},
        {"beta": ("optimizer", "sgd")},
        {"optimizer": ("schedule", "none")},
    ],
)
def test_impossible_conditions_are_refused(conditions):
    """A condition on a number, for an unknown name, or on a later parameter is an error."""
    with pytest.raises(SpaceError, match="needs conditions on a Categorical"):
        CoarseToFine(SPACE, conditions=conditions)


def test_given_values_are_kept_and_the_others_drawn():
    """A partly given trial has the given values; the rest is what it would have been."""
    search, plain = CoarseToFine(SPACE, seed=3), CoarseToFine(SPACE, seed=3)
    given = {"lr": 0.5, "period": 7}
    assert search.ask(given).params == {**plain.ask().params, **given}
    with pytest.raises(SpaceError, match="no parameter 'beta'"):
        search.ask({"beta": 1})


def test_a_given_trial_belongs_to_no_stage_of_its_own():
    """A trial that was given whole before the first stage is listed as given."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    search.tell(search.ask({"x": 0.5}), 1.0)
    copy = CoarseToFine.from_json(search.to_json())
    for each in (search, copy):
        each.tell(each.ask(), 1.0)
        assert [(s.name, s.trials) for s in each.stages()] == [("given", (0,)), ("coarse", (1,))]


def test_a_failed_trial_may_be_repeated_and_told_again():
    """The later value counts once; a trial that brought a value cannot be told again."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    trial = search.ask()
    search.tell(trial, None)
    search.tell(trial, 2.0)
    assert [t.values for t in search.trials] == [(2.0,)]
    assert CoarseToFine.from_json(search.to_json()).trials == search.trials
    with pytest.raises(TrialError, match="was told already"):
        search.tell(trial, 1.0)


def test_a_repeated_trial_leaves_no_trace_of_its_failure():
    """The search goes on as one in which it never failed, and as its saved state does."""
    retried, plain = (CoarseToFine({"x": Float(0, 1)}, seed=0) for _ in range(2))
    for each in (retried, plain):
        first = each.ask()
        if each is retried:
            each.tell(first, None)
        each.tell(first, 3.0)
        for i in range(12):
            each.tell(each.ask(), float(i))
    saved = CoarseToFine.from_json(retried.to_json())
    for _ in range(8):
        numbers = [each.ask() for each in (retried, plain, saved)]
        assert numbers[0] == numbers[1] == numbers[2]
        for each in (retried, plain, saved):
            each.tell(numbers[0].number, 1.0)


def test_a_final_result_of_unknown_length_counts_as_the_longest():
    """It is compared by value with the trials that got furthest, whenever these come."""
    search = CoarseToFine({"x": Float(0, 1)}, seed=0)
    search.add({"x": 0.5}, 1.0, progress=None)
    search.tell(search.ask(), 0.1, progress=3)
    assert search.best.value == 0.1
    search.tell(search.ask(), 5.0, progress=27)
    assert search.best.value == 1.0
    search.tell(search.ask(), 0.9, progress=27)
    assert search.best.value == 0.9
    copy = CoarseToFine.from_json(search.to_json())
    assert copy.ask() == search.ask()


@pytest.mark.parametrize("coarse_trials", [1, 50])
@pytest.mark.parametrize("fixed", [{}, {"lr": 0.5}, {"period": 7, "lr": 0.5}])
def test_choices_that_never_agree_still_give_a_whole_trial(monkeypatch, coarse_trials, fixed):
    """Where every pass undoes what the last one chose, the last choices stand.

    What they open is drawn. No real draw is so restless, so one is put in the place of `propose`.
    """
    conditions = checked_conditions(SPACE, CONDITIONS)
    history = History()
    for i in range(3):
        params = {"optimizer": "sgd", "momentum": 0.5, "schedule": "cosine", "period": 9, "lr": 0.1}
        history.add(Trial(i, params, (float(i),)))
    narrowing = Narrowing(coarse_trials=coarse_trials)
    passes = []

    def unsettled(seed, number, space, history, narrowing, plan, given):
        proposal = propose(seed, number, space, history, narrowing, plan, given)
        params = proposal.params
        passes.append(sorted(space))
        is_open = "momentum" not in space
        params["optimizer"] = "sgd" if is_open else "adam"
        if "schedule" in params:
            params["schedule"] = "cosine"
        return proposal

    monkeypatch.setitem(propose_open.__globals__, "propose", unsettled)
    for number in range(10, 14):
        passes.clear()
        plan = stage_for(narrowing, history, number)
        proposal, params = propose_open(
            0, number, SPACE, history, narrowing, plan, conditions, fixed
        )
        assert sorted(proposal.params) == passes[-1]
        assert 1 < len(passes) < 20
        assert set(params) == expected_names(params)
        assert list(params) == [name for name in SPACE if name in params]
        assert {n: v for n, v in params.items() if n in fixed} == {
            n: v for n, v in fixed.items() if n in params
        }
        assert all(SPACE[name].nearest(value) == value for name, value in params.items())
        last = passes[-1]
        assert params["optimizer"] == ("adam" if "momentum" in last else "sgd")
        for name in set(params) - set(last) - set(fixed):
            assert params[name] == (
                coarse_value(0, number, name, SPACE[name], narrowing)
                if plan.stage == 0
                else fine_value(0, number, name, SPACE[name], history, narrowing)
            )
        assert (plan.stage == 0) == (coarse_trials == 50)
