"""Draws: stratified at first, then around the best trials, never a configuration twice."""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.draws import fine_value, propose
from tests.support.judges import equal_counts_p, uniform_p
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.draws.proposal import coarse_value
from tune_bn.core.history.history import History, rank_weights
from tune_bn.core.history.spacing import Spacing
from tune_bn.core.history.trial import Trial
from tune_bn.core.history.tried import Tried

SPACE = {
    "alpha": Float(1e-4, 1.0, log=True),
    "beta": Float(0.9, 0.999, one_minus_log=True),
    "layers": Int(1, 8),
    "rate": Float(0.0, 0.5, step=0.1),
    "kind": Categorical(["relu", "tanh", None]),
}
CENTRE = {"alpha": 0.01, "beta": 0.99, "layers": 4, "rate": 0.2, "kind": "tanh"}
FINE = Narrowing(coarse_trials=1, elites=1, width=0.1, min_width=0.01, spread=1.0, zoom=0.0)


def history_of(*params: dict, n_objectives: int = 1) -> History:
    """Returns a history in which earlier configurations are better."""
    history = History(n_objectives)
    for i, p in enumerate(params):
        history.add(Trial(i, p, (float(i),) * n_objectives))
    return history


@pytest.mark.parametrize("size", [1, 5, 8, 30])
@pytest.mark.parametrize("block", [0, 2])
def test_coarse_trials_are_a_latin_hypercube(size, block):
    """In each block of coarse trials every stratum of each parameter is drawn from exactly once."""
    narrowing = Narrowing(coarse_trials=size)
    for name in ("x", "y"):
        numbers = range(block * size, (block + 1) * size)
        values = [coarse_value(0, n, name, Float(0, 1), narrowing) for n in numbers]
        assert sorted(int(v * size) for v in values) == list(range(size))


def test_a_slow_worker_draws_the_coarse_point_of_its_number():
    """Whatever others finished before it began, one seed gives the same coarse points."""
    narrowing = Narrowing(coarse_trials=3)
    history = history_of(*[CENTRE] * 5)
    plan, params = propose(0, 2, SPACE, history, narrowing)
    assert plan.stage == 0
    assert (plan, params) == propose(0, 2, SPACE, History(), narrowing)
    assert fine_value(0, 3, "beta", SPACE["beta"], history, narrowing) != params["beta"]
    assert propose(0, 3, SPACE, history, narrowing)[0].stage > 0


def test_coarse_points_are_uniform_over_seeds():
    """Over seeds the first trial lies anywhere."""
    values = [coarse_value(s, 0, "x", Float(0, 1), Narrowing()) for s in range(2000)]
    assert uniform_p(values) > 1e-3


def test_coarse_strata_of_two_parameters_are_unrelated():
    """Pairs of strata of two parameters are equally likely: no diagonal designs."""
    pairs = []
    for seed in range(500):
        narrowing = Narrowing(coarse_trials=3)
        x, y = (coarse_value(seed, 0, n, Float(0, 3), narrowing) for n in "xy")
        pairs.append((int(x), int(y)))
    assert equal_counts_p(pairs, [(i, j) for i in range(3) for j in range(3)]) > 1e-3


def test_without_narrowing_draws_are_independent():
    """Plain random search may draw a stratum twice, as chance has it."""
    off = Narrowing.off()
    values = [coarse_value(0, n, "x", Float(0, 1), off) for n in range(2000)]
    assert uniform_p(values) > 1e-3
    assert len({int(v * 8) for v in values[:8]}) < 8


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9))
def test_draws_stay_in_the_space(seed, number):
    """Whatever seed and number, a proposal has every parameter, inside its range."""
    for narrowing in (Narrowing(), FINE, Narrowing.textbook()):
        _, params = propose(seed, number, SPACE, history_of(*[CENTRE] * 30), narrowing)
        assert params.keys() == SPACE.keys()
        assert all(p.nearest(params[n]) == params[n] for n, p in SPACE.items())


