"""Saved searches, scores and models as strangers hand them over: sound, odd and damaged."""

import io
import json
import random
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ray import tune

from tests.fuzz.mutate import NUMBERS, TEXTS, damaged, damaged_json, spoiled_text
from tune_bn import Categorical, CoarseToFine, Float, Int, Narrowing
from tune_bn.ray import CoarseToFineSearch
from tune_bn.training import Config, load_dataset
from tune_bn.training.model_file import save_model
from tune_bn.tuning.finish.networks import train_networks
from tune_bn.tuning.trials.workers import Workers

__all__ = ["core_state", "model_file", "ray_state", "summary_file"]


@cache
def _core_seeds() -> Sequence[Any]:
    searches = []
    for seed, trials in enumerate((0, 3, 14, 40)):
        search = CoarseToFine(
            {
                "lr": Float(1e-4, 1.0, log=True),
                "beta": Float(0.9, 0.999, one_minus_log=True),
                "q": Float(0.0, 1.0, step=0.25),
                "n": Int(1, 9),
                "m": Int(1, 1000, log=True),
                "kind": Categorical(["a", None, 2.5]),
                "momentum": Float(0.0, 1.0),
            },
            seed=seed,
            directions=["minimize", "maximize"] if seed == 2 else "minimize",
            conditions={"momentum": ("kind", "a")},
        )
        for i in range(trials):
            trial = search.ask()
            value: Any = (i % 5, 1.0) if seed == 2 else float(i % 7)
            if i % 6 == 5:
                search.tell(trial, None)
            elif i % 9:
                search.tell(trial, value, progress=i % 3, violation=i % 2)
        searches.append(search)
    return [json.loads(search.to_json()) for search in searches]


def core_state(rng: random.Random) -> bytes:
    """Returns the text of a `CoarseToFine`."""
    seed = rng.choice(_core_seeds())
    text = damaged_json(rng, seed) if rng.random() < 0.8 else json.dumps(seed)
    return spoiled_text(rng, text)


@cache
def _ray_seeds() -> Sequence[Any]:
    seeds = []
    spaces: Sequence[dict[str, Any] | None] = (
        None,
        {"x": tune.uniform(0, 1), "n": tune.randint(0, 5)},
        {
            "lr": tune.loguniform(1e-4, 1),
            "net": {"act": tune.choice(["relu", ("t", 1), None, 1.5])},
            "opt": tune.choice(["sgd", {"beta": tune.quniform(0, 1, 0.1), "n": [tune.randn(), 3]}]),
            "constants": [1, (2, float("inf")), {"a": None}],
        },
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "state.json")
        for space in spaces:
            for trials in (0, 12):
                search = CoarseToFineSearch(
                    space,
                    "loss" if space or trials else None,
                    "min" if space or trials else None,
                    seed=3,
                    points_to_evaluate=None if space is None else [{}],
                    narrowing=Narrowing(coarse_trials=5),
                )
                if space is not None:
                    search.add_evaluated_point({"lr": 0.1} if "lr" in space else {"x": 0.5}, 3.0)
                    for i in range(trials):
                        search.suggest(f"t{i}")
                        search.on_trial_result(f"t{i}", {"loss": 0.5, "training_iteration": 1})
                        if i % 4:
                            search.on_trial_complete(f"t{i}", {"loss": i % 5})
                search.save(str(path))
                seeds.append(json.loads(path.read_text()))
    return seeds


def ray_state(rng: random.Random) -> bytes:
    """Returns the file that `CoarseToFineSearch.save` writes."""
    seed = rng.choice(_ray_seeds())
    text = damaged_json(rng, seed) if rng.random() < 0.8 else json.dumps(seed)
    return spoiled_text(rng, text)


_SUMMARY: dict[str, Any] = {
    "tune_bn": "0.1.0",
    "written": "2026-01-01T00:00:00+00:00",
    "data": {
        "name": "table.csv",
        "target": "kind",
        "task": "classification",
        "fingerprint": "0" * 64,
        "rows": {"train": 60, "validation": 20, "test": 20},
        "notes": ["left out column 'a'"],
    },
    "metric": "accuracy",
    "maximize": True,
    "seed": 0,
    "epochs": 30,
    "best": {
        "trial": 3,
        "params": {"width": 128, "learning_rate": 0.1, "decay": None},
        "fit_seed": 7,
        "is_default": False,
        "search": 0.9,
        "cross_validation": {"accuracy": 0.9, "loss": 0.2},
        "test": {"accuracy": 0.88, "loss": 0.3},
    },
    "baselines": {"linear": {"accuracy": 0.7, "loss": 0.5}, "default network": None},
    "final": [{"trial": 3, "params": {"width": 128}, "cross_validation": None, "folds": 5}],
    "folds": 5,
    "search": {"trials": 12, "complete": 9, "pruned": 2, "failed": 1, "seconds": 1.5},
    "stages": [
        {"name": "coarse", "trials": 8, "width": 1.0, "best_value": 0.9, "windows": {"x": [0, 1]}}
    ],
    "versions": {"python": "3.11", "torch": "2.13"},
}


