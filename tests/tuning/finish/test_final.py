import dataclasses
from collections import deque
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import torch

from tune_bn.training import Config, EpochMetrics
from tune_bn.tuning.finish.final import (
    FOLDS,
    Played,
    _in_order,
    _is_clearly_better,
    _Round,
    all_but_test,
    fold_numbers,
    play_final,
)
from tune_bn.tuning.finish.finish import _candidates, _FinalPace
from tune_bn.tuning.folder.plan import plan_final
from tune_bn.tuning.space import SPACE, given_configs, params_of, suggest_config
from tune_bn.tuning.trials.life import VALIDATION
from tune_bn.tuning.trials.workers import Job, Workers, one_thread

GOOD = Config(learning_rate=0.1, width=16, depth=1, dropout=0.0)
POOR = Config(width=1, depth=1, learning_rate=1e-4)
DIVERGES = Config(learning_rate=1e30, width=4, depth=2, norm="none")


def final(tiny, *configs, **options):
    return play_final(
        list(enumerate(configs)),
        tiny,
        metric="accuracy",
        maximize=True,
        seed=0,
        epochs=2,
        **options,
    )


def test_the_better_configuration_wins_whatever_its_place(tiny):
    """Ranking is by the mean over the folds, not by the order of the search."""
    assert [f.config for f in final(tiny, POOR, GOOD)] == [GOOD, POOR]
    assert [f.config for f in final(tiny, GOOD, POOR)] == [GOOD, POOR]


def test_one_that_diverges_comes_last(tiny):
    """It has no scores, and the final goes on."""
    ranking = final(tiny, DIVERGES, GOOD)
    assert [f.config for f in ranking] == [GOOD, DIVERGES]
    assert ranking[-1].scores == {}


def test_only_the_best_half_meets_every_fold(tiny):
    """The second round costs four configurations' fits, however many there were."""
    configs = [Config(width=2 + i, depth=1) for i in range(6)]
    assert [f.folds for f in final(tiny, *configs)] == [FOLDS] * 4 + [2] * 2


def test_the_final_tells_how_far_it_is(tiny):
    """The last report is of all fits."""
    heard: list[tuple[int, ...]] = []
    final(tiny, GOOD, POOR, on_fold=lambda at: heard.append((at.done, at.of)))
    assert heard == [(done, 2 * FOLDS) for done in range(1, 2 * FOLDS + 1)]


@pytest.mark.heavy
@pytest.mark.usefixtures("forked_workers")
def test_several_at_the_same_time_are_as_one_after_the_other(tiny):
    """To the last bit; what they trained is remembered, and one that diverges comes last."""
    heard: list[Played] = []
    memory: dict[tuple[Config, int], Sequence[EpochMetrics]] = {}
    configs = (POOR, DIVERGES, GOOD)
    options = {"folds": 2, "on_fold": heard.append, "memory": memory}
    with one_thread(), Workers(2) as workers:
        found = final(tiny, *configs, workers=workers, **options)
        assert [each.done for each in heard] == list(range(1, 7))
        assert sum(each.is_new for each in heard) >= 4
        again = final(tiny, *configs, folds=2)
    for ranking in (found, again):
        for at, each in enumerate(ranking):
            epochs = [dataclasses.replace(epoch, seconds=0.0) for epoch in each.curve]
            ranking[at] = dataclasses.replace(each, curve=tuple(epochs))
    assert found == again
    assert set(memory) >= {(c, fold) for c in (POOR, GOOD) for fold in range(2)}


@pytest.mark.parametrize(("jobs", "networks"), [(1, 1), (2, 1), (2, 4), (8, 4)])
def test_the_time_left_of_fits_at_the_same_time(jobs, networks):
    """They share the time, and so do the networks that follow, if they are as many."""
    tally: Any = SimpleNamespace(elapsed_s=0.0, seconds={0: 6.0, 1: 6.0}, fit_s=6.0, others_s=0.0)
    pace = _FinalPace(tally, [0, 1], 5, jobs, networks=networks)
    tally.elapsed_s = 2 * 6.4 / jobs
    for done in (1, 2):
        left = pace.left_s(Played(done, 10, 0, 5, is_new=True))
    assert left == pytest.approx(8 * 6.4 / jobs + 8.0 * max(1.5 * networks / jobs, 1.0))


