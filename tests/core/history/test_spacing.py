"""Of several draws, the one farthest from what was tried in vain."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.draws import propose
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.history.history import History
from tune_bn.core.history.spacing import Spacing
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter

SPACE: dict[str, Parameter] = {
    "x": Float(0, 10),
    "n": Int(1, 100, log=True),
    "kind": Categorical(["a", "b", "c"]),
}


def random_params(rng: random.Random) -> dict:
    """Returns a configuration."""
    return {name: parameter.draw(rng.random()) for name, parameter in SPACE.items()}


OTHER_SPACE: dict[str, Parameter] = {
    "x": Float(0, 30),
    "n": Int(1, 100),
    "kind": Categorical(["c", "a", "b", "d"]),
}


def slow_farthest(
    candidates: list[dict],
    trials: list[Trial],
    spared: list[Trial],
    space: Mapping[str, Parameter] = SPACE,
) -> int:
    """Does what `Spacing.farthest` does, one number at a time."""
    numbers = {t.number for t in spared}

    def distance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
        total = 0.0
        for name, parameter in space.items():
            if name not in b:
                total += 0.25
            elif isinstance(parameter, Categorical):
                total += 0.25 * (a[name] != b[name])
            else:
                total += (parameter.position(a[name]) - parameter.position(b[name])) ** 2
        return total

    nearest = [
        min(distance(c, t.params) for t in trials if t.number not in numbers) for c in candidates
    ]
    return nearest.index(max(nearest))


@pytest.mark.parametrize("seed", range(20))
def test_farthest_equals_the_reference(seed):
    """The fast version picks what the slow one picks, also where values are missing."""
    rng = random.Random(seed)
    spacing, trials = Spacing(), []
    for i in range(30):
        params = random_params(rng)
        if rng.random() < 0.2:
            del params[rng.choice(list(SPACE))]
        trials.append(Trial(i, params, (rng.random(),)))
        spacing.add(i, params)
        candidates = [random_params(rng) for _ in range(4)]
        spared = rng.sample(trials, min(5, i))
        if len(spared) < len(trials):
            space = rng.choice((SPACE, OTHER_SPACE))  # as ranges change from one run to the next
            expected = slow_farthest(candidates, trials, spared, space)
            assert spacing.farthest(candidates, space, tuple(spared)) == expected


def test_the_reference_can_tell_candidates_apart():
    """The slow version above finds the farther of two, so equality with it says something."""
    trials = [Trial(0, {"x": 0.0, "n": 1, "kind": "a"}, (0.0,))]
    near, far = {"x": 1.0, "n": 1, "kind": "a"}, {"x": 9.0, "n": 1, "kind": "a"}
    assert slow_farthest([near, far], trials, []) == 1
    assert slow_farthest([far, near], trials, []) == 0


def test_only_the_latest_count_whatever_the_order_of_arrival():
    """Of more trials than it holds, those with the highest numbers are kept."""
    trials = [Trial(i, {"x": float(i)}, (0.0,)) for i in range(10)]
    space = {"x": SPACE["x"]}
    candidates = [{"x": 0.0}, {"x": 6.4}]
    orders = [trials, trials[::-1], *(random.Random(i).sample(trials, 10) for i in range(50))]
    for order in orders:
        spacing = Spacing(capacity=4)
        for trial in order:
            spacing.add(trial.number, trial.params)
        # 6 to 9 are kept, whatever came last: no candidate is as near to them as they are.
        for number in range(10):
            lonely = [{"x": 5.5}, {"x": float(number)}]
            assert spacing.farthest(lonely, space, ()) == (number < 6)
        assert spacing.farthest(candidates, space, ()) == 0
    everything = Spacing(capacity=10)
    for trial in trials:
        everything.add(trial.number, trial.params)
    assert everything.farthest(candidates, space, ()) == 1


def test_with_nothing_to_keep_away_from_the_first_is_taken():
    """If all trials are spared, or there are none, candidates are alike."""
    spacing = Spacing()
    assert spacing.farthest([{"x": 1.0}, {"x": 2.0}], {"x": SPACE["x"]}, ()) == 0
    spacing.add(0, {"x": 1.0})
    spared = (Trial(0, {"x": 1.0}, (0.0,)),)
    assert spacing.farthest([{"x": 1.0}, {"x": 2.0}], {"x": SPACE["x"]}, spared) == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_same_spared_trials_are_spared_whatever_came_and_went_meanwhile(seed):
    """What is kept of a question is renewed when one of its trials leaves, arrives or returns."""
    rng = random.Random(seed)
    space, capacity = {"x": SPACE["x"]}, 6
    everyone = [Trial(i, {"x": rng.uniform(0, 10)}, (0.0,)) for i in range(40)]
    spared = tuple(rng.sample(everyone, 12))
    spacing, held = Spacing(capacity), {}
    for trial in rng.choices(everyone, k=200):
        spacing.add(trial.number, trial.params)
        held[trial.number] = trial
        held = {n: held[n] for n in sorted(held)[-capacity:]}
        if set(held) <= {t.number for t in spared}:
            continue
        candidates = [{"x": rng.uniform(0, 10)} for _ in range(4)]
        expected = slow_farthest(candidates, list(held.values()), list(spared), space)
        assert spacing.farthest(candidates, space, spared) == expected


def test_a_range_that_changed_is_measured_anew():
    """Positions follow the parameter that is asked about."""
    spacing = Spacing()
    spacing.add(0, {"x": 0.0})
    candidates = [{"x": 4.0}, {"x": 5.0}]
    assert spacing.farthest(candidates, {"x": Float(0, 10)}, ()) == 1
    moved = {"x": Float(4, 100, log=True)}
    assert spacing.farthest(candidates, moved, ()) == 1
    assert spacing.farthest([{"x": 4.0}, {"x": 4.0}], moved, ()) == 0


def test_proposals_keep_away_from_what_was_tried_in_vain():
    """With more candidates fewer draws lie beside the trial that did badly."""
    space = {"x": Float(0, 1)}

    def near_the_bad_one(candidates: int) -> int:
        narrowing = Narrowing(coarse_trials=1, elites=1, width=0.4, candidates=candidates, spared=1)
        history = History()
        history.add(Trial(0, {"x": 0.5}, (0.0,)))
        history.add(Trial(1, {"x": 0.6}, (1.0,)))
        drawn = [propose(0, n, space, history, narrowing)[1]["x"] for n in range(2, 500)]
        return sum(abs(x - 0.6) < 0.05 for x in drawn)

    assert near_the_bad_one(3) < near_the_bad_one(1) / 2


def test_proposals_keep_away_from_what_failed():
    """A region where every trial fails does not pass for one that nobody has looked at."""
    space = {"x": Float(0, 1)}

    def in_the_failing_region(candidates: int) -> int:
        narrowing = Narrowing(coarse_trials=4, candidates=candidates)
        search = CoarseToFine(space, seed=0, narrowing=narrowing)
        failed = 0
        for _ in range(100):
            trial = search.ask()
            fails = trial.params["x"] > 0.6
            failed += fails
            search.tell(
                trial,
                None if fails else -trial.params["x"],
                state="failed" if fails else "complete",
            )
        return failed

    assert in_the_failing_region(3) < 60
