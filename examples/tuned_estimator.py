"""Your own data frame: the tuned network among scikit-learn's estimators.

`TunedRegressor` takes the table as it is, with text, gaps and dates, and tunes itself when it is
fitted; beside it stands scikit-learn's gradient boosting on the same folds. What the command
`tune-bn tune` writes into a folder are attributes here, and `save` writes its model file.

    pip install 'tune-bn[cli]'
    python examples/tuned_estimator.py [--smoke-test]    # writes homes.html and homes.pt
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import cross_val_score

from tune_bn.sklearn import TableWarning, TunedRegressor


def homes(n: int) -> pd.DataFrame:
    """Returns made-up homes; what a square metre costs depends on district, age and floor."""
    random = np.random.default_rng(0)
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
    table["price"] = (price * random.normal(1, 0.05, n)).round(1)
    for column in ("floor", "built", "district"):  # as in life: some things nobody wrote down
        table.loc[random.random(n) < 0.01, column] = None
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    is_smoke_test = parser.parse_args().smoke_test
    warnings.simplefilter("ignore", TableWarning)  # they are printed below

    table = homes(200 if is_smoke_test else 800)
    inputs, price = table.drop(columns="price"), table["price"]
    tuned = TunedRegressor(trials=2, epochs=4) if is_smoke_test else TunedRegressor(trials=10)
    boosting = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
    as_categories = inputs.astype({"district": "category"})
    for name, estimator, x in (
        ("tuned network", tuned, inputs),
        ("gradient boosting", boosting, as_categories),
    ):
        scores = cross_val_score(estimator, x, price, cv=2)
        print(f"{name}: R² {scores.mean():.3f} in cross-validation")

    tuned.fit(inputs, price)
    print("best configuration:", tuned.best_params_)
    for note in tuned.notes_:
        print("note:", note)
    tuned.report("homes.html")
    tuned.save("homes.pt")
    again = TunedRegressor.load("homes.pt")
    print("the first three homes:", again.predict(inputs[:3]).round(1).tolist())


if __name__ == "__main__":
    main()
