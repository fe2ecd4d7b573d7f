"""What a search says of its draws is true, and tight: by hand, and of the parts themselves."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.golden.draws import CONDITIONAL, CONDITIONS, SPACES, loss_of
from tests.support.regions import untrue
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.core.draws.mark import Mark
from tune_bn.core.draws.regions import KINDS, STRATUM
from tune_bn.core.space.window import Interval, Kept

Loss = Callable[[Any], float]
PLAY: dict[str, tuple[dict[str, Any], Loss]] = {
    "2 floats": (
        {"x": Float(0, 1), "y": Float(0, 1)},
        lambda p: (p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2,
    ),
    "5 floats": (
        {f"x{i}": Float(0, 1) for i in range(5)},
        lambda p: sum((v - 0.37) ** 2 for v in p.values()),
    ),
    "10 floats": (
        {f"x{i}": Float(0, 1) for i in range(10)},
        lambda p: sum((v - 0.37) ** 2 for v in p.values()),
    ),
    "the README's": (
        {"lr": Float(1e-4, 1, log=True), "layers": Int(1, 8)},
        lambda p: abs(p["lr"] - 0.01) + abs(p["layers"] - 3),
    ),
}


def played(space, loss, *, n=100, seed=0, **options):
    """Returns a search of n trials."""
    search = CoarseToFine(space, seed=seed, **options)
    for _ in range(n):
        trial = search.ask()
        search.tell(trial, loss(trial.params))
    return search


def said_untrue(search, given=None):
    """Returns what is untrue of what a search says of itself."""
    origins = search.origins()
    categories = [n for n, p in search.space.items() if isinstance(p, Categorical)]
    params = {n: search.params(n) for n in search.numbers}
    return untrue(origins, search.stages(), params, categories, given)


@pytest.mark.parametrize("name", PLAY)
def test_no_value_lies_outside(name):
    """Of 500 trials, in each space: not one is outside of its windows, or these of its stage's."""
    space, loss = PLAY[name]
    for seed in range(5):
        search = played(space, loss, seed=seed)
        assert len(search.origins()) == 100
        assert not said_untrue(search)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("space", ["mixed", "finite", "tiny", "odd", "conditional"])
@pytest.mark.parametrize("schedule", ["default", "textbook", "odd"])
def test_no_value_lies_outside_in_any_space(space, schedule, seed):
    """Cells, categories, exhausted and conditional spaces; stopped, failed and given trials."""
    is_conditional = space == "conditional"
    narrowing = {
        "default": Narrowing(),
        "textbook": Narrowing.textbook(),
        "odd": Narrowing(coarse_trials=4, elites=2, zoom=0.9, candidates=12, spread=1.0),
    }[schedule]
    search = CoarseToFine(
        CONDITIONAL if is_conditional else SPACES[space],
        seed=seed,
        narrowing=narrowing,
        conditions=CONDITIONS if is_conditional else None,
    )
    given = {}
    for i in range(90):
        name = list(search.space)[i % len(search.space)]
        fixed = {name: search.space[name].draw(i / 90)} if i % 13 == 0 else {}
        trial = search.ask(fixed)
        given[trial.number] = list(fixed)
        if i % 11 == 5:
            search.tell(trial, None)
        elif i % 7 == 3:
            search.tell(trial, loss_of(trial.params), state="stopped", progress=i % 3)
        elif i % 17:  # the others stay running
            search.tell(trial, loss_of(trial.params), progress=None)
    assert not said_untrue(search, given)
    copy = CoarseToFine.from_json(search.to_json(), space=search.space)
    assert not said_untrue(copy, given)


def test_no_value_lies_outside_with_several_objectives():
    """A front is drawn around as a whole."""
    space = {"x": Float(0, 1), "n": Int(1, 20)}
    search = CoarseToFine(space, seed=0, directions=["minimize", "maximize", "minimize"])
    for _ in range(120):
        trial = search.ask()
        x, n = trial.params["x"], trial.params["n"]
        search.tell(trial, (x, n * (1 - x), abs(x - 0.4)))
    assert len(search.best_trials) > 10
    assert not said_untrue(search)


def test_the_judge_sees_what_is_untrue():
    """A value moved by hand is seen, as outside of its window or as not that of its trial."""
    search = played(*PLAY["2 floats"])
    origins, stages = search.origins(), search.stages()
    params = {n: dict(search.params(n)) for n in search.numbers}
    assert not untrue(origins, stages, params)
    params[60]["x"] = 2.0
    assert untrue(origins, stages, params)
    kept = next(n for n, o in origins.items() if o.kept)
    params[60]["x"] = search.params(60)["x"]
    params[kept][next(iter(origins[kept].kept))] += 1e-6
    assert untrue(origins, stages, params)