def test_a_proposal_is_a_function_of_its_arguments():
    """The same seed, number and history give the same proposal; another seed or number do not."""
    history = history_of(CENTRE)
    first = propose(0, 5, SPACE, history, FINE)
    assert propose(0, 5, dict(reversed(SPACE.items())), history_of(CENTRE), FINE) == first
    assert propose(0, 6, SPACE, history, FINE) != first
    assert propose(1, 5, SPACE, history, FINE) != first


def changed(params: dict) -> list[str]:
    """Returns the names of the parameters that differ from the centre."""
    return [n for n in SPACE if params[n] != CENTRE[n]]


@pytest.mark.parametrize("vary", [1.0, 2.0, 3.0])
def test_about_vary_parameters_are_redrawn(vary):
    """The mean number of redrawn parameters is ``vary`` or a little more (at least one)."""
    space = {f"x{i}": Float(0, 1) for i in range(10)}
    centre = dict.fromkeys(space, 0.5)
    narrowing = Narrowing(coarse_trials=1, elites=1, vary=vary, width=0.3, zoom=0.0)
    counts = []
    for n in range(1000):
        _, params = propose(0, n + 8, space, history_of(centre), narrowing)
        counts.append(sum(params[name] != 0.5 for name in space))
    assert min(counts) == 1
    expected = vary + (1 - vary / 10) ** 10  # binomial, with its zeros lifted to one
    assert abs(sum(counts) / 1000 - expected) < 0.2  # four standard errors


def test_vary_none_redraws_all():
    """The textbook scheme redraws every number at once."""
    space = {f"x{i}": Float(0, 1) for i in range(10)}
    centre = dict.fromkeys(space, 0.5)
    narrowing = Narrowing(coarse_trials=1, elites=1, vary=None, width=0.3)
    _, params = propose(0, 7, space, history_of(centre), narrowing)
    assert all(v != 0.5 for v in params.values())


def test_redrawn_values_are_uniform_in_the_window():
    """With a constant width the draws of a parameter fill its window evenly, on its own scale."""
    space = {"alpha": SPACE["alpha"]}
    history = history_of({"alpha": 0.01})
    low, high = map(math.log10, SPACE["alpha"].window(0.01, 0.1))
    values = [math.log10(propose(0, n + 8, space, history, FINE)[1]["alpha"]) for n in range(2000)]
    assert uniform_p(values, low, high) > 1e-3


def test_spread_draws_some_wider_windows():
    """With a spread below 1 some draws leave the window, and none leaves the widest one."""
    narrowing = Narrowing(coarse_trials=1, elites=1, width=0.1, spread=0.5)
    space = {"x": Float(0, 1)}
    history = history_of({"x": 0.5})
    distances = [
        abs(propose(0, n + 8, space, history, narrowing)[1]["x"] - 0.5) for n in range(500)
    ]
    assert max(distances) > 0.05
    assert max(distances) <= 0.1**0.5 / 2


def test_better_trials_are_centres_more_often():
    """The r-th best trial is a centre with weight r ** −power, chosen for each parameter."""
    narrowing = Narrowing(
        coarse_trials=1, elites=3, elite_power=1.0, vary=1.0, width=0.01, zoom=0.0, together=0.0
    )
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    found = [dict.fromkeys(space, v) for v in (0.2, 0.5, 0.8)]
    counts: Counter[float] = Counter()
    for n in range(100):
        _, params = propose(0, n + 8, space, history_of(*found), narrowing)
        counts.update(min((0.2, 0.5, 0.8), key=lambda c: abs(c - v)) for v in params.values())
        assert len({round(v, 1) for v in params.values()}) > 1
    total = 1 + 1 / 2 + 1 / 3
    for centre, weight in ((0.2, 1.0), (0.5, 1 / 2), (0.8, 1 / 3)):
        assert abs(counts[centre] / 2000 - weight / total) < 0.05  # four standard errors