def test_a_round_for_workers_is_counted_and_can_be_stopped():
    """A fit is kept when its last epoch ends; the caller may raise, or say that time is over."""
    jobs = [Job(place, Config(width=place + 1), seed=0) for place in range(3)]
    memory: dict[tuple[Config, int], Sequence[EpochMetrics]] = {}
    asked: list[str] = []
    heard: list[int] = []
    over = False

    def count(fold: int, *, is_new: bool) -> None:
        heard.append(fold)

    part = _Round(deque(jobs), 2, memory, lambda: over, lambda: asked.append("?"), set(), count)
    assert part.begin() == jobs[0]
    epochs = [dataclasses.replace(ends(0.5)[0], epoch=epoch) for epoch in (1, 2)]
    assert [part.epoch(jobs[0], epoch) for epoch in epochs] == [True, False]
    assert (asked, heard) == (["?"] * 2, [0])
    assert memory == {(jobs[0].config, 0): epochs}
    assert part.begin() == jobs[1]
    over = True
    assert part.begin() is None
    part.fail(jobs[1], "died")
    assert (jobs[1].config, 0) not in memory


def test_the_test_rows_are_left_alone(tiny):
    """Training and validation rows are together, and no test row among them."""
    together = all_but_test(tiny)
    assert len(together.train) == len(tiny.train) + len(tiny.validation)
    assert torch.equal(together.test.x, tiny.test.x)
    both = (together.train.x[:, None] == tiny.test.x[None]).all(dim=2)
    assert not both.any()


