import pytest
import torch

from tune_bn.training import Config
from tune_bn.tuning.final import FOLDS, all_but_test, fold_numbers, play_final

GOOD = Config(width=16, depth=1)
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
    heard = []
    final(tiny, GOOD, POOR, on_fold=lambda done, of: heard.append((done, of)))
    assert heard == [(done, 2 * FOLDS) for done in range(1, 2 * FOLDS + 1)]


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
