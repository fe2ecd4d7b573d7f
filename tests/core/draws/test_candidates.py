"""Candidates of a trial: spread evenly, and never what was tried, as long as anything is left."""

from itertools import pairwise
from typing import Any

import pytest

from tests.support.draws import CENTRE, FINE, SPACE, history_of, propose
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.history.history import History
from tune_bn.core.history.spacing import Spacing
from tune_bn.core.history.trial import Trial
from tune_bn.core.history.tried import Tried


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
