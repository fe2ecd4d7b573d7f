"""Normal scores: ranks that survive any tail, gaps between rows, and the way into a model file."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from tune_bn.training import Config, Fit, evaluate, load_dataset
from tune_bn.training.fit import build_model
from tune_bn.training.scores import NormalScores, ScoredMLP


def learned(*columns: torch.Tensor) -> NormalScores:
    x = torch.stack(columns, dim=1)
    scores = NormalScores(x.shape[1])
    scores.learn(x)
    return scores


def test_a_long_tail_becomes_normal():
    """Whatever grows with a normal number has its scores: order is all that counts."""
    normal = torch.tensor(norm.ppf((np.arange(1000) + 0.5) / 1000), dtype=torch.float32)
    tail = torch.exp(3 * normal)
    found = learned(tail)(tail[:, None])[:, 0]
    assert (found.diff() >= 0).all()
    inner = slice(20, -20)  # between knots it is straight, which the curved ends are not
    assert (found - normal / normal.std()).abs()[inner].max() < 0.15


def test_scores_are_as_standardised_numbers_are():
    """Mean 0 and deviation 1 on the rows that they were learned from, ties or none."""
    for column in (torch.arange(50.0), torch.arange(50.0) % 7, torch.arange(500.0) ** 5):
        found = learned(column)(column[:, None]).double()
        assert abs(float(found.mean())) < 1e-5
        assert float(found.std(correction=0)) == pytest.approx(1.0, abs=1e-5)


def test_categories_pass():
    """A column of two values, or of one, is no number to be ranked."""
    x = torch.tensor([[0.0, 5.0], [1.0, 5.0], [0.0, 5.0]])
    scores = NormalScores(2)
    scores.learn(x)
    assert torch.equal(scores(x), x)


def test_what_lies_beyond_the_rows_stays_at_their_end():
    """A number of any size, in either precision."""
    scores = learned(torch.arange(9.0))
    ends = scores(torch.tensor([[0.0], [8.0]]))
    assert torch.equal(scores(torch.tensor([[-3e38], [3e38]])), ends)
    assert torch.equal(scores.double()(torch.tensor([[-1e300], [1e300]]).double()).float(), ends)


def test_a_row_has_its_scores_alone():
    """Its neighbours do not matter."""
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    scores = NormalScores(3)
    scores.learn(x)
    assert torch.equal(torch.cat([scores(row[None]) for row in x]), scores(x))


def test_a_fit_sees_scores_and_its_state_holds_them():
    """The network that is built anew of a state answers as the one that was trained."""
    data = load_dataset("digits")
    config = Config(width=8, depth=1)
    training = Fit(config, data, epochs=1)
    list(training)
    again = build_model(config, data.n_features, data.n_outputs)
    assert isinstance(again, ScoredMLP)
    again.load_state_dict(training.model.state_dict())
    measured = evaluate(training.model, data.validation, data.task)
    assert next(iter(Fit(config, data, epochs=1))).loss == measured["loss"]
    x = data.test.x
    assert torch.equal(again.eval()(x), training.model.eval()(x))
    standard = Fit(Config(width=8, depth=1, inputs="standard"), data, epochs=1)
    assert not isinstance(standard.model, ScoredMLP)
