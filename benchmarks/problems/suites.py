"""The problems that searches are compared on, and which of them a default may be chosen on.

A development suite may be looked at as often as one likes; a test suite is run once a default is
final.
"""

import math
from dataclasses import replace

from benchmarks.problems.branches import branch_problems
from benchmarks.problems.problem import Params, Problem
from tune_bn.core.draws.dice import uniforms
from tune_bn.core.space import Float

__all__ = ["DEVELOPMENT", "LONG", "NOISY", "TEST", "bbob_problem", "problems"]

DEVELOPMENT = ("hpobench", "bbob-2d", "bbob-5d", "bbob-10d")
NOISY = ("hpobench-two-runs", "bbob-5d-noisy")
"""Development suites too, for what is meant for noisy measurements only."""
LONG = "bbob-5d-long"
TEST = ("hpolib", "nasbench201", "bbob-3d", "bbob-20d", "training", "hpobench-noisy", "branches")

# COCO counts a BBOB function as solved at this distance from its optimum.
_BBOB_PRECISION = 1e-8
# One function of each of BBOB's five groups, for runs of a thousand trials.
_LONG_FUNCTIONS = (1, 8, 10, 15, 21)
_NOISE = 0.3  # of the loss's logarithm
_BBOB_INSTANCES = {2: 1, 5: 1, 10: 1, 3: 7, 20: 7}


def bbob_problem(function: int, dimensions: int, instance: int) -> Problem:
    """Returns a noiseless BBOB function (Hansen et al. 2009) on [−5, 5]^D as its regret.

    The loss is the distance to the optimal value; below 1e-8, where COCO calls a function solved,
    all values are alike.

    Args:
        function: Number of the function, 1–24.
        dimensions: Number of parameters, at least 2.
        instance: Number of the instance: another shift and rotation of the same function.
    """
    from cocoex import BareProblem

    function_value = BareProblem("bbob", function, dimensions, instance)
    optimum = float(function_value.best_value())
    names = [f"x{i}" for i in range(dimensions)]

    def loss(params: Params) -> float:
        value = float(function_value([params[n] for n in names])) - optimum
        return max(value, _BBOB_PRECISION)

    space = {n: Float(-5.0, 5.0) for n in names}
    return Problem(f"bbob-{dimensions}d", f"f{function:02d}", space, loss, _BBOB_PRECISION)


def _with_noise(problem: Problem, suite: str) -> Problem:
    """Returns a problem whose loss is seen times exp(0.3 z) with z standard normal.

    That is the form of COCO's Gaussian noise (Hansen et al. 2009, "Real-parameter black-box
    optimization benchmarking 2009: noisy functions definitions", equation 1), between its moderate
    0.01 and its severe 1.
    """

    def observe(params: Params, seed: int, number: int) -> float:
        r, angle = uniforms(seed, number, "noise")[:2]
        z = math.sqrt(-2.0 * math.log(1.0 - r)) * math.cos(2.0 * math.pi * angle)
        return problem.loss(params) * math.exp(_NOISE * z)

    return replace(problem, suite=suite, observe=observe)


def problems(suite: str) -> list[Problem]:
    """Returns the problems of a suite.

    Args:
        suite: One of `DEVELOPMENT`, `NOISY` or `TEST`, or `LONG`.

    Raises:
        ValueError: If there is no such suite.
    """
    known = (*DEVELOPMENT, *NOISY, *TEST, LONG)
    if suite not in known:
        raise ValueError(
            f"problems needs a known suite, but got {suite!r}. Use one of {', '.join(known)}."
        )
    if suite == LONG:
        return [replace(bbob_problem(f, 5, 1), suite=LONG) for f in _LONG_FUNCTIONS]
    if suite == "bbob-5d-noisy":
        return [_with_noise(problem, suite) for problem in problems("bbob-5d")]
    if suite.startswith("bbob-"):
        dimensions = int(suite.removeprefix("bbob-").removesuffix("d"))
        instance = _BBOB_INSTANCES[dimensions]
        return [bbob_problem(f, dimensions, instance) for f in range(1, 25)]
    if suite == "training":
        from benchmarks.problems.training import training_problems

        return training_problems()
    if suite == "branches":
        return branch_problems()
    from benchmarks.problems.hpo_tables import table_problems

    return table_problems(suite)
