"""The contract suite that Optuna ships for samplers, every case of it."""

from collections.abc import Callable

import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from tune_bn import Narrowing
from tune_bn.optuna import CoarseToFineSampler


class TestContract(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    """Narrowing begins after two trials, so that the suite's short studies reach fine stages."""

    @pytest.fixture(params=[None, 2], ids=["default", "early"])
    def sampler(self, request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
        narrowing = Narrowing(coarse_trials=request.param) if request.param else Narrowing()
        return lambda: CoarseToFineSampler(seed=0, narrowing=narrowing)
