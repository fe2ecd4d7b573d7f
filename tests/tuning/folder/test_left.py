"""The time that a run says it has left, held against recorded runs.

`traces.json` holds when the parts of eight runs ended, in seconds of processor time as if each
process had a core of its own (a loaded machine would tell of its other work). They shaped the
estimate, so they show that it is right for such runs; `unseen.json` holds one that did not
(scikit-learn's friedman1 with 2,000 rows, whose search moves on to smaller networks).
"""

import json
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune_bn.training.baselines import expected_s
from tune_bn.tuning.folder.left import FILES_S, SearchPace, Timed, final_left_s, fits_s, network_s

TRACES = json.loads(Path(__file__).with_name("traces.json").read_text())
UNSEEN = json.loads(Path(__file__).with_name("unseen.json").read_text())


def moments(trace: dict) -> list[tuple[float, float]]:
    """Returns when each trial and each fit of the final ended, and what was said to be left."""
    others_s = FILES_S + expected_s(trace["rows"], trace["inputs"], trace["outputs"])
    pace = SearchPace(maximize=trace["maximize"])
    found = []
    before = 0.0
    seconds_of = {}
    for at, seconds, value, number in trace["search"]:
        seconds_of[number] = seconds
        pace.add(Timed(seconds, at - before, value))
        before = at
        left = pace.left_s(asked=trace["trials"], others_s=others_s)
        assert left is not None
        found.append((at, left))
    players = [seconds_of[number] for number in trace["candidates"]]
    fits = fits_s(players, folds=5, default_s=seconds_of[0])
    for done, at in enumerate(trace["final"], start=1):
        left = final_left_s(
            fits,
            done=done,
            of=len(trace["final"]),
            trained=range(done),
            spent_s=at - trace["search_end"],
        )
        found.append((at, left + others_s))
    return found


def is_true(at: float, left: float, end: float) -> bool:
    """Tells whether a time is within 30 % of the truth.

    Or, at the very end, off by a tenth of the run, at most 2.5 s: how long the other models take
    is only known by their size.
    """
    return abs(left - (end - at)) <= max(0.3 * (end - at), min(0.1 * end, 2.5))


@pytest.mark.parametrize("name", TRACES)
def test_after_a_third_of_the_run_the_time_left_is_true(name):
    """At the end of each trial and of each training of the final."""
    trace = TRACES[name]
    end = trace["end"]
    late = [(at, left) for at, left in moments(trace) if at >= end / 3]
    assert len(late) > 20
    assert [(at, left, end - at) for at, left in late if not is_true(at, left, end)] == []


@pytest.mark.parametrize("name", UNSEEN)
def test_the_time_left_of_a_run_that_shaped_nothing_is_true_nearly_always(name):
    """In 19 moments of 20, and never off by half: the early trials may be the longer ones."""
    trace = UNSEEN[name]
    end = trace["end"]
    late = [(at, left) for at, left in moments(trace) if at >= end / 3]
    n_true = sum(is_true(at, left, end) for at, left in late)
    assert len(late) > 40
    assert n_true >= 0.95 * len(late)
    assert [at for at, left in late if abs(left - (end - at)) > max(0.5 * (end - at), 2.5)] == []


def test_the_judge_sees_a_time_that_forgets_the_final():
    """What was said before: trials that are left, at the pace of those that have ended."""
    trace = TRACES["digits"]
    ended = [at for at, *_ in trace["search"]]
    wrong = [
        at
        for done, at in enumerate(ended, start=1)
        if at >= trace["end"] / 3
        and not is_true(at, (trace["trials"] - done) * at / done, trace["end"])
    ]
    assert wrong


def test_nothing_is_said_before_a_trial_was_trained_to_its_end():
    """How long one takes is not known yet."""
    pace = SearchPace(maximize=True)
    pace.add(Timed(1.0, 1.0, None))
    assert pace.left_s(asked=9) is None


