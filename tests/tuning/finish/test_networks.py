import pytest

from tune_bn.training import Config, Ensemble
from tune_bn.tuning.finish.networks import train_networks
from tune_bn.tuning.trials.workers import Workers, one_thread

GOOD = Config(width=4, depth=1)
OTHER = Config(width=3, depth=1)
DIVERGES = Config(learning_rate=1e30, width=4, depth=2, norm="none")


@pytest.mark.usefixtures("forked_workers")
def test_networks_of_several_configurations_are_trained_side_by_side(tiny):
    """In the order that was asked for, to the last bit what one process gives."""
    heard: list[None] = []
    asked = [(GOOD, 3), (DIVERGES, 4), (OTHER, 3)]
    with one_thread(), Workers(1) as here, Workers(2) as there:
        alone, beside = (
            train_networks(
                asked,
                tiny,
                networks=3,
                epochs=2,
                workers=workers,
                on_network=lambda: heard.append(None),
            )
            for workers in (here, there)
        )
    assert len(heard) == 2 * 9
    for one, other in zip(alone, beside, strict=True):
        assert one.reasons == other.reasons
        if one.model is None:
            assert other.model is None
            assert len(one.reasons) == 3
            assert "diverged in epoch 1" in one.reasons[0]
            continue
        assert isinstance(one.model, Ensemble)
        assert isinstance(other.model, Ensemble)
        assert not other.model.training
        assert one.model(tiny.test.x).equal(other.model(tiny.test.x))
    widths = [
        trained.model and {weight.shape[0] for weight in trained.model.parameters()}
        for trained in alone
    ]
    assert widths == [{4, 3}, None, {3}]  # the three classes are outputs
