"""Any order of ask, tell, fail, repeat, save and restore, against a dict of what must be true."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.support.machines import VALUES, Machine, lasting
from tests.support.spaces import conditional_spaces, is_drawn_from, key_of, narrowings
from tune_bn import CoarseToFine, SpaceError, Suggestion, TrialError

PROGRESS = st.sampled_from([None, 0.0, 1.0, 2.0, 9.0])


@dataclass
class Told:
    """What the model knows of a trial that ended."""

    params: dict[str, Any]
    state: str
    values: tuple[float, ...]
    progress: float | None
    violation: float


class SearchMachine(Machine):
    """The search by hand."""

    @initialize(
        found=conditional_spaces(),
        narrowing=narrowings(),
        seed=st.integers(0, 2**64 - 1),
        directions=st.sampled_from(["minimize", "maximize", ("minimize", "maximize")]),
    )
    def begin(self, found, narrowing, seed, directions):
        self.space, self.conditions = found
        self.search = CoarseToFine(
            self.space,
            seed=seed,
            narrowing=narrowing,
            directions=directions,
            conditions=self.conditions,
        )
        self.directions = (directions,) if isinstance(directions, str) else directions
        self.running: dict[int, Suggestion] = {}
        self.told: dict[int, Told] = {}
        self.n = 0

    def value(self, data: Any) -> Any:
        values = tuple(data.draw(VALUES) for _ in self.directions)
        return values[0] if len(values) == 1 else values

    def _is_exhausted(self) -> bool:
        """Whether every configuration was tried, or there are too many to ask this."""
        sizes = [parameter.n_cells or math.inf for parameter in self.space.values()]
        known = [t.params for t in self.told.values()] + [s.params for s in self.running.values()]
        tried = {key_of(self.space, params) for params in known}
        return len(tried) >= math.prod(sizes) or math.prod(sizes) > 200

    @rule()
    def ask(self):
        is_exhausted = self._is_exhausted()
        known = [t.params for t in self.told.values()] + [s.params for s in self.running.values()]
        trial = self.search.ask()
        assert trial.number == self.n
        assert is_drawn_from(self.space, self.conditions, trial.params)
        if trial.stage > 0 and not self.conditions and not is_exhausted:
            new = key_of(self.space, trial.params)
            assert new not in {key_of(self.space, params) for params in known}
        self.running[trial.number] = trial
        self.n += 1

    @rule(data=st.data())
    def ask_with_given_values(self, data):
        name = data.draw(st.sampled_from(sorted(self.space)))
        value = self.space[name].draw(data.draw(st.floats(0, 1, exclude_max=True)))
        trial = self.search.ask({name: value})
        if name in trial.params:
            assert trial.params[name] is value
        assert is_drawn_from(self.space, self.conditions, trial.params)
        self.running[trial.number] = trial
        self.n += 1

    @precondition(lambda self: self.running)
    @rule(
        data=st.data(),
        state=st.sampled_from(["complete", "complete", "stopped"]),
        progress=PROGRESS,
        violation=st.sampled_from([0.0, 0.0, 1.0, math.inf]),
        by_number=st.booleans(),
    )
    def tell(self, data, state, progress, violation, by_number):
        number = data.draw(st.sampled_from(sorted(self.running)))
        trial = self.running.pop(number)
        value = self.value(data)
        self.search.tell(
            number if by_number else trial,
            value,
            state=state,
            progress=progress,
            violation=violation,
        )
        values = value if isinstance(value, tuple) else (value,)
        self.told[number] = Told(dict(trial.params), state, values, progress, violation)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), how=st.sampled_from(["none", "nan", "failed"]))
    def fail(self, data, how):
        number = data.draw(st.sampled_from(sorted(self.running)))
        trial = self.running.pop(number)
        if how == "failed":
            self.search.tell(trial, self.value(data), state="failed")
        else:
            bad = (math.nan,) * len(self.directions)
            self.search.tell(trial, None if how == "none" else bad)
        self.told[number] = Told(dict(trial.params), "failed", (), 0.0, 0.0)

    @precondition(lambda self: any(t.state == "failed" for t in self.told.values()))
    @rule(data=st.data())
    def tell_a_failed_trial_again(self, data):
        failed = sorted(n for n, t in self.told.items() if t.state == "failed")
        number = data.draw(st.sampled_from(failed))
        value = self.value(data)
        self.search.tell(number, value)
        values = value if isinstance(value, tuple) else (value,)
        self.told[number] = Told(self.told[number].params, "complete", values, 0.0, 0.0)

    @precondition(lambda self: any(t.state != "failed" for t in self.told.values()))
    @rule(data=st.data())
    def tell_a_finished_trial_again(self, data):
        finished = sorted(n for n, t in self.told.items() if t.state != "failed")
        with pytest.raises(TrialError, match="was told already"):
            self.search.tell(data.draw(st.sampled_from(finished)), self.value(data))

    @rule(data=st.data(), number=st.sampled_from([-1, 10**6]))
    def tell_an_unknown_trial(self, data, number):
        with pytest.raises(TrialError, match="was never asked for"):
            self.search.tell(number, self.value(data))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def tell_what_cannot_be(self, data):
        trial = self.running[data.draw(st.sampled_from(sorted(self.running)))]
        with pytest.raises(TrialError):
            self.search.tell(trial, (1.0,) * (len(self.directions) + 1))
        with pytest.raises(TrialError):
            self.search.tell(trial, self.value(data), violation=-1.0)

    @rule(data=st.data(), progress=PROGRESS, is_failed=st.booleans())
    def add_a_trial_from_elsewhere(self, data, progress, is_failed):
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.space))))
        params = {n: self.space[n].draw(data.draw(st.floats(0, 0.999))) for n in chosen}
        value = None if is_failed else self.value(data)
        number = self.search.add(params, value, progress=progress)
        assert number == self.n
        values = value if isinstance(value, tuple) else (value,)
        told = Told(params, "complete", values, progress, 0.0)
        self.told[number] = Told(params, "failed", (), progress, 0.0) if is_failed else told
        self.n += 1

    @rule()
    def add_an_unknown_parameter(self):
        with pytest.raises(SpaceError, match="has no parameter"):
            self.search.add({"unknown": 1}, 1.0)

    @rule()
    def save_and_restore(self):
        text = self.search.to_json()
        copy = CoarseToFine.from_json(text, space=self.space)
        assert copy.to_json() == text
        ours, theirs = self.search.ask(), copy.ask()
        assert (ours.number, ours.stage, ours.width) == (theirs.number, theirs.stage, theirs.width)
        assert key_of(self.space, ours.params) == key_of(self.space, theirs.params)
        self.search = copy
        self.running[theirs.number] = theirs
        self.n += 1

    def modelled(self):
        told = {n: (t.state, t.values, key_of(self.space, t.params)) for n, t in self.told.items()}
        return told | dict.fromkeys(self.running, "running")

    def seen(self):
        ended = {
            t.number: (t.state, t.values, key_of(self.space, t.params)) for t in self.search.trials
        }
        others = self.search.numbers - ended.keys()
        return ended | {n: self.search.state(n) for n in others}

    def numbers(self):
        return range(self.n)

    def stages(self):
        return self.search.stages()

    @invariant()
    def the_best_is_the_models_best(self):
        ranked = {n: t for n, t in self.told.items() if t.state != "failed"}
        if not ranked:
            with pytest.raises(ValueError, match="needs a finished trial"):
                _ = self.search.best
            return

        def is_infinite(told: Told) -> bool:  # one that diverged
            return any(map(math.isinf, told.values))

        finite = [t for t in ranked.values() if not is_infinite(t)]
        furthest = max((t.progress or 0.0 for t in finite), default=0.0)

        def group(told: Told) -> tuple[Any, ...]:
            reached = furthest if told.progress is None else told.progress
            return (told.violation, is_infinite(told), told.state != "complete", -reached)

        signs = [1 if d == "minimize" else -1 for d in self.directions]
        losses = {
            n: tuple(s * v for s, v in zip(signs, t.values, strict=True)) for n, t in ranked.items()
        }
        first = min(map(group, ranked.values()))
        front = {
            n
            for n, told in ranked.items()
            if group(told) == first
            and not any(
                group(other) == first
                and losses[m] != losses[n]
                and _is_no_worse(losses[m], losses[n])
                for m, other in ranked.items()
            )
        }
        if len(signs) == 1:
            assert self.search.best.number == min(front)
        assert {t.number for t in self.search.best_trials} == (
            {min(front)} if len(signs) == 1 else front
        )

    @invariant()
    def windows_lie_in_the_space(self):
        for stage in self.stages():
            assert stage.index > 0 or stage.windows.keys() == self.space.keys()
            for name, window in stage.windows.items():
                parameter, low, high = self.space[name], window[0], window[-1]
                if not parameter.is_unordered:
                    assert parameter.bounds[0] <= low <= high <= parameter.bounds[-1]


def _is_no_worse(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True))


class TestSearch(SearchMachine.TestCase):  # type: ignore[valid-type,misc]  # made by hypothesis
    """A few hundred events."""

    settings = lasting(25, 30)


@pytest.mark.slow
class TestSearchAtLength(SearchMachine.TestCase):  # type: ignore[valid-type,misc]
    """Tens of thousands."""

    settings = lasting(200, 60)