@pytest.mark.parametrize("networks", [1, 4])
def test_jobs_share_the_trainings_of_the_final(networks: int):
    """And those that follow it, of which there are one and a half for each network."""
    pace = SearchPace(maximize=True)
    for value in (0.5, 0.6):
        pace.add(Timed(1.0, 1.0, value))
    alone, two, many = (pace.left_s(asked=2, jobs=jobs, networks=networks) for jobs in (1, 2, 1000))
    *folds, best, default = fits_s([1.0, 1.0], folds=5, default_s=1.0, networks=networks)
    assert alone == pytest.approx(sum(folds) + best + default)
    assert two == pytest.approx(sum(folds) / 2 + (best + default) / min(2.0, 1.5 * networks))
    assert many == pytest.approx(sum(folds) / 1000 + network_s(1.0))


def test_what_an_earlier_final_trained_says_nothing_of_the_pace():
    """Half of the fits were there at once; the others are as slow as expected."""
    expected = fits_s([2.0] * 4, folds=5, default_s=2.0)
    n = len(expected) - 2
    trained = range(n // 2, n)
    left = final_left_s(
        expected, done=n, of=n, trained=trained, spent_s=sum(expected[i] for i in trained)
    )
    assert left == pytest.approx(sum(expected[-2:]))


def left_by_sorting(trials: list[Timed], asked: int, plan: tuple[int, int]) -> float:
    """Returns what a `SearchPace` says that minimises, from all trials at once."""
    complete = [(t.value, t.seconds) for t in trials if t.value is not None]
    later = trials[len(trials) // 2 :] if len(trials) >= 8 else trials
    finalists, folds = plan
    best = sorted(complete, key=lambda pair: pair[0])[:finalists]
    last = best[-1][0]
    tied = statistics.fmean(seconds for value, seconds in complete if value == last)
    players = [tied if value == last else seconds for value, seconds in best]
    coming = round(len(complete) / len(trials) * max(asked, len(trials)))
    players += [statistics.fmean(players)] * (min(coming, finalists) - len(players))
    first, default_s = complete[0]
    if first > last:
        players.append(default_s)
    following = fits_s(players, folds=folds, default_s=default_s)
    pace = statistics.fmean(t.wall_s for t in later)
    return max(asked - len(trials), 0) * pace + sum(following)


@given(
    st.lists(
        st.builds(
            Timed,
            st.floats(0.1, 9),
            st.floats(0.1, 9),
            st.none() | st.integers(0, 6).map(float) | st.floats(0, 6),
        ),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 60),
    st.sampled_from([(8, 5), (3, 2), (1, 1)]),
)
def test_the_best_few_tell_as_much_as_all(trials, asked, plan):
    """What is kept of trials, ties and all, says what sorting every one of them would."""
    paces = [SearchPace(maximize=False), SearchPace(maximize=True)]
    for trial in trials:
        paces[0].add(trial)
        paces[1].add(trial._replace(value=None if trial.value is None else -trial.value))
    found = [pace.left_s(asked=asked, plan=plan) for pace in paces]
    if all(trial.value is None for trial in trials):
        assert found == [None, None]
    else:
        assert found == pytest.approx([left_by_sorting(trials, asked, plan)] * 2)


def test_what_is_kept_of_many_trials_is_little():
    """Neither distinct nor equal values make the count of a hundred thousand trials slower."""
    pace = SearchPace(maximize=True)
    for i in range(2000):
        pace.add(Timed(1.0, 1.0, i % 1000 / 1000))
    assert len(pace._best) == 8
    assert len(pace._alike) <= 8


def test_a_search_that_must_end_is_not_said_to_go_on():
    """With a limit of time only so many trials are counted as there is time for."""
    pace = SearchPace(maximize=True)
    for value in (0.1, 0.2):
        pace.add(Timed(1.0, 1.0, value))
    following = pace.left_s(asked=2)
    assert following is not None
    assert pace.left_s(asked=1000, most_s=30.0, plan=(2, 5)) == pytest.approx(30 + following)
    assert pace.left_s(asked=12, most_s=30.0, plan=(2, 5)) == pytest.approx(10 + following)


def test_trials_to_come_take_as_long_as_the_later_half():
    """None are left once there are as many as were asked for."""
    pace = SearchPace(maximize=True)
    assert pace.search_s(5) == 0
    for i in range(8):
        pace.add(Timed(1.0, 1.0 if i < 4 else 3.0, 0.5))
    assert pace.search_s(10) == pytest.approx(6)
    assert pace.search_s(8) == pace.search_s(3) == 0
