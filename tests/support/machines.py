"""What stateful tests of a search share, whoever drives it: a model, what must hold, how long."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tune_bn.core.draws.stages import Stage

__all__ = ["VALUES", "Machine", "lasting"]

VALUES = st.one_of(st.integers(0, 3).map(float), st.floats(allow_nan=False))


class Machine(RuleBasedStateMachine):
    """A search beside a model that holds nothing but what the search was told.

    The rules are those of whoever drives it: by hand, Optuna, Ray. Each says what it knows of every
    trial, in a form of its own, and what the search says of them.
    """

    modelled: Callable[[], Mapping[Any, Any]]
    seen: Callable[[], Mapping[Any, Any]]
    numbers: Callable[[], Iterable[int]]  # of all trials, in their order
    stages: Callable[[], Sequence[Stage]]

    @invariant()
    def no_trial_is_lost(self) -> None:
        assert self.seen() == self.modelled()

    @invariant()
    def stages_hold_every_trial_once(self) -> None:
        stages = self.stages()
        assert sorted(n for stage in stages for n in stage.trials) == [*self.numbers()]
        assert [s.index for s in stages] == sorted({s.index for s in stages})
        assert all(0 < stage.width <= 1 for stage in stages)


def lasting(examples: int, steps: int) -> settings:
    """Returns the settings of so many runs of at most so many events each, always the same ones."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
    )
