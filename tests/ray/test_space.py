"""Configs of any shape: what is drawn is replaced, what is not stays as it was."""

from typing import Any, NamedTuple

import pytest
from ray import tune

from tune_bn import Narrowing, SpaceError
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.space import Space
from tune_bn.ray.tree import Node, read_config

sample_from: Any = tune.sample_from  # Ray's annotation leaves out functions without argument


class Shape(NamedTuple):
    height: object
    width: object


CONFIG = {
    "lr": tune.loguniform(1e-4, 1),
    "epochs": 10,
    "net": {"depth": tune.randint(1, 5), "bias": True, "inner": {"p": tune.uniform(0, 1)}},
    "layers": [8, tune.randint(10, 20), {"units": tune.choice([1, 2])}],
    "pair": (tune.uniform(0, 1), "kept"),
    "shape": Shape(3, tune.randint(4, 6)),
    "plain list": [1, [2, 3]],
    "plain tuple": (1, (2, 3)),
    "placeholder": ("__ref_ph", "1a2b"),
    "none": None,
    "optimizer": tune.choice(
        [
            "sgd",
            {"name": "b", "beta": tune.uniform(0.8, 0.9)},
            {
                "name": "adam",
                "beta": tune.uniform(0.1, 0.2),
                "sub": tune.choice([0, [tune.randn()]]),
            },
            tune.choice(["nested a", "nested b"]),
            ("a", "tuple"),
        ]
    ),
}


def suggest(config, n=40, **kwargs) -> list[dict]:
    """Returns the first configs of a search over a space, some of them told."""
    search = CoarseToFineSearch(config, "m", "min", seed=0, **kwargs)
    configs = []
    for i in range(n):
        configs.append(search.suggest(str(i)))
        search.on_trial_complete(str(i), {"m": i % 7, "training_iteration": 1})
    return configs


def is_resolved(value) -> bool:
    """Tells whether no domain is left anywhere in a config."""
    if isinstance(value, tune.search.sample.Domain):
        return False
    if isinstance(value, dict):
        return all(map(is_resolved, value.values()))
    return all(map(is_resolved, value)) if isinstance(value, (list, tuple)) else True


def test_is_resolved_finds_a_domain_in_a_list_in_a_tuple():
    """The judge below sees what Ray's own search algorithms leave unresolved."""
    assert not is_resolved({"a": ([tune.uniform(0, 1)],)})


def test_nothing_unresolved_leaks():
    """Dicts, lists, tuples and categories are resolved to the bottom, and keep their types."""
    configs = suggest(CONFIG, 200, narrowing=Narrowing.off())
    for config in configs:
        assert is_resolved(config)
        assert config.keys() == CONFIG.keys()
        assert isinstance(config["layers"], list)
        assert config["layers"][0] == 8
        assert 10 <= config["layers"][1] < 20
        assert config["layers"][2]["units"] in (1, 2)
        assert isinstance(config["pair"], tuple)
        assert config["pair"][1] == "kept"
        assert isinstance(config["shape"], Shape)
        assert config["shape"].width in (4, 5)
        assert config["plain list"] == [1, [2, 3]]
        assert config["plain tuple"] == (1, (2, 3))
        assert config["placeholder"] == ("__ref_ph", "1a2b")
    kinds = {str(c["optimizer"])[:14] for c in configs}
    assert {"sgd", "nested a", "nested b", "('a', 'tuple')"} <= kinds
    betas = [c["optimizer"]["beta"] for c in configs if isinstance(c["optimizer"], dict)]
    assert any(b < 0.5 for b in betas)
    assert any(b > 0.5 for b in betas)


def test_from_the_tuner_only_what_is_drawn_is_suggested():
    """Constants stay in Tune's own config; lists and tuples with draws are returned whole."""
    search = CoarseToFineSearch(seed=0)
    assert search.set_search_properties("m", "min", CONFIG, num_samples=10)
    config = search.suggest("a")
    assert config.keys() == {"lr", "net", "layers", "pair", "shape", "optimizer"}
    assert config["net"].keys() == {"depth", "inner"}
    assert config["layers"][0] == 8