def test_together_takes_all_centres_from_one_trial():
    """Whatever its rank, one trial gives the values of all parameters that are not redrawn."""
    narrowing = Narrowing(
        coarse_trials=1, elites=3, vary=1.0, width=0.01, spread=1.0, zoom=0.0, together=1.0
    )
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    found = [dict.fromkeys(space, v) for v in (0.2, 0.5, 0.8)]
    centres = set()
    for n in range(50):
        _, params = propose(0, n + 8, space, history_of(*found), narrowing)
        centres.add(frozenset(round(v, 1) for v in params.values()))
    assert centres == {frozenset([0.2]), frozenset([0.5]), frozenset([0.8])}


ZOOM = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=3, min_width=0.001, width=0.001)
ZOOM_SPACE = {"x": Float(0, 1), "y": Float(1e-4, 1.0, log=True), "n": Int(0, 20)}
ZOOM_TRIALS = [
    {"x": 0.5, "y": 1e-2, "n": 10},
    {"x": 0.6, "y": 1e-3, "n": 8},
    {"x": 0.3, "y": 1e-2, "n": 12},
    {"x": 0.9, "y": 1e-2, "n": 1},
]


def test_a_zoom_draws_where_the_best_trials_lie():
    """Half of the zooms fill the box of the best; half a box around the best, half as far out."""
    history = history_of(*ZOOM_TRIALS)
    drawn = [propose(0, n + 8, ZOOM_SPACE, history, ZOOM)[1] for n in range(3000)]
    # The best has n = 10; around it an integer is not zoomed, and windows hold one cell.
    inner = [p for p in drawn if p["n"] == 10 and 0.3 <= p["x"] <= 0.7]
    outer = [p for p in drawn if p["n"] != 10 and p["x"] <= 0.6]
    assert all(8 <= p["n"] <= 12 for p in drawn)
    assert all(0.3 <= p["x"] <= 0.7 for p in drawn)  # 0.4 to the farthest of six, halved
    assert all(1e-3 * 0.999 <= p["y"] <= 10**-1.5 * 1.001 for p in drawn)
    assert max(p["x"] for p in inner) > 0.68
    assert min(p["x"] for p in inner) < 0.32
    assert {p["n"] for p in outer} == {8, 9, 11, 12}
    assert 0.3 < len(outer) / 3000 < 0.5  # half of them, but a fifth have n = 10


def test_an_early_zoom_is_into_the_better_half():
    """Of eight trials the best four span the box, and eight reach from the best, not ten."""
    space = {"x": Float(0, 1)}
    history = history_of(*[{"x": x} for x in (0.5, 0.55, 0.45, 0.52, 0.9, 0.1, 0.2, 0.8)])
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=10)
    xs = [propose(0, n + 8, space, history, narrowing)[1]["x"] for n in range(400)]
    in_the_box = sum(0.45 <= x <= 0.55 for x in xs)
    assert 200 < in_the_box < 300  # half of them, and a quarter of those around the best
    assert 0.3 <= min(xs) < 0.35
    assert 0.65 < max(xs) <= 0.7


def test_a_zoom_keeps_what_all_good_trials_agree_on():
    """A parameter in which the best are alike keeps its value; categories are those of the best."""
    space = {"x": Float(0, 1), "y": Float(0, 1), "kind": Categorical(["a", "b", "c"])}
    alike = [{"x": x, "y": 0.25, "kind": "b"} for x in (0.5, 0.6, 0.4)]
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=3, vary=1e-9)
    drawn = [propose(0, n + 8, space, history_of(*alike), narrowing)[1] for n in range(200)]
    assert {p["kind"] for p in drawn} == {"b"}
    assert {p["y"] for p in drawn} == {0.25}
    assert len({p["x"] for p in drawn}) == 200


