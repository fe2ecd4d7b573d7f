"""The judge of drawn configurations can fail, and the spaces hold what they should."""

from hypothesis import Phase, find, settings

from tests.support.spaces import conditional_spaces, is_drawn_from, parameters
from tune_bn import Categorical, Float, Int

SPACE = {"k": Categorical(["a", "b"]), "x": Float(0, 1), "n": Int(1, 9, step=2)}
CONDITIONS = {"x": ("k", "a")}


def test_the_judge_accepts_a_draw():
    """With the parameter that its choice opens, and without it for another choice."""
    assert is_drawn_from(SPACE, CONDITIONS, {"k": "a", "x": 0.5, "n": 3})
    assert is_drawn_from(SPACE, CONDITIONS, {"k": "b", "n": 3})


def test_the_judge_refuses():
    """A value outside, between steps, of another type; a parameter too few or too many."""
    for wrong in (
        {"k": "a", "x": 1.5, "n": 3},
        {"k": "a", "x": 0.5, "n": 4},
        {"k": "a", "x": 0.5, "n": 3.0},
        {"k": "a", "x": 0, "n": 3},
        {"k": "c", "n": 3},
        {"k": "a", "n": 3},
        {"k": "b", "x": 0.5, "n": 3},
        {"k": "b", "n": 3, "z": 1},
    ):
        assert not is_drawn_from(SPACE, CONDITIONS, wrong)


def test_the_spaces_have_conditions_and_every_scale():
    """What a stateful test draws from covers these, and not only the simplest of them."""
    first = settings(  # not the smallest
        phases=[Phase.generate], derandomize=True, database=None, max_examples=2000
    )
    assert find(conditional_spaces(), lambda found: len(found[1]) >= 2, settings=first)
    assert find(parameters(), lambda p: isinstance(p, Float) and p.one_minus_log, settings=first)
    assert find(
        parameters(), lambda p: isinstance(p, Int) and p.high - p.low > 2**64, settings=first
    )
