"""How good the tuned network is on real tables, beside what people would use instead.

Twelve tables that packages ship, numbers and text, 178 to 20,190 rows. On each, for each seed, one
split: the tuned network, its default configuration, a guess, the linear model and boosting are what
``tune-bn tune`` itself shows; scikit-learn's random forest and multi-layer perceptron are fitted
here with their defaults, on the rows and inputs that the final network is trained on. The score is
that of the test rows, which nothing saw: accuracy, or R².

    python -m benchmarks tables --out FILE [--trials 60] [--seeds 5] [--tables cars wine]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn import datasets as of_sklearn

from benchmarks.markdown import table as markdown_table
from benchmarks.rows import environment, write_rows
from tune_bn.training import Dataset
from tune_bn.training.data import dataset_of
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings

__all__ = ["TABLES", "main", "run", "summary"]

Task = Literal["classification", "regression"]
_PACKAGES = ("tune-bn", "torch", "numpy", "pandas", "scikit-learn")
_TUNED, _DEFAULT = "tuned network", "default network"


def _file(package: str, path: str) -> Path:
    """Returns a file that a package ships, without importing the package.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        return Path(str(distribution(package).locate_file(path)))
    except PackageNotFoundError as error:
        raise ModuleNotFoundError(
            f"This table needs {package}, but it is not installed. "
            f"Install it with: pip install -c constraints.txt {package}"
        ) from error


def _sklearn(name: str) -> pd.DataFrame:
    bunch = getattr(of_sklearn, f"load_{name}")(as_frame=True)
    found: pd.DataFrame = bunch.frame
    return found


def _vega(name: str) -> pd.DataFrame:
    path = _file("vega_datasets", f"vega_datasets/_data/{name}")
    return pd.read_csv(path) if name.endswith(".csv") else pd.read_json(path)


def _statsmodels(name: str, separator: str = ",") -> pd.DataFrame:
    path = _file("statsmodels", f"statsmodels/datasets/{name}/{name}.csv")
    return pd.read_csv(path, sep=separator, quotechar="'" if separator == "\t" else '"')


def _penguins() -> pd.DataFrame:
    return pd.read_csv(_file("palmerpenguins", "palmerpenguins/data/penguins.csv"))


def _modes() -> pd.DataFrame:
    """Returns one row a traveller: what each of four ways would take and cost, and which it was."""
    long = _statsmodels("modechoice", ";")
    wide = long.pivot_table(index="individual", columns="mode", values=["ttme", "invc", "invt"])
    pairs: list[Any] = wide.columns.tolist()
    wide.columns = pd.Index([f"{what}_{mode}" for what, mode in pairs])
    own = long.groupby("individual")[["hinc", "psize"]].first()
    chosen = long[long["choice"] == 1].set_index("individual")["mode"]
    return wide.join(own).assign(mode=chosen.map({1: "air", 2: "train", 3: "bus", 4: "car"}))


TABLES: dict[str, tuple[Callable[[], pd.DataFrame], str, Task]] = {
    "breast cancer": (lambda: _sklearn("breast_cancer"), "target", "classification"),
    "wine": (lambda: _sklearn("wine"), "target", "classification"),
    "digits": (lambda: _sklearn("digits"), "target", "classification"),
    "diabetes": (lambda: _sklearn("diabetes"), "target", "regression"),
    "penguins": (_penguins, "body_mass_g", "regression"),
    "cars": (lambda: _vega("cars.json"), "Miles_per_Gallon", "regression"),
    "weather": (lambda: _vega("seattle-weather.csv"), "weather", "classification"),
    "affairs": (lambda: _statsmodels("fair"), "rate_marriage", "classification"),
    "voters": (lambda: _statsmodels("anes96", "\t"), "vote", "classification"),
    "travellers": (_modes, "mode", "classification"),
    "doctors": (lambda: _statsmodels("randhie"), "mdvis", "regression"),
    "schools": (lambda: _statsmodels("star98"), "LOWINC", "regression"),
}
"""Name → how to read the table, its target, and the task."""


