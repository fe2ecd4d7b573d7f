"""Error against latency: windows around the Pareto front instead of around one best trial.

A random forest reads digits. More and deeper trees are right more often and take longer to answer;
no single forest is best. The search draws in windows around the forests that no other beats in
both, so the trials gather along the front, also in its middle.

    python examples/optuna_multi_objective.py [--smoke-test]    # writes pareto.html
"""

import argparse
import time

import optuna
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from tune_bn.optuna import CoarseToFineSampler, stages
from tune_bn.report import plot_pareto


def error_and_latency(trial: optuna.Trial) -> tuple[float, float]:
    """Returns the share of wrong answers in %, and milliseconds for one answer."""
    x, y = load_digits(return_X_y=True)
    x, x_valid, y, y_valid = train_test_split(x, y, test_size=0.4, random_state=0, stratify=y)
    forest = RandomForestClassifier(
        n_estimators=trial.suggest_int("trees", 1, 100, log=True),
        max_depth=trial.suggest_int("depth", 2, 16),
        max_features=trial.suggest_int("features", 1, 64, log=True),
        random_state=0,
    ).fit(x, y)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        forest.predict(x_valid[:1])
        times.append(time.perf_counter() - start)
    wrong = 100 * (1 - forest.score(x_valid, y_valid))
    return wrong, round(1000 * min(times), 2)  # the shortest is the least disturbed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials = 25 if parser.parse_args().smoke_test else 120
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=CoarseToFineSampler.for_budget(n_trials, 0)
    )
    study.optimize(error_and_latency, n_trials=n_trials)

    front = sorted(study.best_trials, key=lambda t: t.values[1])
    print(f"{n_trials} trials, {len(front)} on the Pareto front, from fast to right:")
    for trial in front:
        error, latency = trial.values
        print(f"  error {error:5.2f} %, latency {latency:5.2f} ms: {trial.params}")

    # The windows leave open what the front needs, and close the rest.
    def excess(number: int) -> float:
        """Returns the error beyond that of the front at the same latency."""
        error, latency = study.trials[number].values
        return float(error - min(t.values[0] for t in front if t.values[1] <= latency))

    found = stages(study)
    for stage in found[:: max(len(found) // 6, 1)]:
        mean = sum(map(excess, stage.trials)) / len(stage.trials)
        print(f"{stage.name:>7}: trees {stage.windows['trees']}, depth {stage.windows['depth']}, "
              f"on average {mean:4.1f} % more errors than the front")  # fmt: skip

    figure = plot_pareto(study)
    figure.update_xaxes(title_text="error (%)").update_yaxes(title_text="latency (ms)", type="log")
    figure.write_html("pareto.html", include_plotlyjs="directory")
    print("figure: pareto.html")


if __name__ == "__main__":
    main()
