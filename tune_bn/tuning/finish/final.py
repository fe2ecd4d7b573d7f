"""The final: the search's few best configurations meet again, on more than one validation split.

A search looks at one set of validation rows sixty times, so its best value is partly luck: on a
few hundred rows the first ten are often a row apart. Cross-validation on the training and
validation rows together tells them apart better, and the best is trained on all of these rows.
The default configuration takes part too, and wins unless another is better by more than the folds
differ: the rule of one standard error (Breiman et al., "Classification and Regression Trees",
1984, section 3.4.3), here of the paired differences. So tuning does not hand back what only luck
made look better than not tuning. Accuracy, a share of rows, hardly moves on a few hundred of them;
the loss, which knows how sure a network was, tells two apart sooner, and which will be right more
often on other rows. So of those whose accuracies chance may make differ the one with the lowest
loss is the best, and by other metrics what is no worse and has a clearly lower loss is better than
the default. Test rows are not touched here.
"""

import itertools
import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch

from tune_bn.training import Config, Dataset, DivergedError, EpochMetrics, Fit, Split
from tune_bn.tuning.folder.plan import FINALISTS, FIRST_FOLDS, FOLDS, SECOND_ROUND
from tune_bn.tuning.space import default_config
from tune_bn.tuning.trials.life import fit_seed
from tune_bn.tuning.trials.workers import Job, Listener, Workers

__all__ = [
    "FINALISTS",
    "FOLDS",
    "Finalist",
    "Played",
    "all_but_test",
    "all_rows",
    "fold_numbers",
    "play_final",
]


@dataclass(frozen=True)
class Finalist:
    """A configuration of the final.

    Args:
        number: Of its trial; None for one that no trial tried.
        config: What is trained.
        folds: How many folds it was trained on; less than `FOLDS` if it left after a round.
        scores: Mean over these of the metric and the loss; empty if its training diverged.
        decay: Of the kept averages the one that most folds picked; None if one was kept.
        curve: Every epoch of the training that held out the first fold.
        ahead: By how much its metric is better than the default's over the folds that both met,
            and the standard error of that; None if that is not known.
    """

    number: int | None
    config: Config
    folds: int
    scores: dict[str, float]
    decay: float | None = None
    curve: tuple[EpochMetrics, ...] = ()
    ahead: tuple[float, float] | None = None

    @property
    def chosen(self) -> Config:
        """The configuration with its decay, where that was picked and not given."""
        return self.config if self.decay is None else replace(self.config, decay=self.decay)


class Played(NamedTuple):
    """A fit of the final that is done.

    Args:
        done: Fits that are.
        of: Fits of the whole final.
        fold: Which rows it held out, from 0.
        folds: Folds that are played.
        is_new: False for one that an earlier final had trained.
    """

    done: int
    of: int
    fold: int
    folds: int
    is_new: bool


