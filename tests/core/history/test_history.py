"""What is remembered from one question to the next is what would be worked out anew."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tune_bn import Categorical, Float, Int
from tune_bn.core.history.history import History, rank_weights
from tune_bn.core.history.trial import Trial
from tune_bn.core.space import Parameter

SPACE = {"x": Float(0, 1), "kind": Categorical(["a", "b"]), "only": Float(0, 1)}

params = st.fixed_dictionaries(
    {"x": st.floats(0, 1), "kind": st.sampled_from(["a", "b", "gone"])},
    optional={"only": st.floats(0, 1)},
)
rows = st.lists(st.tuples(params, st.sampled_from([0.0, 1.0, 2.0, 3.0])), min_size=1, max_size=90)


OTHER_SPACE = {
    "x": Float(0.25, 0.5),
    "kind": Categorical(["gone"]),
    "only": Float(0.1, 9.0, log=True),
}


def answers(history: History, space: Mapping[str, Parameter] = SPACE) -> list[object]:
    """Asks for the best trials and where each parameter lies in them."""
    asked: list[object] = [[t.number for t in history.elites(n)] for n in (1, 3, 8)]
    asked += [history.centres(name, p, n) for name, p in space.items() for n in (1, 5)]
    return asked + [history.span(name, space[name], n) for name in ("x", "only") for n in (2, 10)]


@given(rows, st.sampled_from([1, 2]))
def test_answers_do_not_depend_on_what_was_asked_before(found, n_objectives):
    """A history that is asked after each trial, of this range or that, answers as a new one."""
    asked = History(n_objectives)
    trials = [
        Trial(i, p, (loss,) * (n_objectives - 1) + (loss - i % 3,))
        for i, (p, loss) in enumerate(found)
    ]
    for number, trial in enumerate(trials):
        asked.add(trial)
        if number % 7 == 0:
            for space in (SPACE, OTHER_SPACE):
                fresh = History(n_objectives)
                for other in trials[: number + 1]:
                    fresh.add(other)
                assert answers(asked, space) == answers(fresh, space)
        else:
            answers(asked, SPACE if number % 2 else OTHER_SPACE)


def test_a_new_front_has_places_of_its_own():
    """Of several objectives too: where the best trials lay before is forgotten."""
    history = History(2)
    history.add(Trial(0, {"x": 0.2}, (1.0, 1.0)))
    assert history.span("x", SPACE["x"], 1) == (0.2, 0.2, 0.2)
    history.add(Trial(1, {"x": 0.8}, (0.0, 0.0)))
    assert history.span("x", SPACE["x"], 1) == (0.8, 0.8, 0.8)


@given(rows)
def test_spans_are_those_of_the_centres(found):
    """Where the best trials lie, kept up to date trial by trial, is where their values lie."""
    history = History()
    for i, (p, loss) in enumerate(found):
        history.add(Trial(i, p, (loss,)))
        for name in ("x", "only"):
            parameter = SPACE[name]
            for n in (2, 10, 20):
                at = [parameter.position(v) for v in history.centres(name, parameter, n)[0]]
                if at:
                    assert history.span(name, parameter, n) == (at[0], min(at), max(at))


def test_minus_one_is_not_minus_two():
    """Python's hash of both is the same; as configurations they differ."""
    space = {"n": Int(-2, -1)}
    history = History()
    history.remember(space, {"n": -1})
    assert history.tried.has(space, {"n": -1})
    assert not history.tried.has(space, {"n": -2})


def test_rank_weights_end_at_one():
    """Cumulative weights never leave a quantile without a centre."""
    for n in range(1, 20):
        assert rank_weights(n, 1.5)[-1] == 1.0
