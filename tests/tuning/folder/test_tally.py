"""The count of a search: what it knows of the time that processes take to begin."""

import optuna
import pytest
from optuna.trial import TrialState

from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.settings import Settings


@pytest.mark.parametrize(("jobs", "start_s"), [(1, 0.0), (2, 4.0)])
def test_processes_that_begin_again_for_the_final_are_counted(jobs: int, start_s: float):
    """The first trial tells how long they took; each of the final's two rounds begins them anew."""
    now, said = [0.0], list[Progress]()
    settings = Settings(trials=1, jobs=jobs)
    tally = Tally(
        optuna.create_study(),
        settings,
        on_progress=said.append,
        is_stopped=lambda: False,
        clock=lambda: now[0],
    )
    now[0] = 5.0
    tally.end(0, TrialState.COMPLETE, 0.5, seconds=1.0)
    assert tally.start_s == start_s
    left = said[-1].left_s
    tally.start_s = 0.0
    tally.report()
    assert left is not None
    assert said[-1].left_s == pytest.approx(left - 2 * start_s)