def play_final(
    candidates: Sequence[tuple[int | None, Config]],
    dataset: Dataset,
    *,
    metric: str,
    maximize: bool,
    seed: int,
    epochs: int,
    device: str = "cpu",
    folds: int = FOLDS,
    workers: Workers | None = None,
    is_over: Callable[[], bool] = lambda: False,
    on_fold: Callable[[Played], None] = lambda _: None,
    after_epoch: Callable[[], None] = lambda: None,
    memory: MutableMapping[tuple[Config, int], Sequence[EpochMetrics]] | None = None,
) -> list[Finalist]:
    """Cross-validates the candidates in two rounds and returns them ranked, the best first.

    All meet the same folds with the same seeds. After the first two folds the better half and the
    default configuration go on to the others. Ties go to the lower loss; so do accuracies that are
    less than two standard errors of a share of the held-out rows below the highest. The default
    comes first unless the best is better than it by more than one standard error of their
    differences, or is no worse (of accuracies: by more than that) and has a loss that is lower by
    more than one.

    Args:
        candidates: Trial number and configuration, at least one.
        dataset: Its test rows are left alone.
        metric: What to rank by.
        maximize: Whether more of it is better.
        seed: Of the study.
        epochs: Passes over the rows for each fit.
        device: Where to train.
        folds: How many of the folds are played, at least 1.
        workers: Train fits side by side, if there are several; they give the same.
        is_over: Asked before each fit but the first; True ends the final with what it has.
        on_fold: Called after each fit.
        after_epoch: Called after each epoch; may raise to end the final.
        memory: Configuration and fold → its epochs, of an earlier final of the same rows, seed and
            epochs; what is in it is not trained again, what is trained is put into it.
    """
    together = all_but_test(dataset)
    fold_of = fold_numbers(together.train, dataset.task, seed, in_time=dataset.in_time)
    held_out = _HeldOut(together, fold_of)
    folds = min(folds, int(fold_of.max()) + 1)
    rounds = [range(min(FIRST_FOLDS, folds)), range(min(FIRST_FOLDS, folds), folds)]
    first = default_config(len(dataset.train))
    default = next((place for place, (_, c) in enumerate(candidates) if c == first), None)
    done, total = 0, 0
    memory = {} if memory is None else memory
    ends: dict[int, list[EpochMetrics] | None] = {place: [] for place in range(len(candidates))}
    curves: dict[int, tuple[EpochMetrics, ...]] = {}

    def count(fold: int, *, is_new: bool) -> None:
        nonlocal done
        done += 1
        on_fold(Played(done, total, fold, folds, is_new))

    ranking = list(ends)
    for part in rounds:
        playing = ranking if part.start == 0 else ranking[:SECOND_ROUND]
        if default is not None and default not in playing:
            playing = [*playing[:-1], default]
        total = done + len(playing) * len(part)
        if part.start == 0:
            total += min(len(candidates), SECOND_ROUND) * len(rounds[1])
        fits = [
            (place, Job(place, candidates[place][1], fit_seed(seed, fold), fold))
            for fold, place in itertools.product(part, playing)
        ]
        asked = [job for place, job in fits if ends[place] is not None]
        missing = deque(job for job in asked if (job.config, job.fold) not in memory)
        at_once: set[Job] = set()
        if workers is not None and min(workers.n, len(missing)) > 1:
            running = _Round(missing, epochs, memory, is_over, after_epoch, at_once, count)
            workers.train(running, held_out, epochs=epochs, device=device, metric=metric)
        for place, job in fits:
            of_place = ends[place]
            is_new = False
            if of_place is not None:
                is_new = (job.config, job.fold) not in memory
                if is_new and done and is_over():
                    break
                if is_new:
                    memory[job.config, job.fold] = _train(
                        job,
                        held_out(job),
                        epochs=epochs,
                        device=device,
                        after_epoch=after_epoch,
                        metric=metric,
                    )
                epochs_of = memory[job.config, job.fold]
                curves.setdefault(place, tuple(epochs_of))
                ends[place] = [*of_place, epochs_of[-1]] if epochs_of else None
            if job not in at_once:
                count(job.fold, is_new=is_new)
        ranking = _in_order(
            ranking, ends, metric, maximize=maximize, rows_a_fold=float((fold_of == 0).sum())
        )
    of_default = None if default is None else ends[default]
    if default is not None and not _is_clearly_better(
        ends[ranking[0]], of_default, metric, maximize=maximize
    ):
        ranking.remove(default)
        ranking.insert(0, default)
    return [
        Finalist(
            *candidates[place],
            len(of_place),
            _means(of_place, (metric, "loss")),
            statistics.mode(end.decay for end in of_place) if of_place else None,
            curves.get(place, ()),
            _ahead(of_place, of_default, metric, maximize=maximize),
        )
        for place in ranking
        for of_place in [ends[place] or []]
    ]


