"""A pickle that runs code, in each file that one person may hand to another: it is not run."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from ray import tune
from typer.testing import CliRunner

from tune_bn import CoarseToFine, StateError
from tune_bn.cli import app
from tune_bn.core.draws.mark import MARK_KEY
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.ray import CoarseToFineSearch
from tune_bn.report.errors import ReportError
from tune_bn.report.pages.page import page
from tune_bn.report.results.from_ray import results_of_ray_folder
from tune_bn.report.results.source import results_of
from tune_bn.report.results.storages import open_run
from tune_bn.training import Config, DataError, load_dataset
from tune_bn.training.model_file import ModelFileError, load_model
from tune_bn.tuning.on_ray import trainable as ray_trials
from tune_bn.tuning.space import params_of


class Trap:
    """Unpickling it makes a file: the sign that code was run."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.canary,))


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def trap(canary: Path) -> bytes:
    return pickle.dumps(Trap(canary))


def test_the_trap_works(trap: bytes, canary: Path):
    """The judge can fail: where a pickle is trusted, the file is there."""
    pickle.loads(trap)
    assert canary.exists()


@pytest.mark.parametrize("where", ["bare", "about", "state", "whole"])
def test_a_model_file(where: str, trap: bytes, canary: Path, tmp_path: Path):
    """As the whole file, or as one part of what `torch.save` wrote."""
    path = tmp_path / "model.pt"
    content = {"format": "tune-bn model 1", "about": "{}", "preprocessing": "{}", "state": {}}
    if where == "bare":
        path.write_bytes(trap)
    elif where == "whole":
        torch.save(Trap(canary), path)
    else:
        torch.save({**content, where: Trap(canary)}, path)
    with pytest.raises(ModelFileError):
        load_model(path)
    words = ["predict", "--model", str(path), "--data", str(path)]
    assert CliRunner().invoke(app, words).exit_code == 2
    assert not canary.exists()


@pytest.mark.parametrize("name", ["X", "y"])
def test_an_npz_file(name: str, canary: Path, tmp_path: Path):
    """An array of objects is a pickle."""
    path = tmp_path / "table.npz"
    arrays: dict[str, Any] = {"X": np.zeros((20, 2)), "y": np.arange(20.0)}
    arrays[name] = np.array([Trap(canary)] * 20, dtype=object)
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="pickled objects, which could run code"):
        load_dataset(path)
    with zipfile.ZipFile(path, "w") as archive:  # without NPY's own header
        for each in ("X", "y"):
            archive.writestr(each, pickle.dumps(Trap(canary)))
    with pytest.raises(DataError):
        load_dataset(path)
    assert not canary.exists()


def test_the_state_of_a_search(trap: bytes, canary: Path):
    """Text that is a pickle of the oldest protocol, which is text."""
    with pytest.raises(StateError):
        CoarseToFine.from_json(pickle.dumps(Trap(canary), protocol=0).decode("latin-1"))
    assert not canary.exists()


def test_the_state_of_a_ray_search(trap: bytes, canary: Path, tmp_path: Path):
    """By its path, and as Ray finds it in the folder that it restores from."""
    path = tmp_path / "searcher-state-2026.json"
    path.write_bytes(trap)
    search = CoarseToFineSearch({"x": tune.uniform(0, 1)}, "loss", "min", seed=0)
    with pytest.raises(StateError):
        search.restore(str(path))
    with pytest.raises(StateError):
        search.restore_from_dir(str(tmp_path))
    assert not canary.exists()


def test_the_folder_of_a_ray_experiment(trap: bytes, canary: Path, tmp_path: Path):
    """Ray's own reader unpickles parts of it; the report does not. The rest is still shown."""
    hidden = {"_type": "CLOUDPICKLE_FALLBACK", "value": trap.hex()}
    state: dict[str, Any] = {
        "trial_id": "a",
        "config": {"x": 0.5, "f": hidden},
        "status": "TERMINATED",
    }
    state |= {"storage": hidden, "results": trap.hex(), "placement_group_factory": trap.hex()}
    state |= {"relative_logdir": "../../etc"}
    about = {"start_time": 1.0, "last_result": {"loss": 0.25, "g": hidden}, "manager": hidden}
    trials = [
        [
            json.dumps({**state, "trial_id": i, "config": {**state["config"], "x": x}}),
            json.dumps(about),
        ]
        for i, x in (("a", 0.5), ("b", 0.75))
    ]
    file = tmp_path / "experiment_state-2026.json"
    file.write_text(json.dumps({"trial_data": trials, "runner_data": hidden}))
    for name in ("tuner.pkl", "trainable.pkl", "searcher-state-1.pkl", "search_gen_state-1.json"):
        (tmp_path / name).write_bytes(trap)
    results = results_of_ray_folder(tmp_path, metric="loss", mode="min")
    assert [t.values for t in results.trials] == [(0.25,), (0.25,)]
    assert set(results.space) == {"x"}
    assert "0.25" in page(results)
    assert not canary.exists()
    file.write_bytes(trap)
    with pytest.raises(ReportError):
        results_of_ray_folder(tmp_path, metric="loss", mode="min")
    assert not canary.exists()


def test_a_best_json_and_a_study(trap: bytes, canary: Path, tmp_path: Path):
    """A pickle in the place of the scores, and as attributes of the study and its trials."""
    path = tmp_path / "study.db"
    study = optuna.create_study(
        storage=f"sqlite:///{path}", sampler=CoarseToFineSampler(seed=0), study_name="tune_bn"
    )
    text = trap.decode("latin-1")
    for owner in (study, study.ask()):
        for key in ("tune_bn:identity", MARK_KEY, "tune_bn:reason", "constraints", "pickle"):
            owner.set_user_attr(key, text)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), 3)
    opened, _ = open_run(tmp_path)
    assert len(results_of(opened).trials) == 4
    (tmp_path / "best.json").write_bytes(trap)
    with pytest.raises(ReportError):
        open_run(tmp_path)
    assert not canary.exists()


def test_a_checkpoint_of_the_ray_backend(
    canary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A worker goes on from a file that lies in the output folder."""
    torch.save({"epoch": Trap(canary)}, tmp_path / "fit.pt")
    checkpoint = tune.Checkpoint.from_directory(str(tmp_path))
    monkeypatch.setattr(tune, "get_checkpoint", lambda: checkpoint)
    data = load_dataset("digits")
    with pytest.raises(pickle.UnpicklingError):
        ray_trials.train_trial(
            {**params_of(Config()), ray_trials.FIT_SEED: 0},
            dataset=data,
            epochs=1,
            metric="accuracy",
            device="cpu",
        )
    assert not canary.exists()


def test_nothing_in_the_package_unpickles_a_file():
    """The one `pickle.loads` reads what this very process sent through a pipe to its worker."""
    root = Path(__file__).parents[2] / "tune_bn"
    unsafe = ("pickle.load", "allow_pickle=True", "weights_only=False", "ExperimentAnalysis(str")
    found = {
        (str(file.relative_to(root)), sign)
        for file in root.rglob("*.py")
        for sign in unsafe
        if sign in file.read_text(encoding="utf-8")
    }
    assert found == {("tuning/trials/workers.py", "pickle.load")}