@pytest.mark.parametrize("seed", range(3))
def test_a_long_search_towards_an_edge_repeats_nothing(seed):
    """The box of the best trials shrinks, but never to where floats cannot tell draws apart."""
    space = {"alpha": Float(1e-4, 1, log=True), "n": Int(1, 1000), "kind": Categorical(["a", "b"])}
    search = CoarseToFine(space, seed=seed)
    for _ in range(1500):
        trial = search.ask()
        alpha, n, kind = (trial.params[name] for name in space)
        search.tell(trial, alpha + abs(n - 300) / 1000 + (kind == "b"))
    assert len({tuple(t.params.items()) for t in search.trials}) == 1500
    assert search.best.value == pytest.approx(1e-4, abs=1e-7)


def test_a_zoom_in_which_nothing_can_change_is_no_repetition():
    """Good trials that agree in everything leave nothing to zoom into: a window is drawn."""
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=3)
    history = history_of(*[CENTRE] * 5)
    history.remember(SPACE, CENTRE)
    drawn = [propose(0, n + 8, SPACE, history, narrowing)[1] for n in range(50)]
    assert all(p != CENTRE for p in drawn)
    assert len({p["alpha"] for p in drawn}) + len({p["beta"] for p in drawn}) > 50


def test_several_objectives_are_not_zoomed():
    """A front has no one best region: only a parameter or two change."""
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    history = History(2)
    for i, v in enumerate((0.1, 0.5, 0.9)):
        history.add(Trial(i, dict.fromkeys(space, v), (v, 1 - v)))
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, vary=1.0)
    for n in range(50):
        _, params = propose(0, n + 8, space, history, narrowing)
        assert sum(v in (0.1, 0.5, 0.9) for v in params.values()) > 10


def test_a_window_narrower_than_a_cell_moves_one_parameter():
    """Late in a search integers keep a good trial's values, but one, which moves to a neighbour."""
    space = {f"n{i}": Int(0, 9) for i in range(6)}
    centre = dict.fromkeys(space, 5)
    narrowing = Narrowing(
        coarse_trials=1, width=0.05, min_width=0.01, spread=1.0, vary=6.0, zoom=0.0, candidates=1
    )
    history = history_of(centre)
    history.remember(space, centre)
    for n in range(100):
        _, params = propose(0, n + 8, space, history, narrowing)
        assert sorted(abs(v - 5) for v in params.values())[:5] == [0] * 5


@pytest.mark.parametrize("zoom", [0.0, 1.0])
@pytest.mark.parametrize("candidates", [2, 4, 5, 12])
def test_candidates_are_spread_evenly_over_what_they_are_drawn_from(monkeypatch, candidates, zoom):
    """Candidates of a trial lie at equal distances; of more than twelve, twelve."""
    seen: list[float] = []

    def record(self: Spacing, drawn: list[dict], *_: object) -> int:
        seen.extend(params["x"] for params in drawn)
        return 0

    monkeypatch.setattr(Spacing, "farthest", record)
    narrowing = Narrowing(
        coarse_trials=1,
        elites=1,
        width=0.1,
        spread=1.0,
        zoom=zoom,
        zoom_trials=3,
        candidates=candidates,
    )
    # The window, the box of the best three and half the reach of the best six: all as wide.
    history = history_of(*[{"x": x} for x in (0.5, 0.45, 0.55, 0.6)])
    size = min(candidates, 12)
    for n in range(20):
        seen.clear()
        propose(0, n + 8, {"x": Float(0, 1)}, history, narrowing)
        xs = sorted(seen)
        gaps = [b - a for a, b in pairwise([*xs, xs[0] + 0.1])]
        assert gaps == pytest.approx([0.1 / size] * size)


def test_rank_weights_end_at_one():
    """Cumulative weights never leave a quantile without a centre."""
    for n in range(1, 20):
        assert rank_weights(n, 1.5)[-1] == 1.0


