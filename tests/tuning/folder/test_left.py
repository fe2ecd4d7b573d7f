"""The time that a run says it has left, held against recorded runs.

`traces.json` holds when the parts of eight runs ended, in seconds of processor time as if each
process had a core of its own (a loaded machine would tell of its other work). They shaped the
estimate, so they show that it is right for such runs, not for runs it has never seen.
"""

import json
from pathlib import Path

import pytest

from tune_bn.training.baselines import expected_s
from tune_bn.tuning.folder.left import FILES_S, Timed, final_left_s, fits_s, left_s

TRACES = json.loads(Path(__file__).with_name("traces.json").read_text())


def moments(trace: dict) -> list[tuple[float, float]]:
    """Returns when each trial and each fit of the final ended, and what was said to be left."""
    others_s = FILES_S + expected_s(trace["rows"], trace["inputs"], trace["outputs"])
    timed: list[Timed] = []
    found = []
    before = 0.0
    seconds_of = {}
    for at, seconds, value, number in trace["search"]:
        seconds_of[number] = seconds
        timed.append(Timed(seconds, at - before, value))
        before = at
        left = left_s(timed, asked=trace["trials"], maximize=trace["maximize"], others_s=others_s)
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
    assert left_s([Timed(1.0, 1.0, None)], asked=9, maximize=True) is None


def test_jobs_share_the_trainings_of_the_final():
    """But not the two that follow it."""
    trials = [Timed(1.0, 1.0, 0.5), Timed(1.0, 1.0, 0.6)]
    alone, shared = (left_s(trials, asked=2, maximize=True, jobs=jobs) for jobs in (1, 2))
    folds = fits_s([1.0, 1.0], folds=5, default_s=1.0)[:-2]
    assert alone is not None
    assert shared is not None
    assert alone - shared == pytest.approx(sum(folds) / 2)


def test_what_an_earlier_final_trained_says_nothing_of_the_pace():
    """Half of the fits were there at once; the others are as slow as expected."""
    expected = fits_s([2.0] * 4, folds=5, default_s=2.0)
    n = len(expected) - 2
    trained = range(n // 2, n)
    left = final_left_s(
        expected, done=n, of=n, trained=trained, spent_s=sum(expected[i] for i in trained)
    )
    assert left == pytest.approx(sum(expected[-2:]))
