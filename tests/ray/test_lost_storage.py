"""A search under a user's own `Tuner`, whose storage goes away in the middle of the run.

Tune fails each trial that saves anything from then on. `tune-bn tune` ends such a run instead; see
`tests/faults/test_ray_command.py`.
"""

import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from ray import tune

from tests.support.disks import removed, replaced_by_a_file, small_disk
from tune_bn.ray import CoarseToFineSearch

N_SAMPLES, N_BEFORE = 4, 2


class Break(tune.Callback):
    """Keeps what finished trials reported, and breaks the storage after so many."""

    def __init__(self, fault: Callable[[Path], None], folder: Path) -> None:
        self.fault, self.folder = fault, folder
        self.told: dict[str, float] = {}

    def __getstate__(self) -> dict:
        return {}

    def on_trial_complete(self, iteration, trials, trial, **info) -> None:
        self.told[trial.trial_id] = trial.last_result["loss"]
        if len(self.told) == N_BEFORE:
            self.fault(self.folder)


def train(config) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "weights").write_text("w")
        saved = tune.Checkpoint.from_directory(folder)
        tune.report({"loss": (config["x"] - 0.3) ** 2}, checkpoint=saved)


train.__module__ = "__main__"  # pickled by value, so that workers need not import the tests


def made_read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder.parent)], check=True)


@pytest.mark.parametrize(
    "fault",
    [
        removed,
        pytest.param(replaced_by_a_file, marks=pytest.mark.slow),
        pytest.param(made_read_only, marks=pytest.mark.slow),
    ],
)
def test_the_storage_goes_away(fault, local_ray, tmp_path):
    """The run ends; the search has every finished trial, the others as failed, and goes on."""
    with small_disk("16m") as disk:
        search = CoarseToFineSearch(seed=0)
        breaks = Break(fault, disk / "run")
        tuner = tune.Tuner(
            train,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                num_samples=N_SAMPLES,
                search_alg=search,
                max_concurrent_trials=1,
            ),
            run_config=tune.RunConfig(
                storage_path=str(disk), name="run", verbose=0, callbacks=[breaks]
            ),
        )
        # With a file in its place, Tune cannot list the results at the end, unless one of its
        # trials was quicker and has made the folder again.
        with suppress(*([NotADirectoryError] if fault is replaced_by_a_file else [])):
            assert len(tuner.fit()) == N_SAMPLES
    finished = {search.trial_ids[t.number]: t.value for t in search.trials if t.values}
    assert finished == breaks.told
    assert len(finished) == N_BEFORE
    assert [t.state for t in search.trials[N_BEFORE:]] == ["failed"] * (N_SAMPLES - N_BEFORE)
    search.save(str(tmp_path / "search.json"))
    again = CoarseToFineSearch()
    again.restore(str(tmp_path / "search.json"))
    assert again.trials == search.trials
    draw = again.suggest("goes on")
    assert draw not in [t.params for t in search.trials]
    again.on_trial_complete("goes on", {"loss": 0.0})
    assert again.best.params == draw