def test_small_spaces_are_searched_without_repetition():
    """Of 24 configurations the fine stages try each once before any twice."""
    space = {"a": Int(1, 4, log=True), "b": Categorical(list("xyz")), "c": Float(0, 1, step=1.0)}
    narrowing = Narrowing(coarse_trials=1)
    first = {"a": 1, "b": "x", "c": 0.0}
    history = history_of(first)
    history.remember(space, first)
    seen = [tuple(first.values())]
    for n in range(1, 24):
        _, params = propose(0, n + 8, space, history, narrowing)
        history.remember(space, params)
        seen.append(tuple(params.values()))
    assert len(set(seen)) == 24


def test_an_exhausted_space_repeats_itself():
    """When everything was tried, proposals go on."""
    space = {"a": Int(0, 1)}
    history = history_of({"a": 0}, {"a": 1})
    history.remember(space, {"a": 0})
    history.remember(space, {"a": 1})
    _, params = propose(0, 2, space, history, FINE)
    assert params["a"] in (0, 1)


def test_parameters_that_no_good_trial_has_are_drawn_from_the_whole_range():
    """A parameter of another branch starts wide."""
    history = history_of({"x": 0.5})
    values = [fine_value(0, n + 8, "y", Float(0, 1), history, FINE) for n in range(2000)]
    assert uniform_p(values) > 1e-3


def test_a_parameter_drawn_alone_is_redrawn_in_its_window():
    """Where the companions are unknown the value is drawn around a good trial's."""
    values = [
        fine_value(0, n + 8, "x", Float(0, 1), history_of({"x": 0.5}), FINE) for n in range(200)
    ]
    assert all(0.45 <= v <= 0.55 for v in values)


def test_centres_outside_the_range_are_moved_into_it():
    """An enqueued best outside the space, or a range that shrank, gives draws inside."""
    history = history_of({"x": 7.0})
    _, params = propose(0, 1, {"x": Float(0, 1)}, history, FINE)
    assert 0.95 <= params["x"] <= 1.0


def test_centres_that_are_no_longer_a_choice_are_ignored():
    """A category that was taken out of the space is no centre."""
    _, params = propose(0, 1, {"k": Categorical(["a", "b"])}, history_of({"k": "gone"}), FINE)
    assert params["k"] in ("a", "b")


def test_of_several_objectives_the_front_is_where_centres_come_from():
    """Each parameter takes its centre from any trial of the front, all alike; from no other."""
    history = History(2)
    space = {f"x{i}": Float(0, 1) for i in range(20)}
    history.add(Trial(0, dict.fromkeys(space, 0.1), (0.0, 1.0)))
    history.add(Trial(1, dict.fromkeys(space, 0.9), (1.0, 0.0)))
    history.add(Trial(2, dict.fromkeys(space, 0.5), (2.0, 2.0)))
    narrowing = Narrowing(coarse_trials=1, elites=1, width=0.1, spread=1.0)
    centres: Counter[float] = Counter()
    for n in range(100):
        _, params = propose(0, n + 8, space, history, narrowing)
        centres.update(min((0.1, 0.5, 0.9), key=lambda c: abs(c - v)) for v in params.values())
    assert centres[0.5] == 0
    assert abs(centres[0.1] / 2000 - 0.5) < 0.05  # four standard errors


def test_a_changed_category_comes_with_a_continuous_value_that_is_new():
    """Workers that change one category around one trial still try different configurations."""
    space = {"x": Float(0, 1), "kind": Categorical(["a", "b"]), "n": Int(0, 2)}
    history = history_of({"x": 0.5, "kind": "a", "n": 1})
    narrowing = Narrowing(coarse_trials=1, elites=1, vary=1.0, min_width=0.01, zoom=0.0)
    drawn = [propose(0, n + 8, space, history, narrowing)[1] for n in range(300)]
    assert len({p["x"] for p in drawn}) == 300
    little = [p for p in drawn if abs(p["x"] - 0.5) <= 0.005]
    assert len(little) > 100
    # What is left as it was in all but x was moved in x as far as the window reaches.
    only_x = [p["x"] for p in drawn if (p["kind"], p["n"]) == ("a", 1)]
    assert max(abs(x - 0.5) for x in only_x) > 0.1


