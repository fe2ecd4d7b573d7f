"""The benchmark with several objectives: right problems, a true front, runs of each sampler."""

import numpy as np
import pytest

from benchmarks.search import hypervolume


@pytest.mark.parametrize("name", hypervolume.PROBLEMS)
def test_the_optimum_lies_on_the_front(name):
    """At the known optimal values of the other parameters, points are those of the true front."""
    problem = hypervolume.PROBLEMS[name]
    is_zdt = name.startswith("ZDT")
    rest = [0.0 if is_zdt else 0.5] * (problem.dimensions - (1 if is_zdt else 2))
    for a in (0.0, 0.3, 0.7, 1.0):
        point = problem.objective([a, *rest] if is_zdt else [a, 0.4, *rest])
        distance = np.abs(problem.front() - np.array(point)).max(axis=1).min()
        assert distance < 0.02  # half the spacing of the front's points


@pytest.mark.parametrize("name", hypervolume.PROBLEMS)
def test_shares_are_below_one_and_grow(name, tmp_path):
    """More trials never have a smaller hypervolume, and nothing has more than the true front."""
    row = hypervolume._run_one(
        hypervolume.PROBLEMS[name], "CoarseToFineSampler", seed=0, budgets=(5, 15, 30)
    )
    shares = list(row["share"].values())
    assert shares == sorted(shares)
    assert 0 <= shares[-1] <= 1.001


def test_rows_of_each_sampler(tmp_path):
    """A row for every problem, sampler and seed."""
    rows = hypervolume.run(
        tmp_path / "rows.jsonl", seeds=1, budgets=(4, 8), samplers=["RandomSampler"]
    )
    assert [r["problem"] for r in rows] == list(hypervolume.PROBLEMS)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == len(rows)
