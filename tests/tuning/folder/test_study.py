from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from tests.support.quiet import optuna_says
from tune_bn.plain.names import INTERRUPTED, REASON, STUDY_FILE
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.folder.study import counted_trials, open_study, untried

IDENTITY = {
    "data": "d",
    "task": "regression",
    "metric": "r2",
    "space": "s",
    "seed": 0,
    "epochs": 2,
}


_open = ExitStack()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with optuna_says(optuna.logging.WARNING):
        yield
    _open.close()


def opened(folder: Path, **changes: Any) -> optuna.Study:
    """Opens a study until the test ends."""
    return _open.enter_context(
        open_study(
            folder,
            IDENTITY | changes,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=optuna.pruners.NopPruner(),
        )
    )


def test_a_study_goes_on_with_its_trials(tmp_path):
    """Opening it again finds what was finished."""
    study = opened(tmp_path)
    study.tell(study.ask(), 1.0)
    assert [trial.value for trial in opened(tmp_path).trials] == [1.0]


def test_a_folder_name_may_hold_any_character(tmp_path):
    """A path is no URL: ?, #, % and blanks stay what they are."""
    folder = tmp_path / "a b?c#d%20e"
    folder.mkdir()
    opened(folder)
    assert (folder / STUDY_FILE).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "x"}, "other data or another target"),
        ({"space": "x"}, "another search space"),
        ({"metric": "loss"}, r"another metric \('r2', not 'loss'\)"),
        ({"seed": 1}, r"another seed \(0, not 1\)"),
        ({"epochs": 3}, r"another number of epochs \(2, not 3\)"),
        ({"inputs": "x"}, "other inputs: another version of tune-bn made them of the table"),
    ],
)
def test_a_study_of_something_else_is_refused(tmp_path, change, words):
    """The message says what differs and how to go on; the study stays as it was."""
    opened(tmp_path)
    before = (tmp_path / STUDY_FILE).read_bytes()
    with pytest.raises(
        TuneError, match=rf"holds one of {words}\. Choose another --out, or --fresh"
    ):
        opened(tmp_path, **change)
    assert (tmp_path / STUDY_FILE).read_bytes() == before


def test_a_study_that_others_made_is_refused(tmp_path):
    """Its trials are of an unknown space."""
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path / STUDY_FILE}", study_name="tune_bn", direction="maximize"
    )
    study.tell(study.ask(), 1.0)
    with pytest.raises(TuneError, match="trials that tune-bn did not make"):
        opened(tmp_path)


def test_a_file_that_is_no_study_is_refused(tmp_path):
    """Whatever it is, it is kept."""
    (tmp_path / STUDY_FILE).write_text("not a database, and long enough to be looked at" * 50)
    with pytest.raises(TuneError, match=r"needs a study that Optuna can read.*not a database"):
        opened(tmp_path)
    assert (tmp_path / STUDY_FILE).read_text().startswith("not a database")


def test_abandoned_trials_are_marked_and_do_not_count(tmp_path):
    """What a killed process left running can be told from what failed by itself."""
    opened(tmp_path).ask()
    study = opened(tmp_path)
    assert study.trials[0].state == TrialState.FAIL
    assert study.trials[0].user_attrs[REASON] == INTERRUPTED
    assert counted_trials(study) == []


def test_what_is_given_is_tried_once(tmp_path):
    """What a trial has tried is not given again."""
    given = [{"x": 0.25}, {"x": 0.5}]
    study = opened(tmp_path)
    assert untried(study, given) == given
    study.enqueue_trial(given[0])
    trial = study.ask()
    assert trial.suggest_float("x", 0, 1) == 0.25
    study.tell(trial, 1.0)
    assert untried(opened(tmp_path), given) == given[1:]


def test_what_is_given_is_tried_again_after_an_interruption(tmp_path):
    """A stop during the first trial does not lose it."""
    study = opened(tmp_path)
    study.enqueue_trial({"x": 0.25})
    study.ask().suggest_float("x", 0, 1)
    assert untried(study, [{"x": 0.25}]) == [{"x": 0.25}]
    assert untried(opened(tmp_path), [{"x": 0.25}]) == [{"x": 0.25}]
