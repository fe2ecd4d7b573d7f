"""The count of a search: what it says of the time that is left."""

import optuna
import pytest
from optuna.trial import TrialState

from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.settings import Settings


def test_the_epochs_of_the_first_trial_tell_how_long_all_will_take():
    """Before it has ended, what is said then, with the rest of it on top."""
    now, said = [0.0], list[Progress]()
    tally = Tally(
        optuna.create_study(),
        Settings(trials=9),
        on_progress=said.append,
        is_stopped=lambda: False,
        clock=lambda: now[0],
    )
    tally.report()
    assert said[-1].left_s is None
    now[0] = 5.0
    tally.expect(20.0)
    tally.report()
    early = said[-1].left_s
    now[0] = 20.0
    tally.end(0, TrialState.COMPLETE, 0.5, seconds=20.0)
    assert early is not None
    assert said[-1].left_s == pytest.approx(early - 15.0)


def test_networks_that_answer_together_are_counted():
    """Four of the chosen and four of the default configuration; with a timeout what it leaves."""
    now, said = [0.0], list[Progress]()

    def counted(**options: float) -> Tally:
        return Tally(
            optuna.create_study(),
            Settings(trials=1, **options),  # type: ignore[arg-type]
            on_progress=said.append,
            is_stopped=lambda: False,
            clock=lambda: now[0],
        )

    lasts = []
    for networks in (1, 4):
        tally = counted()
        tally.networks = networks
        tally.end(0, TrialState.COMPLETE, 0.5, seconds=6.0)
        lasts.append(said[-1].left_s or 0.0)
        assert tally.networks_in_time({0}) == networks
    assert lasts[1] == pytest.approx(lasts[0] + 3 * 1.5 * 8.0)
    in_time = []
    for timeout_s, jobs in ((20.0, 1), (60.0, 1), (100.0, 1), (40.0, 1), (40.0, 2)):
        tally = counted(timeout_s=timeout_s, jobs=jobs)
        tally.end(0, TrialState.COMPLETE, 0.5, seconds=6.0)
        in_time.append((tally.networks_in_time({0}), tally.networks_in_time({0, None})))
    assert in_time == [(1, 1), (4, 3), (4, 4), (4, 2), (4, 4)]


def test_no_time_left_is_not_said_while_there_is_work():
    """One configuration is compared and trained again, however short the time was."""
    now, said = [0.0], list[Progress]()
    tally = Tally(
        optuna.create_study(),
        Settings(trials=60, timeout_s=50.0),
        on_progress=said.append,
        is_stopped=lambda: False,
        clock=lambda: now[0],
    )
    now[0] = 10.0
    tally.expect(60.0)
    tally.report()
    early = said[-1].left_s
    now[0] = 60.0
    tally.end(0, TrialState.COMPLETE, 0.5, seconds=60.0)
    left = said[-1].left_s
    assert left is not None
    assert early == pytest.approx(left + 50.0)
    assert 2 * 60.0 < left < 4 * 60.0