def test_an_all_constant_space_works():
    """Nothing is drawn, results are taken, and the search has no stages."""
    search = CoarseToFineSearch()
    assert search.set_search_properties("m", "min", {"a": 1}, num_samples=3)
    assert search.suggest("x") == {}
    search.on_trial_complete("x", {"m": 1})
    assert search.stages() == []
    assert CoarseToFineSearch({"a": 1}, "m", "min").suggest("x") == {"a": 1}


def test_suggestions_share_nothing_mutable():
    """A trial that changes its config changes neither the space nor another trial's config."""
    search = CoarseToFineSearch(
        {"x": tune.uniform(0, 1), "l": [1, {"a": []}], "c": tune.choice([[1, 2]])}, "m", "min"
    )
    first = search.suggest("a")
    first["l"][1]["a"].append(1)
    first["c"].append(3)
    second = search.suggest("b")
    assert second["l"] == [1, {"a": []}]
    assert second["c"] == [1, 2]


def test_sample_from_is_computed_from_what_was_drawn():
    """In any order, from one another, in lists and categories; without an argument as well."""
    space = {
        "later": sample_from(lambda config: config["width"] + 1),
        "width": sample_from(lambda config: config["net"]["depth"] * 10),
        "net": {"depth": tune.randint(1, 5)},
        "list": [sample_from(lambda config: config["width"])],
        "constant": sample_from(lambda: 7),
        "kind": tune.choice([{"n": sample_from(lambda config: config.get("width"))}]),
        "legacy": sample_from(lambda spec: spec.config.net.depth),
    }
    for config in suggest(space, 5):
        depth = config["net"]["depth"]
        assert config == {
            "later": depth * 10 + 1,
            "width": depth * 10,
            "net": {"depth": depth},
            "list": [depth * 10],
            "constant": 7,
            "kind": {"n": depth * 10},
            "legacy": depth,
        }
    search = CoarseToFineSearch()
    search.set_search_properties("m", "min", {**space, "fixed": 1})
    assert search.suggest("a").keys() == space.keys()


def test_sample_from_in_a_circle_is_refused():
    """Two functions that read each other are an error that names both."""
    space = {
        "a": sample_from(lambda config: config["b"]),
        "b": sample_from(lambda config: config["a"]),
        "x": tune.uniform(0, 1),
    }
    with pytest.raises(SpaceError, match="a, b read each other"):
        suggest(space, 1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"a": tune.grid_search([1, 2])}, "no grid.*'a'.*Use tune.choice"),
        ({"b": [{"a": tune.grid_search([1, 2])}]}, "grid_search at 'b/0/a'"),
        ({"a": tune.choice([tune.grid_search([1])])}, "no grid"),
        ({"a/b": tune.uniform(0, 1)}, 'keys without "/".*Use nested dicts'),
        ({"x": {"a/b": 1}}, 'keys without "/"'),
        ({"a": tune.choice([])}, "at least one category, but 'a'"),
        ({"a": {"eval": "spec.config.x"}}, "does not evaluate text.*sample_from"),
        ({"a": {0: tune.uniform(0, 1), "0": tune.uniform(0, 1)}}, "one name, 'a/0'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(config, message):
    """The error names the place and says what to use instead; it is a ValueError."""
    with pytest.raises(ValueError, match=message):
        CoarseToFineSearch(config, "m", "min")
    with pytest.raises(ValueError, match=message):
        CoarseToFineSearch().set_search_properties("m", "min", config)


def test_a_config_gives_its_values_back():
    """Reading a suggestion finds the values that it was built from."""
    space = Space(read_config(CONFIG))
    search = CoarseToFineSearch(CONFIG, "m", "min", seed=3)
    for i in range(50):
        config = search.suggest(str(i))
        search.on_trial_complete(str(i), {"m": 1.0})
        assert space.values(config, is_strict=True) == search.trials[-1].params


def test_categories_that_are_equal_but_not_the_same():
    """True, 1 and 1.0 are three categories; objects are told apart by identity."""
    thing = object()
    space = {"c": tune.choice([True, 1, 1.0, thing, float("nan"), [1], (1,)])}
    configs = suggest(space, 60)
    assert len({(type(c["c"]), str(c["c"])) for c in configs}) == 7


def test_a_node_knows_whether_anything_is_open_in_it():
    """A tuple of constants is itself a constant, a function is open."""
    assert not read_config((1, (2,))).is_open
    assert read_config([sample_from(lambda: 1)]).is_open
    assert not Node("constant").is_open
