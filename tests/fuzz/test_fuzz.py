"""Files that anybody may hand over: read, or refused in one line; no crash, no hang, no flood.

The 100,000 files of each release are read by ``make test-fuzz``; here some of each format.
"""

import random
from pathlib import Path

import pandas as pd
import pytest
import torch
from ray import tune

from tests.fuzz import drive as driver
from tests.fuzz.drive import LIMIT_MB, LIMIT_S, drive
from tests.fuzz.mutate import damaged
from tests.fuzz.readers import FORMATS, Format, require_same_alone
from tune_bn import StateError
from tune_bn.ray import CoarseToFineSearch
from tune_bn.training.learning import learn
from tune_bn.training.target import Target

SHORT = {
    "csv": 150,
    "npz": 150,
    "parquet": 150,
    "core-state": 200,
    "ray-state": 200,
    "best-json": 30,
    "runs": 100,
    "model": 120,
}


@pytest.mark.parametrize("name", FORMATS)
def test_some_files(name: str):
    """Each is accepted or refused by a documented error, within 5 s of CPU and 1 GB."""
    tally = drive(name, 0, SHORT[name])
    assert tally.crashes == []
    assert tally.total == SHORT[name]
    assert tally.accepted > 0
    assert tally.refused > 0
    assert tally.slowest_s < LIMIT_S
    assert 0 < tally.base_mb <= tally.peak_mb < LIMIT_MB


def test_a_progress_that_is_no_number(tmp_path: Path):
    """NaN as how far a trial of Ray's got is refused when it is read, not when it is used."""
    path = tmp_path / "state.json"
    search = CoarseToFineSearch()
    search.add_evaluated_point({"x": 0.5}, 3.0, intermediate_values=[1.0] * 7)
    search.save(str(path))
    one = path.read_text()
    search = CoarseToFineSearch({"x": tune.uniform(0, 1)}, "loss", "min", seed=0)
    search.suggest("a")
    search.on_trial_result("a", {"loss": 0.5, "training_iteration": 7})
    search.save(str(path))
    for text in (one, path.read_text()):
        assert text.count("7.0") == 1
        path.write_text(text)
        CoarseToFineSearch().restore(str(path))
        path.write_text(text.replace("7.0", "NaN"))
        with pytest.raises(StateError):
            CoarseToFineSearch().restore(str(path))


def bad_format(read) -> Format:
    return Format(".txt", lambda rng: b"x", read, (ValueError,))


def refuse(path: Path) -> None:
    raise ValueError("one line")


def refuse_in_two_lines(path: Path) -> None:
    raise ValueError("two\nlines")


def crash(path: Path) -> None:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (lambda path: None, "accepted"),
        (refuse, "refused"),
        (refuse_in_two_lines, "a message of 9 characters"),
        (crash, "KeyError at"),
    ],
)
def test_the_judge_of_an_ending(read, verdict: str, tmp_path: Path):
    """It tells what is documented from what is not."""
    assert driver._verdict(bad_format(read), tmp_path / "file", False).startswith(verdict)


@pytest.mark.parametrize("name", FORMATS)
def test_files_depend_on_their_number_alone(name: str):
    """So a number brings a defect back, on any machine."""
    make = FORMATS[name].make
    first, again, other = (make(random.Random(f"{name} {n}")) for n in (3, 3, 4))
    assert first == again or name == "model"  # torch writes a serial number
    assert first != other


def test_damage_changes_something():
    """Nearly every file differs from the sound one."""
    sound = bytes(range(200))
    changed = sum(damaged(random.Random(n), sound, sound) != sound for n in range(100))
    assert changed > 80


def test_the_judge_of_neighbours():
    """It sees a preprocessing in which a row depends on the others, and passes one in which not."""

    class Levelled:
        def transform(self, rows: pd.DataFrame) -> torch.Tensor:
            values = pd.to_numeric(rows["a"], errors="coerce")
            return torch.tensor((values - values.min()).to_numpy(float))[:, None]

    rows = pd.DataFrame({"a": ["3", "5", "9", "3", "5", "9"]})
    with pytest.raises(AssertionError, match="other inputs alone"):
        require_same_alone(Levelled(), rows)  # type: ignore[arg-type]
    target = Target("y", "regression", None, 0.0, 1.0)
    require_same_alone(learn(rows, target=target)[0], rows)