def summary_file(rng: random.Random) -> bytes:
    """Returns a ``best.json``."""
    text = damaged_json(rng, _SUMMARY) if rng.random() < 0.9 else json.dumps(_SUMMARY)
    return spoiled_text(rng, text)


@cache
def _model_seeds() -> Sequence[bytes]:
    """Returns model files of a classification and of a regression, of one network and of two."""
    draw = np.random.default_rng(0)
    found = []
    with TemporaryDirectory() as folder:
        for target in ("kind", "price"):
            table, path = Path(folder, "table.csv"), Path(folder, "model.pt")
            rows = ["size,town,built,kind,price"]
            rows += [
                f"{draw.normal():.3f},{'ABC'[i % 3]},2024-01-{1 + i % 28:02d},"
                f"{'no' if i % 2 else 'yes'},{draw.normal():.3f}"
                for i in range(60)
            ]
            table.write_text("\n".join(rows))
            data = load_dataset(table, target=target)
            for config in (Config(width=4, depth=1), Config(width=3, depth=2, decay=0.9)):
                networks = 1 if config.decay is None else 2
                (trained,) = train_networks(
                    [(config, 0)], data, networks=networks, epochs=1, workers=Workers(1)
                )
                assert trained.model is not None
                save_model(
                    path,
                    model_config=config,
                    model=trained.model,
                    dataset=data,
                    metrics={"test": {"loss": 0.5}},
                )
                found.append(path.read_bytes())
    return found


def model_file(rng: random.Random) -> bytes:
    """Returns a ``model.pt``: its bytes damaged, or its parts changed and packed again."""
    data = rng.choice(_model_seeds())
    what = rng.randrange(10)
    if what == 0:
        return data
    if what < 3:
        return damaged(rng, data, rng.choice(_model_seeds()))
    if what < 5:
        return _repacked(rng, data)
    content = torch.load(io.BytesIO(data), weights_only=True)
    for _ in range(rng.choice((1, 1, 2))):
        _change_content(rng, content)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _repacked(rng: random.Random, data: bytes) -> bytes:
    """Returns the archive with one member damaged; the archive itself stays sound."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        chosen = rng.choice([n for n in names if n.endswith("data.pkl")] * 3 + names)
        for name in names:
            content = old.read(name)
            if name == chosen:
                content = damaged(rng, content, content)
                if rng.randrange(100) == 0:  # zeros, or a list for each byte
                    content = rng.choice((b"\0", b"]")) * rng.choice((10**6, 10**7))
            compress = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            new.writestr(name, content, compress_type=compress)
    return buffer.getvalue()


def _change_content(rng: random.Random, content: Any) -> None:
    what = rng.randrange(8)
    if what < 4 and rng.randrange(20) == 0:
        _claim_a_large_network(content)
    elif what < 4:
        part = rng.choice(("about", "preprocessing"))
        if isinstance(content.get(part), str):
            try:
                text = damaged_json(rng, json.loads(content[part]))
            except (ValueError, RecursionError):
                return
            content[part] = spoiled_text(rng, text).decode("utf-8", "replace")
    elif what == 4:
        content[rng.choice(list(content))] = rng.choice(
            (*NUMBERS, *TEXTS, [], {}, None, _doubling())
        )
    elif what == 5:
        content.pop(rng.choice(list(content)))
    elif isinstance(content.get("state"), dict) and content["state"]:
        name = rng.choice(list(content["state"]))
        if rng.random() < 0.2:
            content["state"].pop(name)
        else:
            content["state"][name] = _tensor(rng, content["state"][name])


def _claim_a_large_network(content: Any) -> None:
    """Says that a network has a billion weights, and shows as many, which are all the same few."""
    try:
        about = json.loads(content["about"])
        about["config"] |= {"width": 20_000, "depth": 3}
        content["about"] = json.dumps(about)
        weights = torch.zeros(1_000_000)
        content["state"] |= {f"more {i}": weights for i in range(1000)}
    except (KeyError, TypeError, ValueError, RecursionError):
        return  # changed before


def _doubling() -> Any:
    """Returns a list that takes little room, and a terabyte if it is written out."""
    inside: list[Any] = ["x"]
    for _ in range(40):
        inside = [inside, inside]
    return inside


def _tensor(rng: random.Random, old: Any) -> Any:
    is_small = isinstance(old, torch.Tensor) and old.numel() < 10**6  # or changed before
    shape = tuple(old.shape) if is_small else (2,)
    makers = (
        lambda: torch.full(shape, float("nan")),
        lambda: torch.full(shape, 1e38),
        lambda: torch.zeros((*shape, 1)),
        lambda: torch.zeros(shape, dtype=torch.complex64),
        lambda: torch.zeros(shape, dtype=torch.float16),
        lambda: torch.zeros(shape, dtype=torch.int64),
        lambda: torch.zeros(1).expand((10**9, 10**3)),
        lambda: torch.zeros(()).expand(shape),
        lambda: torch.zeros(shape).to_sparse(),
        lambda: torch.zeros(shape, device="meta"),
        lambda: torch.zeros((*shape, 2))[..., 0],
        lambda: rng.choice((*NUMBERS, *TEXTS, None)),
    )
    return rng.choice(makers)()
