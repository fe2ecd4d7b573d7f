"""Any order of suggest, result, end, error, pause, late and unknown trials, save and restore."""

import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from ray import tune

from tests.support.machines import VALUES, Machine, lasting
from tests.support.spaces import narrowings
from tune_bn import StateError
from tune_bn.ray import CoarseToFineSearch

THING = object()
RESULTS = st.fixed_dictionaries(
    {"training_iteration": st.integers(0, 5)},
    optional={"loss": st.one_of(VALUES, st.just(math.nan), st.just("text"), st.none())},
)


def _spaces() -> st.SearchStrategy[dict[str, Any]]:
    domains = st.sampled_from(
        [
            tune.uniform(-1e300, 1e300),
            tune.loguniform(1e-9, 1.0),
            tune.quniform(0.0, 1.0, 0.1),
            tune.randint(0, 3),
            tune.lograndint(1, 10**9),
            tune.qrandint(10, 100, 10),
            tune.randn(0.0, 1.0),
            tune.choice(["a", None, 1.5]),
            tune.choice([THING, len]),
            tune.choice(["sgd", {"momentum": tune.uniform(0, 1), "n": [tune.randint(0, 9), 3]}]),
            {"deep": {"x": tune.uniform(0, 1), "constant": 3}},
        ]
    )
    return st.dictionaries(st.sampled_from(["lr", "net", "β", "<b>", "n"]), domains, min_size=1)


class RayMachine(Machine):
    """The search algorithm as Tune would call it in its worst hour."""

    @initialize(
        space=_spaces(),
        narrowing=narrowings(),
        seed=st.integers(0, 2**64 - 1),
        mode=st.sampled_from(["min", "max"]),
    )
    def begin(self, space, narrowing, seed, mode):
        self.folder = tempfile.TemporaryDirectory()
        self.space, self.mode = space, mode
        self.search = CoarseToFineSearch(space, "loss", mode, seed=seed, narrowing=narrowing)
        self.configs: dict[str, dict[str, Any]] = {}
        self.finished: dict[str, float] = {}
        self.failed: set[str] = set()
        self.last: dict[str, tuple[int, float]] = {}
        self.strangers = 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule()
    def suggest(self):
        trial_id = f"t{len(self.configs)}"
        config = self.search.suggest(trial_id)
        assert self.search.suggest(trial_id) == config  # asked again, the same
        self.configs[trial_id] = config

    @precondition(lambda self: self.configs)
    @rule(data=st.data(), result=RESULTS)
    def report(self, data, result):
        trial_id = data.draw(st.sampled_from(sorted(self.configs)))
        self.search.on_trial_result(trial_id, result)
        value = result.get("loss")
        if trial_id not in self.finished and isinstance(value, float):
            step = result["training_iteration"]
            if trial_id not in self.last or step >= self.last[trial_id][0]:
                self.last[trial_id] = (step, value)

    @precondition(lambda self: self.configs)
    @rule(data=st.data(), result=st.one_of(st.none(), RESULTS), error=st.booleans())
    def end(self, data, result, error):
        """Also of one that has ended: the first that brings a value counts."""
        trial_id = data.draw(st.sampled_from(sorted(self.configs)))
        self.search.on_trial_complete(trial_id, result, error=error)
        value = (result or {}).get("loss")
        seen = self.last.pop(trial_id, None)
        if trial_id in self.finished:
            return
        if not isinstance(value, float):
            value = None if seen is None else seen[1]
        if value is None or math.isnan(value) or error:
            self.failed.add(trial_id)
        else:
            self.failed.discard(trial_id)
            self.finished[trial_id] = value

    @precondition(lambda self: self.configs)
    @rule(data=st.data())
    def pause(self, data):
        trial_id = data.draw(st.sampled_from(sorted(self.configs)))
        self.search.on_pause(trial_id)
        self.search.on_unpause(trial_id)

    @rule(result=RESULTS, with_config=st.booleans())
    def an_unknown_trial_ends(self, result, with_config):
        """As after a restart from an older state: it is learned from its config, if it has one."""
        n = len(self.search.trials)
        config = {"config": next(iter(self.configs.values()), {})} if with_config else {}
        self.search.on_trial_complete(f"unknown{self.strangers}", {**result, **config})
        self.strangers += 1
        self.strange = len(self.search.trials) - n
        assert self.strange in (0, 1)

    @rule()
    def save_and_restore(self):
        path = str(Path(self.folder.name) / "state.json")
        self.search.save(path)
        again = CoarseToFineSearch(self.space)
        again.restore(path)
        trial_id = f"t{len(self.configs)}"
        self.configs[trial_id] = self.search.suggest(trial_id)
        assert again.suggest(trial_id) == self.configs[trial_id]
        assert again.trial_ids == self.search.trial_ids
        assert [t.values for t in again.trials] == [t.values for t in self.search.trials]
        self.search = again

    @precondition(lambda self: self.configs)
    @rule(damage=st.sampled_from(["cut", "empty", "other"]))
    def a_damaged_file_changes_nothing(self, damage):
        path = Path(self.folder.name) / "damaged.json"
        self.search.save(str(path))
        text = path.read_text()
        cut = {"cut": text[: len(text) // 2], "empty": "", "other": '{"format": "other"}'}
        path.write_text(cut[damage])
        before = dict(self.search.__dict__)
        with pytest.raises(StateError):
            self.search.restore(str(path))
        assert self.search.__dict__ == before

    def modelled(self):
        states: dict[str, tuple[str, tuple[float, ...]]]
        states = dict.fromkeys(self.configs, ("running", ()))
        states |= {trial_id: ("complete", (value,)) for trial_id, value in self.finished.items()}
        return states | dict.fromkeys(self.failed, ("failed", ()))

    def seen(self):
        values = {t.number: t.values for t in self.search.trials}
        numbers = {trial_id: self.search.number(trial_id) for trial_id in self.configs}
        state: Any = self.search._search and self.search._search.state
        return {i: (state(n), values.get(n, ())) for i, n in numbers.items()}

    def numbers(self):
        return [] if self.search._search is None else sorted(self.search._search.numbers)

    def stages(self):
        return [] if self.search._search is None else self.search.stages()


class TestRay(RayMachine.TestCase):  # type: ignore[valid-type,misc]  # made by hypothesis
    """A few hundred events."""

    settings = lasting(20, 25)


@pytest.mark.slow
class TestRayAtLength(RayMachine.TestCase):  # type: ignore[valid-type,misc]
    """Thousands."""

    settings = lasting(150, 60)
