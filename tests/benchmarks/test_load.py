"""The benchmarks of load run each of their parts, small."""

import json

import optuna
import pytest

from benchmarks.cost import load, soak, workers
from benchmarks.cost.work import said
from tests.support.quiet import optuna_says


@pytest.fixture(autouse=True)
def quiet():
    """The benchmarks silence Optuna for good; a test gives its voice back."""
    with optuna_says(optuna.logging.get_verbosity()):
        yield


@pytest.mark.parametrize("part", ["memory", "ray", "parameters"])
def test_one_part(part, capsys):
    """A part run in a process of its own prints what a trial cost, at first and last."""
    for method in load._PARTS[part][1]:
        load.main(["one", part, method, "--trials", "10"])
        measured = json.loads(capsys.readouterr().out)
        assert measured["cpu_us"] > 0
        assert {"cpu_us_first_tenth", "cpu_us_last_tenth", "growth_mib"} <= measured.keys()


def test_looks_at_a_study(capsys):
    """Opened, looked at first, looked at later: each has its own time."""
    load.main(["one", "watch", "watch", "--trials", "30"])
    measured = json.loads(capsys.readouterr().out)
    assert 0 < measured["look_s"] <= measured["longest_look_s"]
    assert {"open_s", "first_look_s", "promised_s"} <= measured.keys()


def test_workers_in_two_parts(tmp_path):
    """A run goes on where the last one ended, and every row says what its check found."""
    storage = f"journal:{tmp_path}/j.log"
    for before in (0, 8):
        (row,) = workers.run(
            tmp_path / "rows.jsonl",
            storage,
            samplers=["CoarseToFineSampler"],
            workers=2,
            trials=4,
            study="s",
        )
        assert (row["trials_before"], row["finished"]) == (before, before + 8)
        assert {"machine", "versions", "date", "cpu_ms"} <= row.keys()


def test_a_study_that_lost_a_trial_is_refused(tmp_path, monkeypatch):
    """The check of a run of several workers can fail."""
    monkeypatch.setattr(workers, "said", lambda child: {**said(child), "finished": 3})
    with pytest.raises(AssertionError):
        workers.run(
            tmp_path / "rows.jsonl",
            "journal",
            samplers=["RandomSampler"],
            workers=1,
            trials=2,
        )


@pytest.mark.slow  # the soak itself is another ring
def test_a_round_of_the_soak(tmp_path):
    """Every work of a round is done, and the row has what must stay flat."""
    row = soak.run(tmp_path / "rows.jsonl", minutes=5, rounds=1)
    assert row["rounds"] == 1
    assert row["trials"] > 600
    assert {"memory_ratio", "cpu_ratio", "threads", "open_files"} <= row.keys()
    written = json.loads((tmp_path / "rows.jsonl").read_text())
    assert written["trials"] == row["trials"]


@pytest.mark.parametrize(
    ("series", "ratio"), [([1.0] * 8, 1.0), ([1.0] * 6 + [2.0] * 2, 2.0), ([3.0], 1.0)]
)
def test_what_grows_is_seen(series, ratio):
    """The last quarter is compared with the first."""
    assert soak._ratio(series) == ratio


def test_what_is_left_behind_is_said():
    """Threads, files and memory that grow end the command with a word; what is flat does not."""
    flat = {"threads": [1, 1], "open_files": [6, 6], "memory_mib": [9.0, 9.5], "memory_ratio": 1.06}
    assert soak.growth_of(flat) == []
    grown = {"threads": [1, 2], "open_files": [6, 7], "memory_mib": [9, 18], "memory_ratio": 2.0}
    said = ["threads grew: 1 → 2", "open_files grew: 6 → 7", "memory_mib grew: 9 → 18"]
    assert soak.growth_of(grown) == said
