"""Saved state: JSON, whole or not at all, and a continuation that is identical."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ray import tune

from tests.ray.test_search import SPACE, loss_of, run
from tune_bn import Narrowing, SpaceError, StateError
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.tree import decode_tree, encode_tree, read_config

RICH = {
    "lr": tune.loguniform(1e-4, 1),
    "net": {"depth": tune.randint(1, 9), "act": tune.choice(["relu", ("t", 1), None, 1.5])},
    "opt": tune.choice(["sgd", {"beta": tune.quniform(0, 1, 0.1), "n": [tune.randn(), 3]}]),
    "constants": [1, (2, float("inf")), {"a": None}],
    "pair": (tune.qlograndint(10, 100, 10), "x"),
}


def continued(search, trial_id="z") -> list:
    """Returns the next suggestions of a search, each told."""
    configs = []
    for i in range(15):
        configs.append(search.suggest(f"{trial_id}{i}"))
        search.on_trial_complete(f"{trial_id}{i}", {"loss": i % 4, "training_iteration": 1 + i % 2})
    return configs


@pytest.mark.parametrize("n", [0, 1, 5, 30])
@pytest.mark.parametrize("space", [SPACE, RICH], ids=["simple", "rich"])
def test_a_blank_object_continues_identically(n, space, tmp_path):
    """Saved at any moment, with trials running and points left, restored without anything."""
    path = str(tmp_path / "state.json")
    search = CoarseToFineSearch(
        space,
        "loss",
        "min",
        points_to_evaluate=[{"lr": 0.5}, {"lr": 0.25, "net/depth": 2}],
        narrowing=Narrowing(coarse_trials=6),
    )
    search.add_evaluated_point({"lr": 0.1}, 3.0)
    for i in range(n):
        search.suggest(f"t{i}")
        search.on_trial_complete(f"t{i}", {"loss": i % 5, "training_iteration": i % 3})
    if n:
        search.suggest("running")
        search.on_trial_result("running", {"loss": 0.7, "training_iteration": 2})
    search.save(path)
    blank = CoarseToFineSearch()
    blank.restore(path)
    for each in (search, blank):
        if n:
            each.on_trial_complete("running")
            each.on_trial_complete("t0", {"loss": 99.0})  # a duplicate is still known as one
    assert continued(blank) == continued(search)
    assert blank.trials == search.trials
    assert blank.trial_ids == search.trial_ids
    assert (blank.metric, blank.mode, blank.seed) == (search.metric, search.mode, search.seed)


def test_the_file_is_strict_json(tmp_path):
    """No pickle, no NaN literal; the name ends accordingly."""
    search = CoarseToFineSearch(RICH, "loss", "min")
    for i, loss in enumerate([float("inf"), float("-inf"), float("nan")]):
        search.suggest(str(i))
        search.on_trial_complete(str(i), {"loss": loss, "training_iteration": float("inf")})
    search.suggest("live")
    search.on_trial_result("live", {"loss": float("inf"), "training_iteration": 1})
    search.save_to_dir(str(tmp_path), "session")
    (path,) = tmp_path.iterdir()
    assert path.name == "searcher-state-session.json"

    def refuse(literal: str) -> None:
        raise AssertionError(literal)

    json.loads(path.read_text(), parse_constant=refuse)
    blank = CoarseToFineSearch()
    blank.restore_from_dir(str(tmp_path))
    assert blank.trials == search.trials


class Thing:
    """An object that JSON cannot hold, equal only to itself."""


THING = Thing()
OBJECTS = {"x": tune.uniform(0, 1), "c": tune.choice([THING, len, {"t": THING}])}


@pytest.mark.parametrize("when", ["constructor", "before", "after"])
def test_a_space_with_objects_is_passed_again(when, tmp_path):
    """In the constructor, or by Tune before or after the restore; without it nothing is drawn."""
    path = str(tmp_path / "state.json")
    search = CoarseToFineSearch(OBJECTS, "loss", "min", seed=1, points_to_evaluate=[{"c": len}])
    for i in range(20):
        search.suggest(f"t{i}")
        search.on_trial_complete(f"t{i}", {"loss": i % 5})
    search.save(path)
    again = CoarseToFineSearch(OBJECTS if when == "constructor" else None)
    if when == "before":
        assert again.set_search_properties("loss", "min", OBJECTS)
    again.restore(path)
    if when == "after":
        with pytest.raises(RuntimeError, match="Pass the same space again"):
            again.suggest("a")
        with pytest.raises(StateError, match="Pass the same space again"):
            again.save(path)
        assert again.set_search_properties("loss", "min", OBJECTS)
    assert continued(again) == continued(search)
    assert again.trials[0].params["c"] is len


def test_saved_before_the_space_is_known(tmp_path):
    """Points and past results wait in the file; points with objects cannot."""
    path = str(tmp_path / "state.json")
    search = CoarseToFineSearch(seed=3, points_to_evaluate=[{"lr": 0.5}])
    search.add_evaluated_point({"lr": 0.1}, 3.0)
    search.save(path)
    blank = CoarseToFineSearch()
    blank.restore(path)
    for each in (search, blank):
        assert each.set_search_properties("loss", "min", SPACE, num_samples=20)
    assert continued(blank) == continued(search)
    assert blank.trials == search.trials
    with pytest.raises(StateError, match="points that hold objects"):
        CoarseToFineSearch(points_to_evaluate=[{"c": THING}]).save(path)


def test_the_budget_is_part_of_the_state(tmp_path):
    """Saved before the first suggestion, the schedule is still sized by num_samples."""
    path = str(tmp_path / "state.json")
    search = CoarseToFineSearch(seed=0)
    search.set_search_properties("loss", "min", SPACE, num_samples=300)
    search.save(path)
    blank = CoarseToFineSearch()
    blank.restore(path)
    assert run(blank, 60) == run(search, 60)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    """Written whole or not at all: an error in the middle changes nothing."""
    path = tmp_path / "state.json"
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    search.save(str(path))
    before = path.read_bytes()
    run(search, 5)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tune_bn.plain.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        search.save(str(path))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a file that save wrote"),
        ("\x80\x04pickle", "needs a file that save wrote"),
        ('{"format": "other"}', "needs a file that save wrote"),
        ('{"format": "tune_bn.ray.search", "version": 99}', "version 99.*Update tune-bn"),
    ],
)
def test_files_that_are_none_are_refused(text, message, tmp_path):
    """With what to do, and without changing the object."""
    path = tmp_path / "state.json"
    path.write_text(text)
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    with pytest.raises(StateError, match=message):
        search.restore(str(path))
    assert search.suggest("a") == CoarseToFineSearch(SPACE, "loss", "min", seed=0).suggest("a")


STRANGE = {
    "nested": lambda t: '{"format": ' + "[" * 100_000,
    "narrowing": lambda t: t.replace('"narrowing": ', '"narrowing": {"x": 1}, "n": '),
    "no metric": lambda t: t.replace('"metric"', '"x"'),
    "mode": lambda t: t.replace('"mode": "min"', '"mode": "up"'),
    "two objectives": lambda t: t.replace('["minimize"]', '["minimize", "maximize"]'),
    "number": lambda t: t.replace('"t0": 0', '"t0": 77'),
    "space": lambda t: t.replace('"dict"', '"tuple"'),
    "branch": lambda t: t.replace('"choice": [[0,', '"choice": [[5,'),
    "raw points": lambda t: t.replace('"raw_points": []', '"raw_points": [3]'),
    "no UTF-8": lambda t: t.encode("utf-16"),
}


@pytest.mark.parametrize("damage", STRANGE.values(), ids=STRANGE)
def test_strange_files_are_refused(damage, tmp_path):
    """In one short line, and the object is as it was."""
    path = tmp_path / "state.json"
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    run(search, 3)
    search.save(str(path))
    text = path.read_text()
    spoiled = damage(text)
    assert spoiled != text
    path.write_bytes(spoiled if isinstance(spoiled, bytes) else spoiled.encode())
    blank = CoarseToFineSearch()
    before = dict(blank.__dict__)
    with pytest.raises(StateError) as caught:
        blank.restore(str(path))
    assert blank.__dict__ == before
    assert len(str(caught.value)) < 400


def test_another_space_does_not_fit(tmp_path):
    """A state is not read into a search over other parameters."""
    path = str(tmp_path / "state.json")
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    run(search, 3)
    search.save(path)
    other = CoarseToFineSearch({"x": tune.uniform(0, 1)}, "loss", "min")
    with pytest.raises(StateError, match="does not fit"):
        other.restore(path)


def test_a_tree_survives_json():
    """Every kind of node is read back as it was written."""
    tree = read_config(RICH)
    again = decode_tree(json.loads(json.dumps(encode_tree(tree))))
    assert again == tree


@pytest.mark.parametrize(
    ("part", "match"),
    [
        ({"dict": [["x", {"constant": 1}], [float("nan"), {"constant": 2}]]}, "integers for keys"),
        ({"dict": [[None, {"constant": 2}]]}, "integers for keys"),
        ({"dict": [["x", {"constant": {"tuple": ["__ref_ph", "a"], "name": 5}}]]}, "text for its"),
    ],
)
def test_a_tree_is_refused_that_could_not_be_saved_again(part, match):
    """What `encode_tree` would not write, `decode_tree` does not read."""
    with pytest.raises(SpaceError, match=match):
        decode_tree(part)


def test_saving_costs_no_more_calls_for_more_trials(tmp_path):
    """Ray saves often: a trial is encoded once, when it ends, and not at each save again."""
    search = CoarseToFineSearch(SPACE, "loss", "min", seed=0)
    calls = []
    for i in range(500):
        config = search.suggest(f"{i:08x}")
        search.on_trial_complete(f"{i:08x}", {"loss": loss_of(config), "training_iteration": 1})
        if i + 1 in (10, 500):
            with counted_calls() as count:
                search.save(str(tmp_path / "state.json"))
            calls.append(count[0])
    assert 0 < calls[1] < calls[0] + 50  # a longer text is written in more pieces
    with counted_calls() as count:  # the counter sees what grows with the trials
        [trial.value for trial in search.trials]
    assert count[0] > 500


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Counts the functions that are called, of Python and of C."""
    count, before = [0], sys.getprofile()

    def see(frame: Any, event: str, arg: Any) -> None:
        del frame, arg
        count[0] += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        yield count
    finally:
        sys.setprofile(before)


def test_an_end_that_nobody_knows_is_refused_with_the_state(tmp_path):
    """A state that was edited is refused when it is read, not at the next suggestion."""
    path = tmp_path / "state.json"
    search = CoarseToFineSearch(metric="loss", mode="min", seed=0)
    search.add_evaluated_point({"lr": 0.01}, 1.0)
    search.save(str(path))
    text = path.read_text()
    assert text.count("false, true]") == 1
    CoarseToFineSearch().restore(str(path))
    path.write_text(text.replace("false, true]", "false, true, true]"))
    with pytest.raises(StateError, match="has the end"):
        CoarseToFineSearch().restore(str(path))
