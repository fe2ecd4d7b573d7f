"""Any order of whole, partly given, fixed, killed, failed and foreign trials: the same draws.

What the sampler promises: a draw depends on the seed, the trial's number and the trials in the
storage, never on the sampler object; and no point comes twice that nobody asked for.
"""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import optuna
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from tests.support.machines import lasting
from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler

SPACES: dict[str, dict[str, BaseDistribution]] = {
    "finite": {"n": IntDistribution(1, 3), "kind": CategoricalDistribution(["a", "b"])},
    "mixed": {"n": IntDistribution(1, 3), "x": FloatDistribution(0, 1)},
    "layers": {
        "n": IntDistribution(1, 2),
        "units_0": IntDistribution(1, 3),
        "units_1": IntDistribution(1, 3),
    },
    "branches": {
        "kind": CategoricalDistribution(["a", "b"]),
        "a": FloatDistribution(0, 1),
        "b": FloatDistribution(0, 1),
        "units": IntDistribution(1, 3),
    },
}


def is_asked(space: str, name: str, params: Mapping[str, Any]) -> bool:
    """Tells whether the objective asks for a parameter, after those before it."""
    if space == "layers":
        return name != "units_1" or params["n"] == 2
    return space != "branches" or name not in ("a", "b") or params["kind"] == name


def has_result(trial: FrozenTrial) -> bool:
    """Tells whether a trial ended with a value."""
    return trial.state == TrialState.COMPLETE


def fixing(given: dict[str, Any], sampler: BaseSampler) -> BaseSampler:
    """Returns a sampler that fixes some values and leaves the others to this one."""
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        return optuna.samplers.PartialFixedSampler(given, sampler)


class PureMachine(RuleBasedStateMachine):
    """One study, drawn for by one object; before each draw a new object is asked as well."""

    sampler: type[CoarseToFineSampler] = CoarseToFineSampler

    @initialize(space=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 5))
    def begin(self, space, seed):
        self.name, self.space = space, SPACES[space]
        self.narrowing = Narrowing(coarse_trials=2, stage_trials=3)
        self.new: Callable[[], BaseSampler] = lambda: self.sampler(
            seed=seed, narrowing=self.narrowing
        )
        self.study = optuna.create_study(sampler=self.new())
        self.wanted: set[int] = set()  # trials that were enqueued, fixed or come from elsewhere

    def draw(self, n_asked: int | None = None) -> optuna.Trial:
        """Begins a trial that asks for so many parameters; a copy of the study draws the same."""
        copied = pickle.loads(pickle.dumps(self.study))
        copied.sampler = self.new()
        drawn = []
        for study in (self.study, copied):
            trial = study.ask()
            for name in list(self.space)[:n_asked]:
                if is_asked(self.name, name, trial.params):
                    trial._suggest(name, self.space[name])
            drawn.append(trial)
        assert drawn[0].params == drawn[1].params
        assert drawn[0].user_attrs == drawn[1].user_attrs
        return drawn[0]

    @rule(value=st.floats(-9, 9))
    def complete(self, value):
        self.study.tell(self.draw(), value)

    @rule(n_asked=st.sampled_from([None, 1]))
    def fail(self, n_asked):
        self.study.tell(self.draw(n_asked), state=TrialState.FAIL)

    @rule(n_asked=st.sampled_from([None, 1]))
    def kill(self, n_asked):
        self.draw(n_asked)

    @rule(data=st.data(), value=st.floats(-9, 9))
    def enqueue(self, data, value):
        name = data.draw(st.sampled_from(sorted(self.space)))
        self.study.enqueue_trial({name: self.one(data, name)})
        trial = self.draw()
        self.wanted.add(trial.number)
        self.study.tell(trial, value)

    @rule(data=st.data(), value=st.floats(-9, 9))
    def fix(self, data, value):
        name = data.draw(st.sampled_from(sorted(self.space)))
        own, new = self.study.sampler, self.new
        given = {name: self.one(data, name)}
        self.study.sampler = fixing(given, own)
        self.new = lambda: fixing(given, new())
        trial = self.draw()
        self.study.sampler, self.new = own, new
        self.wanted.add(trial.number)
        self.study.tell(trial, value)

    @rule(data=st.data(), value=st.floats(-9, 9))
    def come_from_elsewhere(self, data, value):
        params: dict[str, Any] = {}
        for name in self.space:
            if is_asked(self.name, name, params):
                params[name] = self.one(data, name)
        space = {name: self.space[name] for name in params}
        self.wanted.add(len(self.study.trials))
        self.study.add_trial(create_trial(params=params, distributions=space, value=value))

    def one(self, data: Any, name: str) -> Any:
        distribution = self.space[name]
        if isinstance(distribution, CategoricalDistribution):
            return data.draw(st.sampled_from(distribution.choices))
        assert isinstance(distribution, (IntDistribution, FloatDistribution))
        return data.draw(st.sampled_from([distribution.low, distribution.high]))

    def is_endless(self, trial: FrozenTrial) -> bool:
        return any(isinstance(d, FloatDistribution) for d in trial.distributions.values())

    @precondition(lambda self: hasattr(self, "study"))
    @invariant()
    def no_point_comes_twice(self):
        """With a real parameter never; of finite ones not before all have a result, or no chance.

        What three trials had, whole or in part, that failed or never ended, is not tried again.
        """
        trials = self.study.get_trials(deepcopy=False)
        whole = [t for t in trials if len(t.params) > 1]
        seen: dict[Any, int] = {}
        done: set[Any] = set()
        finite = [{"n": n, "kind": kind} for n in (1, 2, 3) for kind in ("a", "b")]
        for trial in whole:
            key = tuple(sorted(trial.params.items()))
            is_own = trial.number not in self.wanted and trial.number >= 2
            is_fine = is_own and not str(trial.user_attrs.get("tune_bn:stage")).startswith("coarse")
            if is_fine and self.is_endless(trial):
                assert key not in seen
            if is_fine and self.name == "finite" and key in done:
                unfinished = [t.params for t in trials[: trial.number] if not has_result(t)]
                for one in finite:
                    n_without = sum(params.items() <= one.items() for params in unfinished)
                    assert tuple(sorted(one.items())) in done or n_without >= 3
            seen[key] = trial.number
            if has_result(trial):
                done.add(key)


class Remembers(CoarseToFineSampler):
    """What it draws depends on how much this object has drawn."""

    n_drawn = 0

    def sample_independent(self, study: Any, trial: Any, param_name: str, of: Any) -> Any:
        value = super().sample_independent(study, trial, param_name, of)
        self.n_drawn += 1
        is_late = self.n_drawn > 3 and isinstance(of, (FloatDistribution, IntDistribution))
        return of.low if is_late else value


class Repeats(CoarseToFineSampler):
    """In a fine stage it draws the best trial again, the same on any object."""

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        super().sample_relative(study, trial, search_space)
        best = study.best_trial.params if search_space else {}
        return {name: best[name] for name in search_space if name in best}


@pytest.mark.parametrize("broken", [Remembers, Repeats])
def test_the_machine_finds_a_broken_sampler(broken):
    """One that keeps what it drew, and one that draws a point twice."""
    machine = type("Broken", (PureMachine,), {"sampler": broken})
    at_once = settings(lasting(60, 25), phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=at_once)


class TestPure(PureMachine.TestCase):  # type: ignore[valid-type,misc]  # made by hypothesis
    """A few hundred trials."""

    settings = lasting(25, 25)


@pytest.mark.slow
class TestPureAtLength(PureMachine.TestCase):  # type: ignore[valid-type,misc]
    """Thousands."""

    settings = lasting(120, 50)
