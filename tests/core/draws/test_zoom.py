"""Zooms: where they draw, what they keep, where there are none."""

from tests.support.draws import history_of, propose
from tune_bn import Categorical, Float, Int, Narrowing
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial

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


def test_a_zoom_ends_where_the_range_ends():
    """Around a best trial near an end it is cut there; the end value gets no share of the rest."""
    space = {"x": Float(0, 1)}
    narrowing = Narrowing(coarse_trials=1, zoom=1.0, zoom_trials=2)
    for best, others in ((0.95, (0.5, 0.4)), (0.05, (0.5, 0.6))):
        history = history_of(*[{"x": x} for x in (best, *others)])
        xs = [propose(0, n + 3, space, history, narrowing)[1]["x"] for n in range(300)]
        assert not {0.0, 1.0} & set(xs)
        assert any(abs(x - round(best)) < abs(best - round(best)) for x in xs)
