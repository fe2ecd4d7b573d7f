"""Pickles of this version's objects: ``python -m tests.faults.golden.pickles``.

People keep these in files of their own: a sampler beside a study, Ray's own pickle of a Tuner, a
whole network. Written once for a release, before modules move; later versions load them for ever.
Nothing in the package itself reads a pickle.
"""

import base64
import json
import pickle
import tempfile
from pathlib import Path
from typing import Any

import torch
from ray import cloudpickle, tune

from tune_bn import Categorical, Float, Int, Narrowing, __version__
from tune_bn.nn import MLP, BatchNorm1d, BatchNorm2d
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.ray import CoarseToFineSearch, StagesCallback, one_minus_loguniform

HERE = Path(__file__).parent


def objects() -> dict[str, Any]:
    """Returns what is pickled, by name."""
    torch.manual_seed(0)
    search = CoarseToFineSearch(seed=3)
    return {
        "sampler": CoarseToFineSampler(seed=3, narrowing=Narrowing(coarse_trials=6)),
        "narrowing": Narrowing.for_budget(50),
        "space": {
            "x": Float(1e-4, 1.0, log=True),
            "m": Float(0.9, 0.999, one_minus_log=True),
            "n": Int(1, 64, log=True),
            "c": Categorical(["a", "b"]),
        },
        "layers": [BatchNorm1d(3), BatchNorm2d(2, decays=(0.9, 0.99)), MLP(3, 1, width=4, depth=1)],
        "callback": StagesCallback(search),
    }


def tuner() -> bytes:
    """Returns Ray's own pickle of a Tuner that uses the search, as it lies in its experiment."""
    space = {
        "x": tune.uniform(0, 1),
        "m": one_minus_loguniform(0.9, 0.999),
        "q": tune.quniform(0, 1, 0.1),
        "g": tune.randn(0, 1),
    }
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            lambda config: tune.report({"loss": config["x"]}),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=1, search_alg=CoarseToFineSearch(seed=1)
            ),
            run_config=tune.RunConfig(storage_path=folder, name="e", verbose=0),
        ).fit()
        return (Path(folder) / "e" / "tuner.pkl").read_bytes()


def main() -> None:
    """Writes the file of this version."""
    pickles = {name: pickle.dumps(value, protocol=4) for name, value in objects().items()}
    pickles |= {"search": cloudpickle.dumps(CoarseToFineSearch(seed=3)), "tuner": tuner()}
    text = json.dumps({name: base64.b64encode(data).decode() for name, data in pickles.items()})
    (HERE / f"pickles-{__version__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
