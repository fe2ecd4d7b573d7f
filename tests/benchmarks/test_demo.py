import json

from benchmarks.tool.demo import main


def test_the_demo_appends_a_row_for_each_seed(tmp_path):
    """A row can be compared with later ones: speed, scores, seed, machine, versions."""
    out = tmp_path / "rows.jsonl"
    out.write_text('{"earlier": true}\n')
    main(["--seeds", "3", "--trials", "2", "--epochs", "1", "--out", str(out)])
    earlier, row = (json.loads(line) for line in out.read_text().splitlines())
    assert earlier == {"earlier": True}
    assert row["seed"] == 3
    assert row["trials_per_minute"] > 0
    assert 0 < row["test"] <= 1
    assert 0 < row["default_test"] <= 1
    assert row["linear_test"] > 0.9  # no guess is
    assert {"machine", "versions", "date"} <= set(row)
