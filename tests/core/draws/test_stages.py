"""What is kept beside a trial about its draw, and the stages that come of it."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tune_bn import Float, Int, Narrowing
from tune_bn.core.draws.mark import Mark, stage_index, stage_name
from tune_bn.core.draws.marker import Marker
from tune_bn.core.draws.narrowing import stage_for
from tune_bn.core.draws.proposal import propose
from tune_bn.core.draws.regions import KINDS
from tune_bn.core.draws.stages import group_stages
from tune_bn.core.history.history import History
from tune_bn.core.history.trial import Trial

numbers = st.integers(0, 10**7)
names = st.lists(st.text(max_size=9), max_size=4, unique=True).map(tuple)
marks = st.builds(
    Mark,
    stage=st.integers(0, 10**6),
    width=st.floats(0, 1, exclude_min=True),
    trials=st.lists(numbers, max_size=64).map(tuple),
    kind=st.sampled_from(KINDS),
    number=numbers,
    dice=st.none() | numbers,
    seed=st.integers(0, 2**64 - 1),
    after=numbers,
    attempt=st.integers(0, 23),
    chance=st.floats(0, 1e9),
    n_best=st.integers(0, 64),
    settings=st.fixed_dictionaries(
        {},
        optional={
            "coarse_trials": st.none() | st.integers(1, 99),
            "elites": st.integers(1, 99),
            "spread": st.floats(0, 1, exclude_min=True),
        },
    ),
    without=names,
    given=names,
    names=st.none() | names,
    ranges=st.dictionaries(st.text(max_size=9), numbers, max_size=4),
    check=st.sampled_from(["00000000", "01abcdef"]),
    is_whole=st.booleans(),
)


@given(marks)
@example(Mark(0, 1.0, kind="stratum", number=0, given=("-",), without=("-",), names=("-",)))
@example(Mark(0, 1.0, kind="stratum", number=0, given=("",), without=("-", ""), names=("%2D",)))
@example(Mark(0, 1.0, kind="stratum", number=0, names=(), ranges={"": 1, "-": 2, "%": 3}))
def test_a_mark_comes_back_from_its_line(mark):
    """Every field to the last bit, in one line of at most 2,000 bytes."""
    line = mark.to_text()
    assert "\n" not in line
    assert len(line.encode()) <= 2000
    assert Mark.read(line, mark.number) == mark


def test_a_line_that_would_be_too_long_says_so():
    """Names are left out first; then nothing can be told from it, and it does not pretend to."""
    names = tuple(f"name {i}" for i in range(999))
    mark = Mark(3, 0.5, tuple(range(64)), "windows", 9, names=names)
    line = mark.to_text()
    assert len(line) <= 2000
    read = Mark.read(line, 9)
    assert read is not None
    assert (read.stage, read.trials, read.names, read.is_whole) == (3, mark.trials, None, False)


LINE = Mark(3, 0.5, (4, 2), "windows", 9, check="01abcdef").to_text()


@pytest.mark.parametrize(
    "data",
    [
        None,
        3,
        "x",
        [],
        {},
        {"stage": 1},
        {"stage": "one", "width": 1.0, "elites": []},
        {"stage": 1, "width": "x", "elites": []},
        {"stage": 1, "width": 1.0, "elites": 7},
        {"stage": 1, "width": math.nan, "elites": []},
        {"stage": -2, "width": 1.0, "elites": []},
        LINE[: len(LINE) // 2],
        LINE.replace("windows", "model of the objective"),
        LINE.replace("fine 3", "fine -3"),
        LINE.replace("trials 4, 2", "trials 4, x"),
        LINE.replace("trials 4, 2", "trials "),
        LINE.replace("width 0.5", "width nan"),
        LINE.replace("width 0.5", "width 0"),
        LINE[:-1],
        LINE + "; later 3",
        *(
            LINE.replace("; check", f"; {more}; check")
            for more in ("later 3", "width 0.5", "with spread 7", "with model 7", "x" * 10_000)
        ),
    ],
)
def test_what_is_no_mark_is_none(data):
    """Whoever may write to a storage may write anything; a mark of a later version is none, too."""
    assert Mark.read(data, 9) is None


def test_a_mark_of_another_trial_is_none():
    """It says which trial it belongs to: one that was copied onto another is foreign."""
    assert Mark.read(LINE, 9) is not None
    assert Mark.read(LINE, 8) is None


def test_marks_of_early_versions_are_read():
    """They were dictionaries."""
    mark = Mark.read({"stage": 2, "width": 0.25, "elites": [4, 7]}, 9)
    assert mark is not None
    assert (mark.stage, mark.width, mark.trials, mark.kind) == (2, 0.25, (4, 7), "")


@pytest.mark.parametrize("options", [{}, {"elites": 3}])
def test_the_line_is_that_of_the_mark(options):
    """Made without the object, as a sampler does, it is the same to the letter."""
    narrowing = Narrowing(**options)
    space = {"x": Float(0, 1), "n": Int(1, 9)}
    marker, history = Marker(7, narrowing), History()
    for number in range(60):
        plan = stage_for(narrowing, history, number)
        proposal = propose(7, number, space, history, narrowing, plan)
        mark, spanning = marker.mark(number, plan, proposal, history, space)
        assert marker.line(number, plan, proposal, history, space) == (mark.to_text(), spanning)
        history.add(Trial(number, proposal.params, (abs(proposal.params["x"] - 0.4),)))


@given(st.integers(-1, 10**6))
def test_a_stage_has_one_name(index):
    """And the name tells the index."""
    assert stage_index(stage_name(index)) == index


def test_a_stage_of_an_early_version_spans_the_windows_around_its_trials():
    """From the lower end of the lowest window to the upper end of the highest."""
    marks = {i: Mark(0, 1.0) for i in range(2)} | {2: Mark(1, 0.2, (0, 1, 77))}
    params = {0: {"x": 0.3}, 1: {"x": 0.6}, 2: {"x": 0.4}}
    space = {"x": Float(0, 1)}
    _, fine = group_stages(marks, {}, space, params, [])
    assert fine.windows["x"] == pytest.approx((0.2, 0.7))
    assert fine.n_unknown == 1
    assert fine.usual_width is None
