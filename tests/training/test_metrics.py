import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_absolute_error, r2_score, root_mean_squared_error
from torch import nn

from tune_bn.training import Config, ConfigError, Dataset, Fit, Split, evaluate
from tune_bn.training.metrics import class_score, number_score, others_of, predict_outputs


def linear(outputs: int) -> nn.Module:
    layer = nn.Linear(3, outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(3.0 * outputs).sin().reshape(outputs, 3))
        layer.bias.zero_()
    return layer


X = torch.arange(60.0).reshape(20, 3).cos()


def test_classification_agrees_with_scikit_learn() -> None:
    """To float32's rounding."""
    y = torch.arange(20) % 4
    found = evaluate(linear(4), Split(X, y), "classification")
    logits = predict_outputs(linear(4), X)
    assert found["accuracy"] == float((logits.argmax(1) == y).double().mean())
    assert found["loss"] == pytest.approx(log_loss(y, logits.double().softmax(1)), rel=1e-5)


def test_regression_agrees_with_scikit_learn() -> None:
    """R² has no unit, RMSE and MAE are in the target's own."""
    y = torch.arange(20.0).sin()
    found = evaluate(linear(1), Split(X, y, target_scale=50.0), "regression", metric="mae")
    predicted = predict_outputs(linear(1), X)[:, 0].numpy()
    rmse = root_mean_squared_error(y.numpy(), predicted)
    assert found["r2"] == pytest.approx(r2_score(y.numpy(), predicted), rel=1e-5)
    assert found["rmse"] == pytest.approx(50 * rmse, rel=1e-5)
    mae = mean_absolute_error(y.numpy(), predicted)
    assert found["mae"] == pytest.approx(50 * mae, rel=1e-5)


def test_a_constant_target_explains_nothing() -> None:
    assert evaluate(linear(1), Split(X, torch.ones(20)), "regression")["r2"] == 0.0


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back(training: bool) -> None:
    model = nn.Sequential(linear(4), nn.BatchNorm1d(4)).train(training)
    evaluate(model, Split(X, torch.zeros(20, dtype=torch.int64)), "classification")
    assert model.training is training


def test_the_mode_is_put_back_after_an_error() -> None:
    model = linear(4).train()
    with pytest.raises(RuntimeError):
        predict_outputs(model, torch.zeros(2, 5))
    assert model.training


def test_many_rows_are_the_same_as_few() -> None:
    """Rows are taken some thousand at a time, to bound the memory."""
    many = X.repeat(500, 1)
    assert torch.allclose(predict_outputs(linear(4), many), linear(4)(many).detach())


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", others_of("classification"))
def test_scores_of_classes_are_scikit_learns(name: str, n_classes: int) -> None:
    """Of the outputs' probabilities, over all classes alike."""
    from sklearn import metrics

    draw = np.random.default_rng(0)
    y = draw.integers(0, n_classes, 60)
    odds = draw.dirichlet(np.ones(n_classes), 60) + 0.3 * np.eye(n_classes)[y]
    odds /= odds.sum(axis=1, keepdims=True)
    expected = {
        "balanced_accuracy": lambda: metrics.balanced_accuracy_score(y, odds.argmax(axis=1)),
        "f1": lambda: metrics.f1_score(y, odds.argmax(axis=1), average="macro"),
        "roc_auc": lambda: metrics.roc_auc_score(
            y, odds if n_classes > 2 else odds[:, 1], multi_class="ovr"
        ),
    }
    assert class_score(name, odds, y) == pytest.approx(expected[name]())


@pytest.mark.parametrize("name", others_of("classification"))
def test_a_class_without_rows_is_left_out_without_a_warning(name: str) -> None:
    """As the folds of a rare class may have it."""
    odds = np.array([[0.5, 0.2, 0.3], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]])
    assert 0 < class_score(name, odds, np.array([0, 1, 1])) <= 1


def test_a_further_metric_is_measured_after_each_epoch(digits: Dataset) -> None:
    training = Fit(Config(width=8, depth=1), digits, epochs=1, metric="roc_auc")
    (found,) = list(training)
    expected = evaluate(training.model, digits.validation, "classification", metric="roc_auc")
    assert found.value("roc_auc") == expected["roc_auc"]
    with pytest.raises(ConfigError, match="one of accuracy, loss, roc_auc, but got metric='f1'"):
        found.value("f1")


def test_an_unknown_score_is_refused():
    """No other score is given in its name."""
    with pytest.raises(ValueError, match="needs one of .*but got 'kappa'"):
        class_score("kappa", np.eye(2), np.array([0, 1]))
    with pytest.raises(ValueError, match="needs one of mae, but got 'kappa'"):
        number_score("kappa", np.zeros(2), np.zeros(2))
