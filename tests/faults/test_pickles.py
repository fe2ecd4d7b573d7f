"""Pickles that an earlier version's objects were kept in load, wherever modules have gone since."""

import base64
import json
import pickle

import pytest
import torch
from ray import cloudpickle

from tests.faults.golden.pickles import HERE, objects
from tune_bn import CoarseToFine
from tune_bn.ray import CoarseToFineSearch

FILES = sorted(HERE.glob("pickles-*.json"))


def unpickled(file, name):
    """Returns an object that an earlier version pickled."""
    data = base64.b64decode(json.loads(file.read_text())[name])
    return (cloudpickle if name in ("search", "tuner") else pickle).loads(data)


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request):
    """The pickles of one version."""
    return request.param


def test_there_are_pickles():
    """Of the first version at least."""
    assert HERE / "pickles-0.1.0.json" in FILES


@pytest.mark.parametrize("name", ["narrowing", "space"])
def test_plain_objects_are_equal_to_new_ones(file, name):
    """A schedule, and parameters of every kind."""
    assert unpickled(file, name) == objects()[name]


def test_a_sampler_draws_what_a_new_one_draws(file):
    """Seed and schedule came with it."""
    import optuna

    values = []
    for sampler in (unpickled(file, "sampler"), objects()["sampler"]):
        study = optuna.create_study(sampler=sampler)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=20)
        values.append([trial.value for trial in study.trials])
    assert values[0] == values[1]


def test_layers_compute_what_new_ones_compute(file):
    """In training and in evaluation, and their state moves to new layers."""
    inputs = [torch.randn(8, 3), torch.randn(4, 2, 3, 3), torch.randn(8, 3)]
    for old, new, x in zip(unpickled(file, "layers"), objects()["layers"], inputs, strict=True):
        new.load_state_dict(old.state_dict())
        for mode in (True, False):
            assert torch.equal(old.train(mode)(x), new.train(mode)(x))
        assert old.state_dict().keys() == new.state_dict().keys()


def test_a_search_suggests_what_a_new_one_suggests(file):
    """As Ray pickles it."""
    from ray import tune

    drawn = []
    for search in (unpickled(file, "search"), CoarseToFineSearch(seed=3)):
        space = {"x": tune.uniform(0, 1), "n": tune.randint(0, 9)}
        assert search.set_search_properties("loss", "min", space)
        drawn.append([search.suggest(f"{i}") for i in range(3)])
    assert drawn[0] == drawn[1]


def test_rays_own_pickle_of_a_tuner(file):
    """It holds the search, and its space in the domains of this package."""
    tuner = unpickled(file, "tuner")
    assert isinstance(tuner["_tune_config"].search_alg, CoarseToFineSearch)


def test_a_callback_keeps_its_search(file):
    """The object that writes ``stages.json``."""
    callback = unpickled(file, "callback")
    assert callback._search.seed == 3


def test_a_search_by_hand_goes_on():
    """One that was pickled amid its trials, when what makes its marks lay beside the marks."""
    search = CoarseToFine(objects()["space"], seed=3)
    for i in range(12):
        search.tell(search.ask(), float(i % 5))
    now = pickle.dumps(search, protocol=2)  # which spells names out
    before = now.replace(b"tune_bn.core.draws.marker\nMarker", b"tune_bn.core.draws.mark\nMarker")
    assert before != now
    assert pickle.loads(before).ask() == search.ask()