def run(
    out: Path,
    *,
    trials: int = 60,
    seeds: int = 5,
    epochs: int = 30,
    tables: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Measures, appends a row for each table, seed and model to a JSON lines file, returns them.

    Args:
        out: The file, made if it is missing.
        trials: Configurations of each search.
        seeds: Splits of each table.
        epochs: Of each training.
        tables: Names out of `TABLES`; None: all.
    """
    rows = []
    for name in tables or TABLES:
        read, target, task = TABLES[name]
        for seed in range(seeds):
            data = dataset_of(read(), target=target, name=name, task=task, seed=seed)
            about = {
                "bench": "tables",
                "table": name,
                "task": task,
                "rows": [len(data.train), len(data.validation), len(data.test)],
                "inputs": data.n_features,
                "seed": seed,
                "trials": trials,
                "epochs": epochs,
            }
            for found in (*_of_the_tool(data, trials, seed, epochs), *_others(data, seed)):
                rows.append({**about, **found, **environment(_PACKAGES)})
                write_rows(out, rows[-1:])
    return rows


def _of_the_tool(data: Dataset, trials: int, seed: int, epochs: int) -> list[dict[str, Any]]:
    metric = "r2" if data.task == "regression" else "accuracy"
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        summary = tune(data, folder, Settings(trials=trials, seed=seed, epochs=epochs)).summary
    seconds = time.perf_counter() - begun
    scores = {_TUNED: summary["best"]["test"], **summary["baselines"]}
    return [
        {
            "model": model,
            "score": None if score is None else round(score[metric], 5),
            "seconds": round(seconds, 2) if model == _TUNED else None,
            "is_default": summary["best"]["is_default"] if model == _TUNED else None,
        }
        for model, score in scores.items()
    ]


def _others(data: Dataset, seed: int) -> list[dict[str, Any]]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kinds = {
        "random forest": (RandomForestClassifier, RandomForestRegressor),
        "scikit-learn's MLP": (MLPClassifier, MLPRegressor),
    }
    x = np.concatenate([data.train.x.numpy(), data.validation.x.numpy()])
    y = np.concatenate([data.train.y.numpy(), data.validation.y.numpy()])
    found = []
    for model, of_task in kinds.items():
        begun = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its default number of epochs
            fitted = of_task[data.task == "regression"](random_state=seed).fit(x, y)
        seconds = time.perf_counter() - begun
        score = float(fitted.score(data.test.x.numpy(), data.test.y.numpy()))
        row = {"model": model, "score": round(score, 5), "seconds": round(seconds, 2)}
        found.append(row | {"is_default": None})
    return found


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns a table in Markdown: for each table the mean score of each model over the seeds.

    After the tuned network's stands by how much it is ahead of its default configuration, ± the
    standard error of that difference over the seeds.
    """
    of: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        if row["score"] is not None:
            guess = "a guess" if row["model"].startswith("always") else row["model"]
            model = "linear" if guess.endswith("regression") else guess
            of.setdefault(row["table"], {}).setdefault(model, {})[row["seed"]] = row["score"]
    models = list(dict.fromkeys(model for found in of.values() for model in found))
    body = []
    for name, found in of.items():
        cells = [f"{statistics.mean(found[m].values()):.3f}" if m in found else "–" for m in models]
        body.append([name, *cells, _ahead(found.get(_TUNED, {}), found.get(_DEFAULT, {}))])
    return markdown_table(["table", *models, "ahead of its default"], body)


def _ahead(own: Mapping[int, float], other: Mapping[int, float]) -> str:
    gains = [own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())]
    if not gains:
        return "–"
    error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return f"{statistics.mean(gains):+.3f} ± {error:.3f}"


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line and prints its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines file to append to")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES))
    options = parser.parse_args(arguments)
    print(summary(run(**vars(options))))


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines as they are."""


if __name__ == "__main__":
    main()