def test_choices_may_be_arrays():
    """Choices whose comparison is no truth value are drawn like any others."""
    import numpy as np

    arrays = [np.arange(3), np.arange(4)]
    space = {"a": Categorical(arrays), "x": Float(0, 1)}
    history = history_of({"a": arrays[0], "x": 0.5})
    for n in range(20):
        _, params = propose(0, n + 8, space, history, FINE)
        assert any(params["a"] is a for a in arrays)
        history.remember(space, params)


class _AllTried(Tried):
    """Everything was tried; it keeps what it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict] = []

    def has(self, space, params, **options) -> bool:
        self.asked.append(dict(params))
        return True


class _AllTriedHistory(History):
    """A history in which everything was tried."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: _AllTried = _AllTried()


@pytest.mark.parametrize("zoom", [0.0, 1.0])
def test_every_attempt_at_a_trial_is_another_one(zoom):
    """A configuration that was tried is redrawn, and not the same few again and again."""
    space = {name: Int(0, 10**6) for name in "abcd"}
    narrowing = Narrowing(coarse_trials=1, zoom=zoom, zoom_trials=3, vary=3.0)
    for number in range(8, 20):
        history = _AllTriedHistory()
        for i, value in enumerate((400_000, 500_000, 600_000)):
            history.add(Trial(i, dict.fromkeys(space, value), (float(i),)))
        propose(0, number, space, history, narrowing)
        asked = [tuple(params.values()) for params in history.tried.asked]
        assert len(asked) > 16
        assert len(set(asked)) > 0.9 * len(asked)


def test_a_zoom_that_was_tried_out_ends_halfway():
    """Half of the attempts stay where the best lie; then one value moves in a window."""
    space = {name: Int(0, 10**6) for name in "abcd"}
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=3, vary=1e-9, spread=1.0)
    centres = {400_000, 500_000, 600_000}
    history = _AllTriedHistory()
    for i, value in enumerate(sorted(centres)):
        history.add(Trial(i, dict.fromkeys(space, value), (float(i),)))
    found = set()
    for number in range(8, 40):
        history.tried.asked.clear()
        propose(0, number, space, history, narrowing)
        moved = [sum(value not in centres for value in p.values()) for p in history.tried.asked]
        half, rest = len(moved) // 2, len(moved) - len(moved) // 2
        assert moved in ([4] * half + [1] * rest, [1] * (half + rest))  # a zoom, or windows
        found.add(moved[0])
    assert found == {1, 4}


def test_a_zoom_ends_where_the_range_ends():
    """Around a best trial near an end it is cut there; the end value gets no share of the rest."""
    space = {"x": Float(0, 1)}
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=2)
    for best, others in ((0.95, (0.5, 0.4)), (0.05, (0.5, 0.6))):
        history = history_of(*[{"x": x} for x in (best, *others)])
        xs = [propose(0, n + 3, space, history, narrowing)[1]["x"] for n in range(300)]
        assert not {0.0, 1.0} & set(xs)
        assert any(abs(x - round(best)) < abs(best - round(best)) for x in xs)


def test_more_than_twelve_candidates_count_as_twelve():
    """Also where all of a window was tried, and the next attempts look wider."""
    space = {"n": Int(0, 200)}
    history = history_of({"n": 100})
    for n in range(93, 108):  # the window reaches five cells, the next one ten
        history.remember(space, {"n": n})
    common: dict[str, Any] = {
        "coarse_trials": 1,
        "zoom": 0.0,
        "spread": 1.0,
        "width": 0.05,
        "min_width": 0.05,
    }
    twelve, twenty = (Narrowing.from_json({**common, "candidates": n}) for n in (12, 20))
    assert (twelve.candidates, twenty.candidates) == (12, 20)
    for number in range(1, 51):
        drawn = propose(0, number, space, history, twelve)
        assert drawn == propose(0, number, space, history, twenty)
        assert 90 <= drawn[1]["n"] <= 110