def test_folds_share_every_class(tiny):
    """Each class is spread evenly: its share of two folds differs by a row at most."""
    rows = all_but_test(tiny).train
    fold_of = fold_numbers(rows, tiny.task, seed=0)
    for label in rows.y.unique():
        counts = torch.bincount(fold_of[rows.y == label], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_folds_depend_on_the_seed_alone(tiny, seed):
    """The same seed gives the same folds, another seed others."""
    rows = all_but_test(tiny).train
    fold_of = fold_numbers(rows, tiny.task, seed)
    assert torch.equal(fold_of, fold_numbers(rows, tiny.task, seed))
    assert not torch.equal(fold_of, fold_numbers(rows, tiny.task, seed + 1))


def ends(*accuracies: float) -> list[EpochMetrics]:
    """Returns the last epochs of as many folds."""
    return [
        EpochMetrics(epoch=1, train_loss=0.0, loss=1 - a, score=a, seconds=0.0) for a in accuracies
    ]


def of_folds(accuracy: float, loss: float, folds: int = 5) -> list[EpochMetrics]:
    """Returns the last epochs of folds that are all alike."""
    return [dataclasses.replace(end, loss=loss) for end in ends(*[accuracy] * folds)]


@pytest.mark.parametrize(
    ("rows_a_fold", "expected"),
    [(40, [2, 0, 1, 3, 4]), (4000, [0, 2, 1, 3, 4])],
    ids=["200 rows", "20,000 rows"],
)
def test_accuracies_that_chance_may_make_differ_are_ranked_by_loss(rows_a_fold, expected):
    """Two standard errors of a share of these rows are chance: 0.04 of 200, 0.004 of 20,000."""
    met = {
        0: of_folds(0.92, 0.30),
        1: of_folds(0.85, 0.20),
        2: of_folds(0.91, 0.25),
        3: of_folds(0.99, 0.01, folds=2),
        4: None,
    }
    found = _in_order([4, 3, 2, 1, 0], met, "accuracy", maximize=True, rows_a_fold=rows_a_fold)
    assert found == expected


def test_all_right_on_few_rows_may_be_chance_too():
    """Of 100 rows one or two that are wrong are not behind none; of 10,000 a hundred are."""
    met = {0: of_folds(1.0, 0.02), 1: of_folds(0.98, 0.01)}
    orders = [
        _in_order([0, 1], met, "accuracy", maximize=True, rows_a_fold=rows) for rows in (20, 2000)
    ]
    assert orders == [[1, 0], [0, 1]]


@pytest.mark.parametrize(("metric", "maximize"), [("loss", False), ("r2", True)])
def test_other_metrics_are_ranked_by_themselves(metric, maximize):
    """What was asked for decides, however small the difference is."""
    met = {p: [dataclasses.replace(e, rmse=1.0) for e in of_folds(0.9, 0.3 - p)] for p in range(2)}
    if metric == "r2":
        met = {p: [dataclasses.replace(e, score=0.9 + p / 99) for e in met[1 - p]] for p in met}
    assert _in_order([0, 1], met, metric, maximize=maximize, rows_a_fold=40) == [1, 0]


def test_candidates_are_the_best_by_accuracy_and_by_loss():
    """One of each in turn, none twice; by another metric its best alone. The default is last."""
    study = optuna.create_study(direction="maximize")
    shown = [(0.9, 0.6), (0.8, 0.3), (0.7, 0.2), (0.6, 0.1)]
    for place, (value, loss) in enumerate(shown):
        trial = optuna.trial.create_trial(
            params=params_of(Config(width=16 + place)),
            distributions=distributions(),
            value=value,
            user_attrs={VALIDATION: {"accuracy": value, "loss": loss}},
        )
        study.add_trial(trial)
    by_both = _candidates(study, 3, 100, "accuracy", maximize=True)
    assert [number for number, _ in by_both] == [0, 3, 1, None]
    assert [number for number, _ in _candidates(study, 9, 100, "accuracy", maximize=True)] == [
        *(0, 3, 1, 2, None)
    ]
    by_f1 = _candidates(study, 3, 100, "f1", maximize=True)
    assert [number for number, _ in by_f1] == [0, 1, 2, None]


@pytest.mark.parametrize(
    ("n", "expected"), [(2, [0, 1, None]), (3, [0, 1, 4, None]), (9, [0, 1, 2, 3, 4, None])]
)
def test_the_plain_network_meets_the_best(n, expected):
    """As the default does, however bad it looked; unless two meet only, or it did not end."""
    study = optuna.create_study(direction="maximize")
    plain = given_configs(100, SPACE)[1]
    configs = [*(Config(width=16 + place) for place in range(4)), plain]
    for place, config in enumerate(configs):
        study.add_trial(ended(config, 1 - place / 10))
    found = _candidates(study, n, 100, "f1", maximize=True)
    assert [number for number, _ in found] == expected
    of_before = optuna.create_study(direction="maximize")
    of_before.add_trials(study.trials[:4])
    found = _candidates(of_before, n, 100, "f1", maximize=True)
    assert [number for number, _ in found] == [*range(min(n, 4)), None]


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED", "FAIL"])
def test_a_plain_network_that_was_stopped_early_meets_the_best(state):
    """A scheduler judged its first epochs; of one that failed there is nothing to meet."""
    study = optuna.create_study(direction="maximize")
    plain = given_configs(100, SPACE)[1]
    for place in range(4):
        study.add_trial(ended(Config(width=16 + place), 1 - place / 10))
    study.add_trial(
        optuna.trial.create_trial(
            state=optuna.trial.TrialState[state],
            params=params_of(plain),
            distributions=distributions(),
            value=None if state == "FAIL" else 0.1,
        )
    )
    found = _candidates(study, 3, 100, "f1", maximize=True)
    assert [number for number, _ in found] == [0, 1, 2 if state == "FAIL" else 4, None]


def test_the_plain_network_may_stand_for_the_default():
    """The default, last of the best, meets them all the same."""
    study = optuna.create_study(direction="maximize")
    default, plain = given_configs(100, SPACE)
    for place, config in enumerate([Config(width=16), Config(width=17), default, plain]):
        study.add_trial(ended(config, 1 - place / 10))
    found = _candidates(study, 3, 100, "f1", maximize=True)
    assert found == [(0, Config(width=16)), (1, Config(width=17)), (3, plain), (2, default)]


def ended(config: Config, f1: float) -> optuna.trial.FrozenTrial:
    """Returns a trial that trained to its end."""
    return optuna.trial.create_trial(
        params=params_of(config),
        distributions=distributions(),
        value=f1,
        user_attrs={VALIDATION: {"f1": f1, "loss": 0.5}},
    )


def distributions() -> dict[str, optuna.distributions.BaseDistribution]:
    """Returns those of the tool's space, as a trial has them."""
    study = optuna.create_study()
    suggest_config(trial := study.ask())
    return dict(trial.distributions)


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ((0.95, 0.96, 0.97), (0.90, 0.91, 0.92), True),
        ((0.95, 0.90, 0.97), (0.95, 0.96, 0.90), False),
        ((0.951, 0.90, 0.97), (0.95, 0.90, 0.97), False),
        ((0.95, 0.95), (0.95, 0.95), False),
        ((), (0.9, 0.9), False),
        ((0.1, 0.1), (), True),
    ],
    ids=["better on all", "once better, once worse", "one row", "alike", "diverged", "alone"],
)
def test_the_default_gives_way_only_to_what_is_clearly_better(own, default, expected):
    """One standard error of the paired differences decides, for a metric of either direction."""
    for metric, maximize in (("accuracy", True), ("loss", False)):
        found = _is_clearly_better(ends(*own), ends(*default), metric, maximize=maximize)
        assert found == expected


