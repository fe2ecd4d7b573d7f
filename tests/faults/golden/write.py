"""The birth certificate of the files beside it: ``python -m tests.faults.golden.write``.

Run once for a release, at its tag; the files of earlier releases stay as they are, and tests read
all of them for ever:

- ``study-VERSION.sql``: the study of a folder that ``tune-bn tune`` wrote, as ``.dump`` prints it;
- ``journal-VERSION.log``: an Optuna journal with a study of `CoarseToFineSampler`;
- ``search-VERSION.json``: `CoarseToFine.to_json`; ``ray-VERSION.json``: `CoarseToFineSearch.save`;
- ``model-VERSION.pt`` and ``model-VERSION.json``: a model file, and what it predicts;
- ``next-VERSION.json``: what each of the searches draws next.
"""

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from ray import tune as ray_tune

from tests.support.command import small_table
from tests.support.storages import open_storage
from tests.support.worker import objective
from tune_bn import Categorical, CoarseToFine, Float, Int, __version__
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.ray import CoarseToFineSearch
from tune_bn.training import load_dataset
from tune_bn.tuning import load_model
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings

HERE = Path(__file__).parent
SETTINGS = Settings(trials=12, epochs=2)
ROWS = pd.DataFrame({"x": [-1.0, 0.0, 2.5]})


def drawn_next(study: optuna.Study) -> dict[str, Any]:
    """Returns what the next trial of a study of `objective` draws."""
    trial = study.ask()
    objective(trial)
    return trial.params


def main() -> None:
    """Writes the files of this version, and none of another."""
    following: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        tune(load_dataset(small_table(Path(folder)), target="y"), out, SETTINGS)
        with closing(sqlite3.connect(out / "study.db")) as database:
            text = "\n".join(database.iterdump()) + "\n"
        (HERE / f"study-{__version__}.sql").write_text(text)
        (HERE / f"model-{__version__}.pt").write_bytes((out / "model.pt").read_bytes())
        predicted = load_model(out / "model.pt").predict_proba(ROWS).tolist()
        (HERE / f"model-{__version__}.json").write_text(json.dumps(predicted) + "\n")
        journal = Path(folder) / "journal.log"
        study = optuna.create_study(
            study_name="golden",
            storage=open_storage(f"journal:{journal}"),
            sampler=CoarseToFineSampler(seed=0),
        )
        study.optimize(objective, n_trials=20)
        (HERE / f"journal-{__version__}.log").write_bytes(journal.read_bytes())
        following["journal"] = drawn_next(study)
        space = {
            "lr": Float(1e-4, 1.0, log=True),
            "beta": Float(0.9, 0.999, one_minus_log=True),
            "n": Int(1, 100),
            "kind": Categorical(["a", "b", None]),
        }
        search = CoarseToFine(space, seed=0)
        for i in range(20):
            trial = search.ask()
            search.tell(trial, trial.params["lr"], state="failed" if i % 7 == 6 else "complete")
        search.ask()
        (HERE / f"search-{__version__}.json").write_text(search.to_json())
        following["search"] = dict(search.ask().params)
        for_ray = CoarseToFineSearch(
            {"lr": ray_tune.loguniform(1e-4, 1), "net": {"n": ray_tune.randint(1, 100)}},
            "loss",
            "min",
            seed=0,
        )
        for i in range(20):
            config = for_ray.suggest(f"t{i}")
            for_ray.on_trial_complete(f"t{i}", {"loss": config["lr"], "training_iteration": 1})
        for_ray.suggest("running")
        for_ray.save(str(HERE / f"ray-{__version__}.json"))
        following["ray"] = for_ray.suggest("next")
    (HERE / f"next-{__version__}.json").write_text(json.dumps(following, indent=1) + "\n")


if __name__ == "__main__":
    main()
