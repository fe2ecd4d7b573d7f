"""Any order of ask, tell, prune, fail and enqueue, against a dict of what must be true."""

import math
import pickle
from typing import Any

import optuna
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from tests.support.machines import VALUES, Machine, lasting
from tests.support.spaces import is_drawn_from, key_of, narrowings
from tune_bn.core.draws.mark import MARK_KEY, Mark
from tune_bn.core.draws.stages import counted
from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.optuna.distributions import parameter_for


def _distributions() -> st.SearchStrategy[BaseDistribution]:
    bounds = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
    return st.one_of(
        bounds.map(lambda b: FloatDistribution(b[0], b[0] + b[1])),
        st.floats(1e-9, 1e3).map(lambda low: FloatDistribution(low, low * 1e4, log=True)),
        st.integers(1, 9).map(lambda n: FloatDistribution(0.0, n * 0.25, step=0.25)),
        st.integers(-9, 9).map(lambda low: IntDistribution(low, low + 3)),
        st.integers(1, 9).map(lambda low: IntDistribution(low, low * 1000, log=True)),
        # Not both True and 1: Optuna looks for a choice by ==, and would store one for the other.
        st.lists(st.sampled_from(["a", None, True, 1, 1.5, ""]), min_size=1, unique=True).map(
            CategoricalDistribution
        ),
    )


class StudyMachine(Machine):
    """An Optuna study; a parameter may exist in some trials only."""

    @initialize(
        space=st.dictionaries(
            st.sampled_from(["x", "n", "a/b", "<b>", "[red]"]), _distributions(), min_size=1
        ),
        narrowing=narrowings(),
        seed=st.integers(0, 2**64 - 1),
        direction=st.sampled_from(["minimize", "maximize"]),
    )
    def begin(self, space, narrowing, seed, direction):
        self.space = space
        self.parameters = {name: parameter_for(of) for name, of in space.items()}
        self.study = optuna.create_study(
            sampler=CoarseToFineSampler(seed=seed, narrowing=narrowing), direction=direction
        )
        self.running: dict[int, optuna.Trial] = {}
        self.ended: dict[int, tuple[TrialState, float | None, dict[str, Any]]] = {}
        self.waiting: list[dict[str, Any]] = []
        self.stage_of: dict[int, int] = {}

    @rule(data=st.data())
    def ask(self, data):
        before = pickle.dumps(self.study.sampler)
        trial = self.study.ask()
        names = sorted(self.space)
        used = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        params = {
            name: trial._suggest(name, self.space[name])
            for name in (names if data.draw(st.booleans()) else used)
        }
        part = {name: self.parameters[name] for name in params}
        given: dict[str, Any] = {}
        if self.waiting:
            given = self.waiting.pop(0)
            assert all(params[name] == given[name] for name in given if name in params)
        assert is_drawn_from(part, {}, params)
        assert pickle.dumps(self.study.sampler) == before  # a draw leaves nothing behind
        mark = Mark.read(trial.user_attrs.get(MARK_KEY), trial.number)
        assert mark is not None
        if not params.keys() <= given.keys():
            self.stage_of[trial.number] = mark.stage
        self.running[trial.number] = trial

    @precondition(lambda self: self.running)
    @rule(data=st.data(), value=VALUES)
    def complete(self, data, value):
        number, trial = self._one(data)
        self.study.tell(trial, value)
        self.ended[number] = (TrialState.COMPLETE, value, trial.params)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), steps=st.lists(st.one_of(VALUES, st.just(math.nan)), max_size=3))
    def prune(self, data, steps):
        number, trial = self._one(data)
        for step, value in enumerate(steps):
            trial.report(value, step)
        self.study.tell(trial, state=TrialState.PRUNED)
        self.ended[number] = (TrialState.PRUNED, None, trial.params)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data):
        number, trial = self._one(data)
        self.study.tell(trial, state=TrialState.FAIL)
        self.ended[number] = (TrialState.FAIL, None, trial.params)

    def _one(self, data: Any) -> tuple[int, optuna.Trial]:
        number = data.draw(st.sampled_from(sorted(self.running)))
        return number, self.running.pop(number)

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def tell_again(self, data):
        with pytest.raises(ValueError, match="Cannot tell"):
            self.study.tell(data.draw(st.sampled_from(sorted(self.ended))), 0.0)

    @rule(data=st.data())
    def enqueue(self, data):
        name = data.draw(st.sampled_from(sorted(self.space)))
        value = self.parameters[name].draw(data.draw(st.floats(0, 0.999)))
        self.study.enqueue_trial({name: value})
        self.waiting.append({name: value})

    @precondition(lambda self: not self.waiting)
    @rule(data=st.data(), value=VALUES)
    def add_a_trial_from_elsewhere(self, data, value):
        params = {n: p.draw(data.draw(st.floats(0, 0.999))) for n, p in self.parameters.items()}
        number = len(self.study.get_trials(deepcopy=False))
        self.study.add_trial(create_trial(value=value, params=params, distributions=self.space))
        self.ended[number] = (TrialState.COMPLETE, value, params)

    @rule(attribute=st.sampled_from([None, 3, "x", {}, {"stage": []}, {"stage": "1", "width": 2}]))
    def a_stranger_writes_the_stage(self, attribute):
        """Whoever may write to a storage may write anything; it is no stage, and no error."""
        params = {name: p.draw(0.5) for name, p in self.parameters.items()}
        if self.waiting:
            return
        number = len(self.study.get_trials(deepcopy=False))
        stored = create_trial(
            value=0.0, params=params, distributions=self.space, user_attrs={MARK_KEY: attribute}
        )
        self.study.add_trial(stored)
        self.ended[number] = (TrialState.COMPLETE, 0.0, params)

    @rule()
    def another_process_goes_on(self):
        """A pickled sampler knows nothing of the study, and draws the same."""
        self.study.sampler = pickle.loads(pickle.dumps(self.study.sampler))

    def _line(self, state: TrialState, value: float | None, params: dict[str, Any]) -> Any:
        is_complete = state == TrialState.COMPLETE
        return state, value if is_complete else None, key_of(self.parameters, params)

    def modelled(self):
        return {number: self._line(*ended) for number, ended in self.ended.items()}

    def seen(self):
        trials = self.study.get_trials(deepcopy=False)
        return {
            t.number: self._line(t.state, t.value, t.params)
            for t in trials
            if t.state.is_finished()
        }

    def numbers(self):
        return [t.number for t in self.study.get_trials(deepcopy=False)]

    def stages(self):
        return stages(self.study)

    @invariant()
    def a_trial_is_in_the_stage_that_drew_it(self):
        own = {n: stage.index for stage in self.stages() for n in stage.trials}
        first = min(self.stage_of.values(), default=0)
        for number, stage in self.stage_of.items():
            assert own[number] == counted(stage, first)


class TestStudy(StudyMachine.TestCase):  # type: ignore[valid-type,misc]  # made by hypothesis
    """A few hundred events."""

    settings = lasting(15, 25)


@pytest.mark.slow
class TestStudyAtLength(StudyMachine.TestCase):  # type: ignore[valid-type,misc]
    """Thousands."""

    settings = lasting(150, 60)
