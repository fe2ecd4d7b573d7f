"""A batch-norm network behind scikit-learn's interface (skorch), tuned by cross-validation.

The network is of torch's layers, with this package's batch norm put in the place of torch's. The
study sets skorch's own parameters by their names: `lr`, `batch_size`, `module__width`. (skorch
and not Lightning, because it brings two packages instead of eleven.)

    pip install 'tune-bn[optuna,torch]' scikit-learn skorch
    python examples/skorch_classifier.py [--smoke-test]
"""

import argparse

import numpy as np
import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from tune_bn.nn import convert_batchnorm
from tune_bn.optuna import CoarseToFineSampler


def network(width: int, dropout: float) -> nn.Module:
    """Returns a network of torch's layers with the batch norm of this package."""
    model = nn.Sequential(
        nn.Linear(64, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(width, 10),
    )  # fmt: skip
    return convert_batchnorm(model)


def classifier(params: dict[str, float], n_epochs: int) -> Pipeline:
    net = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        optimizer__nesterov=True,
        max_epochs=n_epochs,
        train_split=None,
        verbose=0,
        module__width=64,
        module__dropout=0.0,
    )
    return make_pipeline(StandardScaler(), net.set_params(**params))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials, n_epochs, n_folds = (5, 3, 2) if parser.parse_args().smoke_test else (40, 10, 4)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        x.astype(np.float32), y, test_size=0.25, random_state=0, stratify=y
    )

    def objective(trial: optuna.Trial) -> float:
        params = {
            "lr": trial.suggest_float("lr", 1e-3, 1.0, log=True),
            "batch_size": trial.suggest_int("batch_size", 16, 256, log=True),
            "module__width": trial.suggest_int("module__width", 16, 256, log=True),
            "module__dropout": trial.suggest_float("module__dropout", 0.0, 0.5),
        }
        torch.manual_seed(0)
        return float(cross_val_score(classifier(params, n_epochs), x, y, cv=n_folds).mean())

    study = optuna.create_study(
        direction="maximize", sampler=CoarseToFineSampler.for_budget(n_trials, seed=0)
    )
    study.enqueue_trial({"lr": 0.01, "batch_size": 128, "module__width": 64, "module__dropout": 0})
    study.optimize(objective, n_trials=n_trials)
    for name, trial in (("skorch's defaults", study.trials[0]), ("tuned", study.best_trial)):
        torch.manual_seed(0)
        test = classifier(trial.params, n_epochs).fit(x, y).score(x_test, y_test)
        print(f"{name}: {trial.value:.4f} in {n_folds}-fold cross-validation, {test:.4f} on the "
              f"test rows, {trial.params}")  # fmt: skip
    print(f"after {len(study.trials)} trials")


if __name__ == "__main__":
    main()