def _in_order(
    places: Sequence[int],
    ends: Mapping[int, Sequence[EpochMetrics] | None],
    metric: str,
    *,
    maximize: bool,
    rows_a_fold: float,
) -> list[int]:
    """Returns the places of candidates, the best first; who met more folds is before the others.

    Args:
        places: Of the candidates.
        ends: Place → the last epoch on each fold that it met; none if its training diverged.
        metric: What to rank by.
        maximize: Whether more of it is better.
        rows_a_fold: Rows that a fold holds out.
    """
    scores = {p: _means(ends[p] or (), (metric, "loss")) for p in places}
    folds = {p: len(ends[p] or ()) for p in places}
    sign = -1.0 if maximize else 1.0

    def rank_of(place: int) -> tuple[float, ...]:
        if not folds[place]:
            return (0.0, 0.0, 0.0, 0.0)
        value, loss = scores[place][metric], scores[place]["loss"]
        if metric != "accuracy":
            return (-folds[place], 0.0, sign * value, loss)
        best = max(scores[p][metric] for p in places if folds[p] == folds[place])
        is_behind = value < best - 2.0 * _error_of_share(best, folds[place] * rows_a_fold)
        return (-folds[place], float(is_behind), -value if is_behind else loss, loss)

    return sorted(places, key=rank_of)


def _error_of_share(share: float, rows: float) -> float:
    """Returns the standard error of a share of some rows, above 0 for none and for all of them.

    With two hits and two misses more (Agresti and Coull 1998, "Approximate is better than 'exact'
    for interval estimation of binomial proportions").
    """
    share = (share * rows + 2.0) / (rows + 4.0)
    return math.sqrt(share * (1.0 - share) / (rows + 4.0))


def _is_clearly_better(
    ends: Sequence[EpochMetrics] | None,
    others: Sequence[EpochMetrics] | None,
    metric: str,
    *,
    maximize: bool,
) -> bool:
    """Tells whether the metric is better by more than chance, or no worse with a better loss.

    An accuracy is no worse that is lower by one standard error at most.
    """
    if not ends or not others:
        return bool(ends)
    gain, error = _gain(ends, others, metric, maximize=maximize)
    saved, error_of_saved = _gain(ends, others, "loss", maximize=False)
    slack = error if metric == "accuracy" else 0.0
    return gain > error or (gain >= -slack and saved > error_of_saved)


def _ahead(
    ends: Sequence[EpochMetrics],
    others: Sequence[EpochMetrics] | None,
    metric: str,
    *,
    maximize: bool,
) -> tuple[float, float] | None:
    return _gain(ends, others, metric, maximize=maximize) if ends and others else None


def _gain(
    ends: Sequence[EpochMetrics],
    others: Sequence[EpochMetrics],
    metric: str,
    *,
    maximize: bool,
) -> tuple[float, float]:
    """Returns by how much a metric is better on the folds of both, and the standard error."""
    sign = 1.0 if maximize else -1.0
    pairs = zip(ends, others, strict=False)
    gains = [sign * (own.value(metric) - other.value(metric)) for own, other in pairs]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
    return statistics.mean(gains), error


def all_but_test(dataset: Dataset) -> Dataset:
    """Returns the dataset with the validation rows among its training rows, and nothing else new.

    The preprocessing stays that of the training rows. The validation part still holds its rows,
    so scores on it say nothing any more.
    """
    return replace(dataset, train=_joined(dataset.train, dataset.validation))


def all_rows(dataset: Dataset) -> Dataset:
    """Returns the dataset with all rows among its training rows; no score says anything then."""
    return replace(dataset, train=_joined(dataset.train, dataset.validation, dataset.test))


def _joined(*parts: Split) -> Split:
    def rows_of(name: str) -> torch.Tensor | None:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else torch.cat(values)

    joined: dict[str, Any] = {name: rows_of(name) for name in ("x", "y", "group", "weight")}
    return replace(parts[0], **joined)


