"""How good the tuned network is on real tables, beside what people would use instead.

Twelve tables that packages ship, numbers and text, 178 to 20,190 rows. On each, for each seed, one
split: the tuned network, its default configuration, a guess, the linear model and boosting are what
``tune-bn tune`` itself shows; scikit-learn's random forest and multi-layer perceptron are fitted
here with their defaults, on the rows and inputs that the final network is trained on. So are, where
they are asked for and installed, two that are known to be good on tables: RealMLP (`pytabkit`;
Holzmüller et al. 2024, arXiv 2407.04491) and the pipeline of `skrub`. The score is that of the test
rows, which nothing saw: accuracy, or R². Seconds are the processor's, of one process.

    python -m benchmarks tables [--trials 60] [--seeds 5] [--tables cars wine] [--groups anchors]
"""

from __future__ import annotations

import argparse
import itertools
import json
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
from benchmarks.rows import RESULTS, environment, write_rows
from tune_bn.training import Dataset
from tune_bn.training.data import dataset_of
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings

__all__ = ["TABLES", "Scores", "goals", "main", "run", "scores_of", "summary"]

Task = Literal["classification", "regression"]
_PACKAGES = ("tune-bn", "torch", "numpy", "pandas", "scikit-learn")
_TUNED, _DEFAULT = "tuned network", "default network"
_NUMBER = "number of the row"


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
    trials: int = Settings.trials,
    seeds: int = 5,
    epochs: int = Settings.epochs,
    tables: Sequence[str] | None = None,
    groups: Sequence[str] = ("tool", "others"),
) -> list[dict[str, Any]]:
    """Measures what the file lacks, appends a row for each model to it, and returns these rows.

    All tables come with the first seed before any comes with the second.

    Args:
        out: A JSON lines file, made if it is missing; what it holds is not measured again.
        trials: Configurations of each search.
        seeds: Splits of each table.
        epochs: Of each training.
        tables: Names out of `TABLES`; None: all.
        groups: Names out of `GROUPS`.
    """
    rows = []
    for seed, name, group in itertools.product(range(seeds), tables or TABLES, groups):
        asked = {"trials": trials, "epochs": epochs} if group == "tool" else {}
        case = {"table": name, "seed": seed, "group": group, **asked}
        if any(case.items() <= row.items() for row in _read(out)):
            continue
        read, target, task = TABLES[name]
        table = read()
        data = dataset_of(table, target=target, name=name, task=task, seed=seed)
        settings = Settings(trials=trials, seed=seed, epochs=epochs)
        about = {
            "bench": "tables",
            **case,
            "task": task,
            "rows": [len(data.train), len(data.validation), len(data.test)],
            "inputs": data.n_features,
        }
        found = [
            {**about, **row, **environment(_PACKAGES)}
            for row in GROUPS[group](data, table, settings)
        ]
        write_rows(out, found)
        rows += found
    return rows