def test_a_value_that_was_changed_is_not_said_to_be_drawn():
    """The dice are thrown again: what they do not give was given."""
    search = played(*PLAY["2 floats"], n=40)
    number = next(n for n, o in search.origins().items() if "x" in o.moved and n > 20)
    search._finished[number].params["x"] += 0.01  # as an editor would
    assert search.origins()[number].given == ("x",)


def filled(space, loss, seeds):
    """Returns by kind where in its interval each redrawn value lies, 0 to 1."""
    found = defaultdict(list)
    for seed in range(seeds):
        search = played(space, loss, n=150, seed=seed)
        for number, origin in search.origins().items():
            for name, window in origin.moved.items():
                assert isinstance(window, Interval)
                at = search.space[name].position(search.params(number)[name])
                found[origin.mark.kind].append((at - window.low) / (window.high - window.low))
    return found


def test_windows_are_tight():
    """The outer tenths of the intervals hold between 10 and 40 % of the values, by kind.

    One fifth would be uniform; the farthest of four candidates lies near an end more often.
    """
    space = {f"x{i}": Float(0, 1) for i in range(5)}
    found = filled(space, lambda p: sum((v - 0.37) ** 2 for v in p.values()), 12)
    assert found.keys() == set(KINDS) - {"what is left untried"}
    for kind, places in found.items():
        assert all(-1e-9 <= at <= 1 + 1e-9 for at in places)
        outer = sum(not 0.1 <= at <= 0.9 for at in places) / len(places)
        assert len(places) > 90, kind
        assert 0.1 <= outer <= 0.4, (kind, outer)


def test_the_windows_get_narrow():
    """After 100 trials on five smooth floats a value is usually redrawn in 5 % of its scale."""
    usual = []
    for seed in range(5):
        stages = played(*PLAY["5 floats"], seed=seed).stages()
        usual += [s.usual_width for s in stages[-4:]]
        widths = [s.usual_width for s in stages if s.index > 0]
        assert statistics.median(widths[-6:]) < statistics.median(widths[:6])
    assert statistics.median(usual) < 0.05


def test_a_stage_shows_the_hull_of_its_windows():
    """No more than its trials were drawn from: each end is the end of a window."""
    search = played(*PLAY["5 floats"])
    origins = search.origins()
    for stage in search.stages()[1:]:
        for name, (low, high) in stage.windows.items():
            ends = [end for n in stage.trials for end in origins[n].windows[name].bounds]
            assert (low, high) == (min(ends), max(ends))


def test_every_kind_of_region_is_recorded():
    """A long search of a small space comes to all of them, the last ones untried included."""
    space = {"n": Int(1, 12), "kind": Categorical(["a", "b", "c"]), "m": Int(1, 3)}
    search = played(space, loss_of, n=108)
    mixed = played(PLAY["5 floats"][0], PLAY["5 floats"][1])
    seen = {o.mark.kind for s in (search, mixed) for o in s.origins().values()}
    assert seen == set(KINDS)
    assert not said_untrue(search)


def test_a_mark_whose_trials_are_gone_or_changed_says_nothing():
    """Its trial counts, its windows are unknown, and nothing raises."""
    search = played(*PLAY["2 floats"], n=40)
    origins = search.origins()
    number = 39
    named = origins[number].trials[0]
    search._finished[named].params["y"] = 0.123
    changed = search.origins()
    assert changed[number].windows is None
    assert changed[3].windows is not None  # of the coarse stage, which needs no other trial
    stages = search.stages()
    assert sum(s.n_unknown for s in stages) > 0
    assert [n for s in stages for n in s.trials] == list(range(40))
    search._marks[number] = Mark(5, 0.2, (7777,), "windows", number, check="00000000")
    assert search.origins()[number].windows is None
    assert search.stages()


def test_huge_spaces_keep_their_lines_short():
    """With 300 parameters, and names of 100 letters: at most 2,000 bytes, and nothing unknown."""
    space = {f"{'x' * 97}{i:03}": Float(0, 1) for i in range(300)}
    search = played(space, lambda p: sum(p.values()), n=30)
    assert max(len(search.mark(n).to_text()) for n in search.numbers) < 2000
    assert not said_untrue(search)


def test_kept_values_say_whose_they_are():
    """And there are such values: a draw changes one or two of five parameters."""
    search = played(*PLAY["5 floats"])
    origins = [o for o in search.origins().values() if o.mark.kind == "windows"]
    assert statistics.mean(len(o.moved) for o in origins) < 3
    for origin in origins:
        for name, window in origin.kept.items():
            assert isinstance(window, Kept)
            assert search.params(window.trial)[name] == window.value


def test_coarse_strata_are_what_they_say():
    """Each eighth of the scale is one trial's, of every parameter."""
    search = played(*PLAY["the README's"], n=8)
    origins = search.origins()
    assert all(o.mark.kind == STRATUM for o in origins.values())
    lows = sorted(math.log10(o.windows["lr"].bounds[0]) for o in origins.values())
    assert lows == pytest.approx([-4 + i / 2 for i in range(8)])
