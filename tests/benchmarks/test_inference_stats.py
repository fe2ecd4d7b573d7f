"""The benchmark of inference statistics: its measure of rank correlation, and that it runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.batchnorm import inference_stats


@pytest.mark.parametrize("seed", range(3))
def test_spearman_equals_scipys(seed: int) -> None:
    """With and without ties the rank correlation is scipy's."""
    rng = np.random.default_rng(seed)
    for a, b in (
        (rng.normal(size=20), rng.normal(size=20)),
        (rng.integers(0, 4, 20), rng.integers(0, 4, 20)),
    ):
        got = inference_stats.spearman(torch.tensor(a), torch.tensor(b))
        assert got == pytest.approx(stats.spearmanr(a, b).statistic)


def test_a_short_run_has_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part gives rows; torch's and the corrected statistics share the same trainings."""
    monkeypatch.setattr(inference_stats, "RATES", (0.1,))
    monkeypatch.setattr(inference_stats, "STEPS", (2, 4))
    monkeypatch.setattr(inference_stats, "RUNGS", (2,))
    monkeypatch.setattr(inference_stats, "FINAL", 4)
    monkeypatch.setattr(inference_stats, "LONGEST", 20)
    rows = inference_stats.run(tmp_path / "rows.jsonl", configurations=4, seeds=1)
    assert {row["part"] for row in rows} == {"steps", "early", "rungs", "decay"}
    by_batch = {
        (row["step"], row["decay"]): row["accuracy"]
        for row in rows
        if row["part"] == "early" and row["statistics"] == "batch"
    }
    for step in (2, 4):
        # What the batch's own statistics say does not depend on the decay.
        assert len({tuple(v) for (s, _), v in by_batch.items() if s == step}) == 1
