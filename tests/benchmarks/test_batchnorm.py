"""The benchmark of the layers: its timing, its rows, and that each case runs."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.batchnorm import speed as batchnorm


def test_ratios_are_paired_with_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only the calls move, ratios are those of their costs, despite a drift."""
    now, turn = 0.0, 0

    def costing(seconds: float) -> None:
        nonlocal now, turn
        turn += 1
        now += seconds * (1 + turn / 1000)  # the machine slows down

    monkeypatch.setattr(time, "thread_time", lambda: now)
    contenders: list[batchnorm.Contender] = [
        ("same", lambda: costing(1e-3)),
        ("thrice", lambda: costing(3e-3)),
    ]
    found = {
        name: sorted(ratios)[len(ratios) // 2]
        for name, ratios, *_ in batchnorm.paired_ratios(
            ("base", lambda: costing(1e-3)), contenders, rounds=40
        )
    }
    assert found["same"] == pytest.approx(1, rel=0.01)
    assert found["thrice"] == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_nobody_is_favoured_by_the_order(n: int) -> None:
    """Everyone runs once a turn, never after itself; three take each place equally often."""
    turns = [batchnorm._order(turn, n) for turn in range(4 * n)]
    assert all(sorted(turn) == list(range(n)) for turn in turns)
    sequence = [i for turn in turns for i in turn]
    assert all(a != b for a, b in pairwise(sequence))
    if n > 2:
        places = [[turn[place] for turn in turns] for place in range(n)]
        assert all(sorted(p) == sorted(places[0]) for p in places)


def test_each_case_gives_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run has an A/A row per comparison, and every row says where it was measured."""
    monkeypatch.setattr(batchnorm, "SHAPES", ((8, 4), (16, 4), (2, 4, 3, 3)))
    monkeypatch.setattr(batchnorm, "TURN_S", 1e-5)
    out = tmp_path / "rows" / "batchnorm.jsonl"
    rows = batchnorm.run(out, rounds=2, compiled=False)
    assert [json.loads(line) for line in out.read_text().splitlines()] == rows
    timed = [row for row in rows if "ratio" in row]
    assert sum("A/A" in row["subject"] for row in timed) == sum(
        row["subject"] in ("tune_bn", "folded", "three decays") for row in timed
    )
    assert all(row["ratio"] > 0 and row["machine"] and row["versions"]["torch"] for row in timed)


def test_no_memory_per_element_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What autograd saves beyond torch's layer is a few numbers per channel."""
    monkeypatch.setattr(batchnorm, "SHAPES", ((512, 4), (1024, 4), (32, 4, 8, 8)))
    monkeypatch.setattr(batchnorm, "TURN_S", 1e-5)
    rows = [
        row
        for row in batchnorm.run(tmp_path / "rows.jsonl", rounds=2, compiled=False)
        if row["work"] == "memory"
    ]
    by_torch = {
        (tuple(r["shape"]), r["layout"]): r["bytes_saved_for_backward"]
        for r in rows
        if r["subject"] == "torch"
    }
    for row in rows:
        more = row["bytes_saved_for_backward"] - by_torch[tuple(row["shape"]), row["layout"]]
        assert abs(more) <= 2 * 4 * 4
