"""What a search algorithm of Ray Tune says of its draws is true; driven by hand, as Tune does."""

import math

import pytest

from tests.faults.golden.draws import loss_of, ray_spaces
from tests.support.regions import untrue
from tune_bn import Categorical
from tune_bn.ray import CoarseToFineSearch

RAY_SPACES = ray_spaces()


def said_untrue(search, given):
    """Returns what is untrue of what the search says of itself."""
    categories = [n for n, p in search.space.items() if isinstance(p, Categorical)]
    origins = search.origins()
    params = {n: search._search.params(n) for n in origins}
    return untrue(origins, search.stages(), params, categories, given)


@pytest.mark.parametrize("space", RAY_SPACES)
@pytest.mark.parametrize("seed", range(2))
def test_no_value_lies_outside(space, seed, tmp_path):
    """All of Tune's domains, nested ones too; points given, trials stopped early and failed."""
    domains = RAY_SPACES[space]
    points = [{"x": 0.5}] if "x" in domains else [{"i": 2}] if "i" in domains else None
    search = CoarseToFineSearch(metric="loss", mode="min", seed=seed, points_to_evaluate=points)
    search.set_search_properties(None, None, domains, num_samples=80)
    for i in range(80):
        config = search.suggest(str(i))
        result = {"loss": loss_of(config), "training_iteration": 1 + i % 3}
        if i % 11 == 3:
            search.on_trial_complete(str(i), None, error=True)
        else:
            search.on_trial_complete(str(i), result)
    given = {0: list(points[0])} if points else {}
    assert len(search.origins()) == 80
    assert not said_untrue(search, given)
    search.save(str(tmp_path / "state.json"))
    again = CoarseToFineSearch()
    again.restore(str(tmp_path / "state.json"))
    assert not said_untrue(again, given)
    assert again.stages() == search.stages()


def test_windows_of_every_domain_are_in_its_own_units():
    """Quantised and normal ones: ends that can be drawn, the lower one first."""
    search = CoarseToFineSearch(RAY_SPACES["all"], "loss", "min", seed=0)
    for i in range(60):
        config = search.suggest(str(i))
        search.on_trial_complete(str(i), {"loss": loss_of(config)})
    moved = [(n, w) for o in search.origins().values() for n, w in o.moved.items()]
    assert {n for n, _ in moved} == set(RAY_SPACES["all"])
    for name, window in moved:
        if name != "c":
            low, high = window.bounds
            assert math.isfinite(low + high)
            assert low <= high
            assert window.share is not None
            assert 0 < window.share <= 1
