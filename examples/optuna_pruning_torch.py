"""Stop bad networks early: a pruner beside the sampler, and what it saves.

A batch-norm network on digits reports its validation error after each epoch; Optuna's successive
halving lets the best third of the trials go on after 1, 3 and 9 epochs. A trial that was stopped
counts for less than any that was finished, however good its last value, so it never misleads the
search. The network's inference statistics are right from the first batch on, so that a score
after one epoch says something about the network.

    python examples/optuna_pruning_torch.py [--smoke-test]    # writes pruning.html
"""

import argparse
from collections import Counter

import optuna
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from tune_bn.nn import MLP
from tune_bn.optuna import CoarseToFineSampler, suggest_one_minus_log
from tune_bn.report import plot_intermediate_values

N_TRAIN, N_VALID = 1200, 300


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load_digits()
    order = torch.randperm(len(data.target), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(data.data, dtype=torch.float32) / 8 - 1
    return x[order], torch.tensor(data.target)[order]


def error(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Returns the share of wrong answers in %."""
    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(1) != y).float().mean()) * 100


def train(trial: optuna.Trial, data: tuple[torch.Tensor, torch.Tensor], n_epochs: int) -> float:
    x, y = data
    torch.manual_seed(0)
    model = MLP(
        64,
        10,
        width=trial.suggest_int("width", 8, 256, log=True),
        depth=trial.suggest_int("depth", 1, 4),
        activation=trial.suggest_categorical("activation", ["relu", "silu", "tanh"]),
    )
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=trial.suggest_float("lr", 1e-4, 1.0, log=True),
        momentum=suggest_one_minus_log(trial, "momentum", 0.5, 0.99),
    )
    valid = slice(N_TRAIN, N_TRAIN + N_VALID)
    wrong = 100.0
    for epoch in range(n_epochs):
        model.train()
        for rows in torch.split(torch.randperm(N_TRAIN), 60):
            optimiser.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call] # torch's
            optimiser.step()
        wrong = error(model, x[valid], y[valid])
        trial.report(wrong, step=epoch + 1)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("test error", error(model, x[valid.stop :], y[valid.stop :]))
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke-test", action="store_true", help="a shorter run of the same")
    n_trials, n_epochs = (16, 4) if parser.parse_args().smoke_test else (60, 15)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(1)
    data = digits()
    study = optuna.create_study(
        sampler=CoarseToFineSampler.for_budget(n_trials, seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    )
    study.optimize(lambda trial: train(trial, data, n_epochs), n_trials=n_trials)

    ended = Counter(trial.state.name for trial in study.trials)
    n_spent = sum(len(trial.intermediate_values) for trial in study.trials)
    print(f"{n_trials} trials: {ended['COMPLETE']} finished, {ended['PRUNED']} stopped early")
    print(f"epochs trained: {n_spent} of {n_trials * n_epochs}, "
          f"{1 - n_spent / (n_trials * n_epochs):.0%} saved")  # fmt: skip
    best = study.best_trial
    print(f"best: validation error {best.value:.2f} %, test error "
          f"{best.user_attrs['test error']:.2f} %, {best.params}")  # fmt: skip
    figure = plot_intermediate_values(study).update_yaxes(type="log", title_text="error (%)")
    figure.update_yaxes(autorange=True).write_html("pruning.html", include_plotlyjs="directory")
    print("figure: pruning.html")


if __name__ == "__main__":
    main()
