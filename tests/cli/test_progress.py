import io

import pytest
from rich.console import Console

from tune_bn.cli.progress import show_progress
from tune_bn.tuning.folder.tally import Ended, Progress


def shown(*reports: Progress, is_terminal: bool, kind: str = "xterm") -> str:
    """Returns what a run's reports leave on a console."""
    console = Console(
        file=io.StringIO(),
        force_terminal=is_terminal,
        width=120,
        highlight=False,
        _environ={"TERM": kind},
    )
    with show_progress("accuracy", console) as on_progress:
        for report in reports:
            on_progress(report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


BEGUN = Progress("search", finished=0, trials=9)
HALF = Progress("search", 4, 9, stage="fine 1", best=0.975, elapsed_s=60.0, left_s=75.0)
LAST = Progress("final", finished=2, trials=30)


def test_a_terminal_shows_trial_stage_best_and_time_left():
    """From before the first trial to the last step."""
    text = shown(BEGUN, HALF, is_terminal=True)
    for words in ("Searching", "4/9", "fine 1", "best accuracy 0.9750", "1:15 left"):
        assert words in text
    assert "Comparing the best" in shown(BEGUN, HALF, LAST, is_terminal=True)


@pytest.mark.parametrize("is_terminal", [False, True])
def test_elsewhere_a_line_tells_each_trial(is_terminal):
    """Epochs are not worth a line; a failed trial says why. So on a terminal that moves nothing."""
    ended = Progress("search", 1, 9, ended=Ended(0, "failed", None, "loss [nan]"), left_s=3700.0)
    second = Progress("search", 2, 9, ended=Ended(1, "pruned", 0.5, None))
    fold = Progress("final", 3, 30, stage="fold 1 of 5", left_s=10.0)
    network = Progress("test", 1, 9, left_s=5.0)
    reports = (BEGUN, HALF, ended, second, LAST, fold, network)
    text = shown(*reports, is_terminal=is_terminal, kind="dumb")
    assert text.splitlines() == [
        "1/9 trials · trial 0 failed (loss [nan]) · 1:01:40 left",
        "2/9 trials · trial 1 stopped early at 0.5",
        "Comparing the best …",
        "fit 3/30 · fold 1 of 5 · 0:10 left",
        "Training and scoring the chosen network …",
        "step 1/9 · 0:05 left",
    ]


def test_a_log_says_once_how_long_all_will_take_while_a_long_first_trial_is_trained():
    """As a bar does; a short one is not worth a line."""
    short = Progress("search", 0, 9, stage="given", elapsed_s=5.0, left_s=90.0)
    long = Progress("search", 0, 9, stage="given", elapsed_s=40.0, left_s=900.0)
    text = shown(BEGUN, short, long, long, is_terminal=False)
    assert text.splitlines() == ["a first trial is being trained · 15:00 left"]
