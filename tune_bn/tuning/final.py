"""The final: the search's few best configurations meet again, on more than one validation split.

A search looks at one set of validation rows sixty times, so its best value is partly luck: on a
few hundred rows the first ten are often a row apart. Cross-validation on the training and
validation rows together tells them apart better, and the winner is trained on all of these rows.
The default configuration takes part too, so that tuning never hands back what looks worse than
not tuning. Test rows are not touched here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from tune_bn.training import Config, Dataset, DivergedError, EpochMetrics, Split, fit
from tune_bn.tuning.search import fit_seed

__all__ = ["FINALISTS", "FOLDS", "Finalist", "all_but_test", "cross_validate", "play_final"]

FINALISTS = 5
FOLDS = 5


@dataclass(frozen=True)
class Finalist:
    """A configuration of the final.

    Args:
        number: of its trial; None for the default configuration.
        config: what is trained.
        seed: that it is trained with.
        scores: mean of each metric over the folds; empty if its training diverged.
    """

    number: int | None
    config: Config
    seed: int
    scores: dict[str, float]


def play_final(
    candidates: Sequence[tuple[int | None, Config]],
    dataset: Dataset,
    *,
    metric: str,
    maximize: bool,
    seed: int,
    epochs: int,
    device: str = "cpu",
    on_fold: Callable[[int, int], None] = lambda _done, _of: None,
    after_epoch: Callable[[], None] = lambda: None,
) -> list[Finalist]:
    """Cross-validates each candidate and returns them ranked, the winner first.

    Ties go to the lower loss. All candidates meet the same folds with the same seeds.

    Args:
        candidates: trial number (None: the default) and configuration, at least one.
        dataset: its test rows are left alone.
        metric: what to rank by.
        maximize: whether more of it is better.
        seed: of the study.
        epochs: passes over the rows for each fit.
        device: where to train.
        on_fold: called after each fit with how many are done, of how many.
        after_epoch: called after each epoch; may raise to end the final.
    """
    total = len(candidates) * FOLDS
    finalists = []
    for place, (number, config) in enumerate(candidates):

        def report(done: int, before: int = place * FOLDS) -> None:
            on_fold(before + done, total)

        scores = cross_validate(
            config,
            dataset,
            metric=metric,
            seed=seed,
            epochs=epochs,
            device=device,
            on_fold=report,
            after_epoch=after_epoch,
        )
        own = fit_seed(seed, number if number is not None else -1)
        finalists.append(Finalist(number, config, own, scores))

    def place_of(finalist: Finalist) -> tuple[bool, float, float]:
        if not finalist.scores:
            return (True, 0.0, 0.0)
        value = finalist.scores[metric]
        return (False, -value if maximize else value, finalist.scores["loss"])

    return sorted(finalists, key=place_of)


def cross_validate(
    config: Config,
    dataset: Dataset,
    *,
    metric: str,
    seed: int,
    epochs: int,
    device: str = "cpu",
    on_fold: Callable[[int], None] = lambda _done: None,
    after_epoch: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Returns the mean validation metrics of a configuration over the folds; {} if it diverged."""
    together = all_but_test(dataset).train
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(together), generator=generator)
    if dataset.task == "classification":
        # Sorted by class, dealt out in turn: every fold gets its share of each class.
        order = order[torch.argsort(together.y[order], stable=True)]
    folds = min(FOLDS, len(together) // 2)
    fold_of = torch.empty(len(together), dtype=torch.int64)
    fold_of[order] = torch.arange(len(together)) % folds
    ends: list[EpochMetrics] = []
    for fold in range(folds):
        part = replace(
            dataset,
            train=_rows(together, fold_of != fold),
            validation=_rows(together, fold_of == fold),
        )
        metrics: list[EpochMetrics] = []
        try:
            for epoch in fit(config, part, epochs=epochs, seed=fit_seed(seed, fold), device=device):
                metrics.append(epoch)
                after_epoch()
        except DivergedError:
            return {}
        ends.append(metrics[-1])
        on_fold(fold + 1)
    return {name: sum(end.value(name) for end in ends) / len(ends) for name in (metric, "loss")}


def all_but_test(dataset: Dataset) -> Dataset:
    """Returns the dataset with the validation rows among its training rows, and nothing else new.

    The preprocessing stays that of the training rows. The validation part still holds its rows,
    so scores on it say nothing any more.
    """
    a, b = dataset.train, dataset.validation
    train = replace(a, x=torch.cat([a.x, b.x]), y=torch.cat([a.y, b.y]))
    return replace(dataset, train=train)


def _rows(split: Split, chosen: torch.Tensor) -> Split:
    return replace(split, x=split.x[chosen], y=split.y[chosen])
