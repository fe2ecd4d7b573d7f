"""Workers in simulated time: trials take as long as they took, all methods have the same time."""

import numpy as np
import pytest

from benchmarks.problems.curves import EPOCHS, GRID, CurveTable, curve_tables
from benchmarks.search import in_time
from benchmarks.search.goals import TABLES
from benchmarks.search.in_time import METHODS, Timed, simulate
from tune_bn.core.space import Int


class _InOrder:
    """Tries 0, 1, 2, … and remembers what it was told."""

    def __init__(self):
        self.asked, self.told = 0, []

    def ask(self):
        self.asked += 1
        return self.asked - 1, {"x": self.asked - 1}

    def tell(self, trial, losses, stopped):
        self.told.append((trial, losses, stopped))


def timed(seconds, losses):
    """Returns a problem whose x-th configuration has these epochs; a training takes a second."""
    space = {"x": Int(0, len(losses) - 1)}
    return Timed("toy", space, lambda p: (losses[p["x"]], seconds[p["x"]]), 1.0)


def test_a_worker_asks_when_it_is_done():
    """A short trial that began later ends earlier, and its worker goes on."""
    search = _InOrder()
    problem = timed([[5.0], [1.0], [1.0], [9.0], [9.0]], [[3.0], [2.0], [1.0], [0.0], [0.0]])
    assert simulate(problem, search, workers=2, budgets=(2, 5, 11)) == {2: 2.0, 5: 1.0, 11: 1.0}
    assert [trial for trial, *_ in search.told] == [1, 2, 0]


def test_more_workers_have_less_time_each():
    """The budget is that of all workers together."""
    problem = timed([[1.0]] * 20, [[float(9 - i)] for i in range(20)])
    one = simulate(problem, _InOrder(), workers=1, budgets=(4,))
    assert one == simulate(problem, _InOrder(), workers=4, budgets=(4,)) == {4: 6.0}


def test_halving_stops_what_is_not_among_the_best_third():
    """The first trial at a rung goes on, a worse one ends there, and its search is told so."""
    problem = timed([[1.0] * 4] * 9, [[1.0] * 4, [2.0] * 4, *([[0.5] * 4] * 7)])
    search = _InOrder()
    simulate(problem, search, workers=1, budgets=(12,), halving=True)
    assert search.told[0] == (0, [1.0] * 4, False)
    assert search.told[1] == (1, [2.0], True)
    assert search.told[2] == (2, [0.5] * 4, False)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("halving", [False, True])
def test_every_method_runs_and_repeats_itself(method, halving):
    """With several workers, and what it finds is never worse with more time."""
    losses = [[abs(x - 7) + 1 / e for e in range(1, 5)] for x in range(20)]
    problem = timed([[0.25] * 4] * 20, losses)

    def run():
        search = METHODS[method](problem.space, 0)
        return simulate(problem, search, workers=3, budgets=(5, 15), halving=halving)

    found = run()
    assert found == run()
    assert found[15] <= found[5]


def test_rows_are_made_once(tmp_path, monkeypatch, capsys):
    """A second call finds them; the suite of a row has the number of workers."""
    problem = timed([[1.0]] * 20, [[float(i)] for i in range(20)])
    monkeypatch.setattr(in_time, "_problems", lambda _: {"toy": problem})
    arguments = ["--methods", "tune_bn", "--seeds", "1", "--folder", str(tmp_path)]
    in_time.main(arguments)
    in_time.main(arguments)
    assert "4 new rows" in capsys.readouterr().out
    lines = (tmp_path / "tune_bn.jsonl").read_text().splitlines()
    assert '"hpobench, 64 workers"' in lines[-1]


def test_the_recorded_curves_are_those_of_the_grid():
    """Three data sets, every configuration once, finite losses, times above zero."""
    tables = curve_tables()
    assert [t.name for t in tables] == ["breast_cancer", "diabetes", "digits"]
    size = np.prod([len(values) for values in GRID.values()])
    for table in tables:
        assert table.loss.shape == table.seconds.shape == (size, EPOCHS)
        assert np.isfinite(table.loss).all()
        assert (table.seconds > 0).all()


def test_a_configuration_has_its_row():
    """The last parameter of the grid counts fastest, as the recording went."""
    table = CurveTable("t", np.zeros((1, 1)), np.zeros((1, 1)))
    first, last = dict.fromkeys(GRID, 0), {n: len(v) - 1 for n, v in GRID.items()}
    assert table.row(first) == 0
    assert table.row({**first, list(GRID)[-1]: 1}) == 1
    assert table.row(last) == np.prod([len(v) for v in GRID.values()]) - 1


def test_a_curve_is_recorded_epoch_by_epoch():
    """Loss and time of each; a training that diverges counts with the worst loss to its end."""
    from sklearn import datasets

    from benchmarks.problems.curves import record
    from benchmarks.problems.training import from_arrays

    wine = datasets.load_wine()
    data = from_arrays("wine", wine.data, wine.target, "c")
    loss, seconds = record(data, {"learning_rate": 0.1, "width": 8, "decay": 0.9}, 3)
    assert loss[2] < loss[0] < 10
    assert (seconds > 0).all()


def test_a_claim_is_a_rate_at_each_number_of_trials():
    """With its interval."""
    assert TABLES["ngopt"]().count("±") == 2


@pytest.mark.parametrize("name", sorted(TABLES.keys() - {"ngopt"}))
def test_every_table_has_lines(name):
    """The rows that are there fill it."""
    assert TABLES[name]().count("\n") > 2