def fold_numbers(rows: Split, task: str, seed: int, *, in_time: bool = False) -> torch.Tensor:
    """Returns each row's fold, int64 of shape (N,), from 0; `FOLDS` of them where rows suffice.

    Classes are spread evenly over the folds. Rows of one group are in one fold. In time, the
    second half of the rows is cut into folds, one after the other; the first half has fold -1.
    """
    n_folds = min(FOLDS, len(rows) // 2)
    if in_time:
        place = torch.arange(len(rows)) * 2 * n_folds // len(rows)
        return (place - n_folds).clamp(min=-1)
    generator = torch.Generator().manual_seed(seed)
    if rows.group is not None:
        sizes = torch.bincount(rows.group)
        order = torch.randperm(len(sizes), generator=generator)
        order = order[torch.argsort(sizes[order], descending=True, stable=True)]
        fold_of_group = torch.zeros(len(sizes), dtype=torch.int64)
        held = torch.zeros(n_folds, dtype=torch.int64)
        for group in order.tolist():
            fold_of_group[group] = held.argmin()
            held[fold_of_group[group]] += sizes[group]
        return fold_of_group[rows.group]
    order = torch.randperm(len(rows), generator=generator)
    if task == "classification":
        order = order[torch.argsort(rows.y[order], stable=True)]  # dealt out class by class
    fold_of = torch.empty(len(rows), dtype=torch.int64)
    fold_of[order] = torch.arange(len(rows)) % n_folds
    return fold_of


@dataclass(frozen=True)
class _HeldOut:
    """What a fit of the final is trained on and measured by; for worker processes, too."""

    together: Dataset
    fold_of: torch.Tensor

    def __call__(self, job: Job) -> Dataset:
        data, is_own = self.together, self.fold_of == job.fold
        # In time, what comes after a fold is not known yet.
        is_known = self.fold_of < job.fold if data.in_time else ~is_own
        return replace(
            data, train=_rows(data.train, is_known), validation=_rows(data.train, is_own)
        )


@dataclass
class _Round(Listener):
    """Hands the fits of a round to workers, and keeps what they trained.

    One that fails there is left to be trained here, which says why.
    """

    waiting: deque[Job]
    epochs: int
    memory: MutableMapping[tuple[Config, int], Sequence[EpochMetrics]]
    is_over: Callable[[], bool]
    after_epoch: Callable[[], None]
    done: set[Job]
    count: Callable[..., None]
    begun: dict[Job, list[EpochMetrics]] = field(default_factory=dict)

    def begin(self) -> Job | None:
        if not self.waiting or (self.begun and self.is_over()):
            return None
        return self.waiting.popleft()

    def epoch(self, job: Job, metrics: EpochMetrics) -> bool:
        self.after_epoch()
        trained = self.begun.setdefault(job, [])
        trained.append(metrics)
        if metrics.epoch < self.epochs:
            return True
        self.memory[job.config, job.fold] = trained
        self.done.add(job)
        self.count(job.fold, is_new=True)
        return False

    def fail(self, job: Job, reason: str) -> None:
        pass


def _train(
    job: Job,
    dataset: Dataset,
    *,
    epochs: int,
    device: str,
    after_epoch: Callable[[], None],
    metric: str,
) -> list[EpochMetrics]:
    """Trains on one fold's rows and returns every epoch; none if the training diverged."""
    done = []
    try:
        training = Fit(
            job.config, dataset, epochs=epochs, seed=job.seed, device=device, metric=metric
        )
        for metrics in training:
            done.append(metrics)
            after_epoch()
    except DivergedError:
        return []
    return done


def _means(ends: Sequence[EpochMetrics], names: Sequence[str]) -> dict[str, float]:
    if not ends:
        return {}
    return {name: sum(end.value(name) for end in ends) / len(ends) for name in names}


def _rows(split: Split, chosen: torch.Tensor) -> Split:
    group = None if split.group is None else split.group[chosen]
    weight = None if split.weight is None else split.weight[chosen]
    return replace(split, x=split.x[chosen], y=split.y[chosen], group=group, weight=weight)