@pytest.mark.parametrize(
    ("losses", "accuracy", "expected"),
    [((0.30, 0.31), 0.9, True), ((0.30, 0.50), 0.9, False), ((0.30, 0.31), 0.899, False)],
    ids=["surer", "surer by chance", "surer, but wrong more often"],
)
def test_what_is_as_often_right_wins_by_its_loss(losses, accuracy, expected):
    """The loss decides where the metric does not, and never against it."""
    own = [
        dataclasses.replace(end, loss=loss)
        for end, loss in zip(ends(accuracy, accuracy), losses, strict=True)
    ]
    others = [dataclasses.replace(end, loss=0.4) for end in ends(0.9, 0.9)]
    assert _is_clearly_better(own, others, "accuracy", maximize=True) == expected


def test_an_accuracy_within_its_error_is_no_worse():
    """Of accuracies a lower loss decides within one standard error; of other metrics it does not.

    The accuracies differ by 0.01 and -0.02: -0.005 on average, with an error of 0.015.
    """
    own = [dataclasses.replace(end, loss=0.3) for end in ends(0.91, 0.88)]
    others = [dataclasses.replace(end, loss=0.4) for end in ends(0.90, 0.90)]
    assert _is_clearly_better(own, others, "accuracy", maximize=True)
    of_f1 = [[dataclasses.replace(e, scores={"f1": e.score}) for e in x] for x in (own, others)]
    assert not _is_clearly_better(of_f1[0], of_f1[1], "f1", maximize=True)


def test_the_default_meets_every_fold(tiny):
    """However many others are ahead after the first round, it is compared to the end."""
    configs = [Config(width=12 + i, depth=1, learning_rate=0.3) for i in range(5)]
    ranking = final(tiny, *configs, Config())
    (of_default,) = [f for f in ranking if f.config == Config()]
    assert of_default.folds == FOLDS


@pytest.mark.parametrize("rows", [100, 30_000, 10**6])
@pytest.mark.parametrize("fits", [0, 3, 8, 14, 26, 1000])
def test_a_final_fits_into_its_time(tiny, rows, fits):
    """It trains no more often than there is time for, but once for the best and the default."""
    finalists, folds = plan_final(rows, fits)
    heard: list[tuple[int, ...]] = []
    configs = [Config(width=2 + i, depth=1) for i in range(finalists)]
    final(tiny, *configs, Config(), folds=folds, on_fold=lambda *at: heard.append(at))
    assert len(heard) <= max(fits, 2)


def test_a_larger_table_has_a_smaller_final():
    """Its scores differ less by luck, and each fit takes longer."""
    sizes = [plan_final(rows) for rows in (1000, 10**5, 10**6)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == (8, 5)


def test_a_final_whose_time_is_over_ends_with_what_it_has(tiny):
    """After each has met the first fold; the better is ahead as far as that shows."""
    heard: list[tuple[int, ...]] = []
    ranking = final(
        tiny,
        POOR,
        GOOD,
        is_over=lambda: len(heard) >= 2,
        on_fold=lambda *at: heard.append(at),
    )
    assert [(f.config, f.folds) for f in ranking] == [(GOOD, 1), (POOR, 1)]


def test_folds_keep_groups_together_and_are_alike_in_size(tiny):
    """A final by group is no more hopeful than the test."""
    rows = all_but_test(tiny).train
    group = torch.arange(len(rows)) % 24
    fold_of = fold_numbers(dataclasses.replace(rows, group=group), tiny.task, seed=0)
    for number in range(24):
        assert len(fold_of[group == number].unique()) == 1
    counts = torch.bincount(fold_of, minlength=FOLDS)
    assert counts.max() - counts.min() <= 4


def test_folds_in_time_follow_one_another(tiny):
    """The first half is in none; each fold is trained on what was before it alone."""
    rows = all_but_test(tiny).train
    fold_of = fold_numbers(rows, tiny.task, seed=0, in_time=True)
    assert fold_of.tolist() == sorted(fold_of.tolist())
    assert int((fold_of < 0).sum()) == len(rows) // 2
    assert fold_of.max() == FOLDS - 1
    in_time = dataclasses.replace(tiny, in_time=True)
    assert (
        play_final([(0, GOOD)], in_time, metric="accuracy", maximize=True, seed=0, epochs=1)[
            0
        ].folds
        == FOLDS
    )
