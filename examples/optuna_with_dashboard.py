"""The narrowing in optuna-dashboard: one callback, and the study's page shows it while it runs.

    python examples/optuna_with_dashboard.py [--smoke-test]    # writes dashboard.db
    optuna-dashboard sqlite:///dashboard.db                    # then open the address it prints

Do not name a script of your own optuna_dashboard.py: Python would import it in place of the
package of that name.
"""

import argparse
import math

import optuna

from tune_bn.optuna import CoarseToFineSampler, suggest_one_minus_log
from tune_bn.report import DashboardCallback


def objective(trial: optuna.Trial) -> float:
    """Stands for a training run: its best is at rate 0.003, momentum 0.98, 4 layers."""
    rate = trial.suggest_float("rate", 1e-5, 1, log=True)
    momentum = suggest_one_minus_log(trial, "momentum", 0.9, 0.999)
    layers = trial.suggest_int("layers", 1, 10)
    loss = math.log10(rate / 0.003) ** 2 + math.log10((1 - momentum) / 0.02) ** 2
    return loss + 0.05 * abs(layers - 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials = 20 if parser.parse_args().smoke_test else 100
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="narrowing",
        storage="sqlite:///dashboard.db",
        sampler=CoarseToFineSampler(seed=0),
        load_if_exists=True,
    )
    callback = DashboardCallback(every=10)  # replaces its figures after each tenth trial
    study.optimize(objective, n_trials=n_trials, callbacks=[callback])

    best = study.best_trial
    momentum = suggest_one_minus_log(best, "momentum", 0.9, 0.999)
    print(f"{len(study.trials)} trials, best: loss {best.value:.1e}, "
          f"rate {best.params['rate']:.4f}, momentum {momentum:.4f}")  # fmt: skip
    # The trials' table there shows this of each trial, too:
    print("what trial", best.number, "says of its draw:", best.user_attrs["tune_bn:stage"])
    print("now run: optuna-dashboard sqlite:///dashboard.db")


if __name__ == "__main__":
    main()