def _read(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def _of_the_tool(data: Dataset, _table: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:

    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        summary = tune(data, folder, settings).summary
    seconds = time.process_time() - begun
    best = summary["best"]
    scores = {_TUNED: best["test"], **summary["baselines"]}
    about = {"is_default": best["is_default"], "params": best["params"]}
    return [
        _row(model, score, data, **({"cpu": seconds, **about} if model == _TUNED else {}))
        for model, score in scores.items()
    ]


def _row(
    model: str,
    score: Mapping[str, float] | None,
    data: Dataset,
    *,
    cpu: float | None = None,
    **more: Any,
) -> dict[str, Any]:
    metric = "r2" if data.task == "regression" else "accuracy"
    return {
        "model": model,
        "score": None if score is None else round(score[metric], 5),
        "loss": None if score is None else round(score["loss"], 5),
        "cpu_seconds": None if cpu is None else round(cpu, 2),
        **more,
    }


def _others(data: Dataset, _table: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kinds = {
        "random forest": (RandomForestClassifier, RandomForestRegressor),
        "scikit-learn's MLP": (MLPClassifier, MLPRegressor),
    }
    return [
        _fitted(model, of_task[data.task == "regression"](random_state=settings.seed), data)
        for model, of_task in kinds.items()
    ]


def _anchors(data: Dataset, table: pd.DataFrame, settings: Settings) -> list[dict[str, Any]]:
    """RealMLP on the network's inputs, skrub's pipeline on the table itself, both untuned."""
    import skrub
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Regressor if data.task == "regression" else RealMLP_TD_Classifier
    network = kind(random_state=settings.seed, device="cpu", n_threads=1)
    pipeline = skrub.tabular_pipeline("regressor" if data.task == "regression" else "classifier")
    return [
        _fitted("RealMLP", network, data),
        _fitted("skrub's pipeline", pipeline, data, *rows_of(data, table, settings.seed)),
    ]


def rows_of(data: Dataset, table: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the inputs that a dataset was made of, of its training and validation and test rows.

    Args:
        data: Made of the table with this seed.
        table: Numbered from 0.
        seed: Of the split.
    """
    # Weights tell here which row is which; their mean is made 1, and the split is the same.
    labelled = table[table[data.target].notna()]
    numbers = np.arange(1.0, len(labelled) + 1)
    asked: dict[str, Any] = {"target": data.target, "task": data.task, "seed": seed}
    split = dataset_of(labelled.assign(**{_NUMBER: numbers}), weights=_NUMBER, **asked)
    parts = []
    for part in (split.train, split.validation, split.test):
        assert part.weight is not None
        places = np.rint(part.weight.double().numpy() * numbers.mean()).astype(int) - 1
        parts.append(labelled.drop(columns=data.target).iloc[places])
    return pd.concat(parts[:2]), parts[2]


def _fitted(
    model: str, estimator: Any, data: Dataset, x: Any = None, x_test: Any = None
) -> dict[str, Any]:
    """Fits on training and validation rows, as the final network is, and scores the test rows."""
    if x is None:
        x = np.concatenate([data.train.x.numpy(), data.validation.x.numpy()])
        x_test = data.test.x.numpy()
    y = np.concatenate([data.train.y.numpy(), data.validation.y.numpy()])
    y_test = data.test.y.numpy()
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few epochs, which are the model's default
        estimator.fit(x, y)
        seconds = time.process_time() - begun
        if data.task == "regression":
            errors = np.square(np.asarray(estimator.predict(x_test)).ravel() - y_test)
            loss = float(errors.mean())
            score = {"r2": 1.0 - loss / float(y_test.var()), "loss": loss}
            return _row(model, score, data, cpu=seconds)
        odds = estimator.predict_proba(x_test)
    chosen = np.maximum(odds[np.arange(len(y_test)), y_test], 1e-12)
    score = {"accuracy": float((odds.argmax(axis=1) == y_test).mean())}
    return _row(model, {**score, "loss": -float(np.log(chosen).mean())}, data, cpu=seconds)


GROUPS: dict[str, Callable[[Dataset, pd.DataFrame, Settings], list[dict[str, Any]]]] = {
    "tool": _of_the_tool,
    "others": _others,
    "anchors": _anchors,
}
"""Models that are measured together: what the tool shows, scikit-learn's, and networks' anchors."""


Scores = dict[str, dict[str, dict[int, float]]]
"""Table → model → seed → score; the guess and the linear model have one name for both tasks."""

_GOALS = (
    (_DEFAULT, "ahead by more than its error on half of the tables, behind on none"),
    ("linear", "behind on none"),
    ("scikit-learn's MLP", "ahead on 8 of 10"),
    ("RealMLP", "ahead on 5 of 10"),
)


def scores_of(rows: Iterable[Mapping[str, Any]]) -> Scores:
    """Returns the scores of the seeds that the tuned network has, so that all are of one split."""
    of: Scores = {}
    for row in rows:
        if row["score"] is not None:
            guess = "a guess" if row["model"].startswith("always") else row["model"]
            model = "linear" if guess.endswith("regression") else guess
            of.setdefault(row["table"], {}).setdefault(model, {})[row["seed"]] = row["score"]
    return {
        table: {
            model: both
            for model, scores in found.items()
            if (both := {seed: scores[seed] for seed in scores if seed in found[_TUNED]})
        }
        for table, found in of.items()
        if _TUNED in found
    }


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns a table in Markdown: for each table the mean score of each model over the seeds.

    How many seeds the tuned network has stands first.

    After the tuned network's stands by how much it is ahead of its default configuration, ± the
    standard error of that difference over the seeds.
    """
    of = scores_of(rows)
    models = list(dict.fromkeys(model for found in of.values() for model in found))
    models.sort(key=lambda model: model not in (_TUNED, _DEFAULT))
    body = []
    for name, found in of.items():
        cells = [f"{statistics.mean(found[m].values()):.3f}" if m in found else "–" for m in models]
        tuned = found.get(_TUNED, {})
        body.append([name, str(len(tuned)), *cells, _ahead(tuned, found.get(_DEFAULT, {}))])
    return markdown_table(["table", "seeds", *models, "ahead of its default"], body)


def goals(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns a table in Markdown: on how many tables the tuned network is ahead of each other.

    Only tables with two seeds or more count; the error is the standard error of the difference
    over the seeds.
    """
    of = scores_of(rows)
    body = []
    for model, goal in _GOALS:
        gains = [_gains(found.get(_TUNED, {}), found.get(model, {})) for found in of.values()]
        known = [(statistics.mean(g), _error(g)) for g in gains if len(g) > 1]
        counts = (
            len(known),
            sum(gain > 0 for gain, _ in known),
            sum(gain > error for gain, error in known),
            sum(gain < -error for gain, error in known),
        )
        body.append([model, *map(str, counts), goal])
    head = ["beside", "tables", "ahead", "… by more than the error", "behind by more than it"]
    return markdown_table([*head, "goal"], body)


def _gains(own: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    return [own[seed] - other[seed] for seed in sorted(own.keys() & other.keys())]


def _error(gains: Sequence[float]) -> float:
    return float(statistics.stdev(gains) / len(gains) ** 0.5)


def _ahead(own: Mapping[int, float], other: Mapping[int, float]) -> str:
    gains = _gains(own, other)
    if not gains:
        return "–"
    if len(gains) == 1:
        return f"{gains[0]:+.3f}"
    return f"{statistics.mean(gains):+.3f} ± {_error(gains):.3f}"


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line and prints its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "tables.jsonl", help="file to append rows to"
    )
    parser.add_argument("--trials", type=int, default=Settings.trials)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES))
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=["tool", "others"])
    options = parser.parse_args(arguments)
    run(**vars(options))
    print(summary(_read(options.out)))


class _Plain(argparse.RawDescriptionHelpFormatter):
    """Keeps the description's lines as they are."""


if __name__ == "__main__":
    main()
