"""The benchmark of costs runs each of its cases, small."""

import json

import pytest

from benchmarks.cost import overhead


@pytest.mark.parametrize("sampler", ["CoarseToFineSampler", "RandomSampler", "TPESampler"])
@pytest.mark.parametrize("storage", ["memory", "sqlite", "journal"])
def test_one_run(sampler, storage, capsys):
    """A run in a process of its own prints its times."""
    overhead.main(["--one", sampler, storage, "12", "5 floats", "0"])
    measured = json.loads(capsys.readouterr().out)
    assert measured["cpu_us"] > 0
    assert measured["wall_us"] > 0


def test_conditional_space():
    """The large space has fifty parameters, ten of which only some trials have."""
    measured = overhead._one("CoarseToFineSampler", "memory", 12, "50 mixed, 10 conditional", 0)
    assert measured["cpu_us"] > 0


def test_a_row_says_where_and_beside_whom(tmp_path, monkeypatch):
    """A row has the ratio to the peer, what was promised, machine, versions and date."""
    monkeypatch.setattr(overhead, "_CASES", [("memory", 10, "5 floats", "RandomSampler", 1.5, 2)])
    (row,) = overhead.run(tmp_path / "rows.jsonl")
    assert row["wall_ratio"] > 0
    assert row["promised"] == 1.5
    assert {"machine", "versions", "date", "peer", "trials"} <= row.keys()
    assert json.loads((tmp_path / "rows.jsonl").read_text()) == row


@pytest.mark.parametrize("sampler", ["CoarseToFineSampler", "NSGAIISampler"])
def test_many_objectives_and_killed_trials_are_measured(sampler, monkeypatch):
    """Studies in which work could grow: equal trials on one front, trials that never ended."""
    monkeypatch.setattr(overhead, "_KILLED", {"5 floats, 3,000 killed": 40})
    for space in ("3 objectives, ties", "5 floats, 3,000 killed"):
        if space in overhead._KILLED and sampler == "NSGAIISampler":
            continue
        assert overhead._one(sampler, "memory", 12, space, 0)["cpu_us"] > 0
