"""Your own table: from a CSV file with text, gaps and all to a tuned network and predictions.

The example writes a small file of homes first; put your own in its place. Text columns become
categories, gaps are filled, and the test score is on rows that neither training nor search saw.
Beside it stand the default network, a line and boosted trees: take the simplest that does as well.
Since the homes are made up, it is known how well anything could do: the formula behind the prices
is off too, by what chance added to them. A score near that is as good as it gets, and more trials
are worth nothing. On the command line, the same is

    tune-bn tune --data homes.csv --target price --trials 24 --epochs 20 --out homes --fresh
    tune-bn predict --model homes/model.pt --data new.csv --out predictions.csv

    python examples/your_own_table.py [--smoke-test]    # writes homes.csv and the folder homes
"""

import argparse
import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from tune_bn.report import write_report
from tune_bn.training import load_dataset
from tune_bn.tuning import load_model
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings

CHANCE = 0.05  # of a price nobody can know more


def homes(n: int, seed: int) -> pd.DataFrame:
    """Returns made-up homes; what a square metre costs depends on district, age and floor."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "area": random.uniform(25, 160, n).round(),
            "floor": random.integers(0, 8, n).astype(float),
            "built": random.integers(1900, 2025, n).astype(float),
            "district": random.choice(["centre", "harbour", "north", "west"], n),
        }
    )
    metre = table["district"].map({"centre": 9, "harbour": 7, "north": 4, "west": 5})
    age = ((2025 - table["built"]) / 125).clip(upper=0.8)
    price = table["area"] * metre * (1 - 0.4 * age) * np.where(table["floor"] == 0, 0.85, 1)
    table["price"] = (price * random.normal(1, CHANCE, n)).round(1)
    for column in ("floor", "built", "district"):  # as in life: some things nobody wrote down
        table.loc[random.random(n) < 0.01, column] = None
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    is_smoke_test = parser.parse_args().smoke_test
    settings = Settings(trials=4, epochs=5) if is_smoke_test else Settings(trials=24, epochs=20)

    homes(300 if is_smoke_test else 1000, seed=0).to_csv("homes.csv", index=False)
    dataset = load_dataset("homes.csv", target="price")
    print(f"homes.csv: {len(dataset.train)} rows for training, {len(dataset.validation)} for the "
          f"search, {len(dataset.test)} for the test; {dataset.task}")  # fmt: skip

    # Otherwise it would go on with an earlier run, and refuse one of other rows (a smoke test's).
    outcome = tune(dataset, "homes", settings, resume=False, write_report=write_report)
    best = outcome.summary["best"]
    print("best configuration:", json.dumps(best["params"]))
    print("test scores, on rows that nothing saw before:")
    for name, scores in {"tuned network": best["test"], **outcome.summary["baselines"]}.items():
        print(f"  {name}: R² {scores['r2']:.3f}, off by {scores['rmse']:.1f} (root mean square)")

    model = load_model("homes/model.pt")
    new = homes(200, seed=1)
    off = (model.predict(new.drop(columns="price")) - new["price"]).abs() / new["price"]
    best_possible = NormalDist(0, CHANCE).inv_cdf(0.75)  # half of what chance adds is within it
    print(f"{len(new)} new homes: half of the prices are off by less than {off.median():.1%}, "
          f"by the formula that made them {best_possible:.1%}")  # fmt: skip
    print("in the folder homes:", *sorted(path.name for path in Path("homes").glob("[!.]*")))


if __name__ == "__main__":
    main()
