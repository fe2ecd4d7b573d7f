"""How a trial ended, as the search hears it live and as Tune's records tell it afterwards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import tune

from tune_bn import Narrowing
from tune_bn.ray import CoarseToFineSearch
from tune_bn.ray.ends import checked_stop

SPACE = {"x": tune.uniform(0, 1)}


def rows(**columns: Any) -> list[dict[str, Any]]:
    """Returns what a trial reported, one result after the other."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def live(reported: list[dict[str, Any]], stop: Any, mode: str, by: str, path: Path) -> Any:
    """Returns the end of a trial as the search hears it, restored from its state half-way."""
    search = CoarseToFineSearch(seed=0)
    search.set_search_properties("m", mode, SPACE, stop=stop)
    search.suggest("a")
    for i, row in enumerate(reported, start=1):
        is_last = i == len(reported)
        result = {**row, "training_iteration": i, "done": is_last and by == "stop"}
        if not is_last or by == "return":
            search.on_trial_result("a", result)
        if i == 1:
            search.save(str(path / "state.json"))
            iterations, search = search._iterations, CoarseToFineSearch(SPACE)
            search.restore(str(path / "state.json"))
            search._iterations = iterations
    search.on_trial_complete("a", {**result, "done": by != "interrupt"})
    return search.trials[0].end


def recorded(reported: list[dict[str, Any]], stop: Any, mode: str, by: str, path: Path) -> Any:
    """Returns the end of a trial that only Tune's records know."""
    log = [
        {**row, "training_iteration": i, "done": i == len(reported) and by == "stop"}
        for i, row in enumerate(reported, start=1)
    ]
    (path / "a").mkdir()
    (path / "a" / "result.json").write_text("\n".join(map(json.dumps, log)))
    of = {name: [row[name] for row in log] for name in log[0]}
    analysed = {n: {"min": min(v), "max": max(v), "last": v[-1]} for n, v in of.items()}
    state = {"trial_id": "a", "status": "TERMINATED", "config": {"x": 0.5}, "relative_logdir": "a"}
    about = {"last_result": {**log[-1], "done": by != "interrupt"}, "metric_analysis": analysed}
    pair = [json.dumps({**state, "stopping_criterion": checked_stop(stop)}), json.dumps(about)]
    (path / "experiment_state-1.json").write_text(json.dumps({"trial_data": [pair]}))
    search = CoarseToFineSearch(SPACE, "m", mode, seed=0)
    search.save(str(path / "searcher-state-1.json"))
    search.restore_from_dir(str(path))
    return search.trials[0].end


def patience(trial_id: str, result: dict[str, Any]) -> bool:
    """A function as ``stop``."""
    del trial_id
    return bool(result["m"] > 3)


@pytest.mark.parametrize("hear", [live, recorded])
@pytest.mark.parametrize(
    ("reported", "stop", "mode", "by", "end"),
    [
        # A function that returns, however soon; and a trial that is cut off when the time is over.
        (rows(m=[3.0, 2.0]), {}, "min", "return", "itself"),
        (rows(m=[3.0, 2.0]), {}, "min", "interrupt", "unknown"),
        # A scheduler, a Stopper or a function in ``stop``: Tune does not say which.
        (rows(m=[3.0, 2.0]), {}, "min", "stop", "unknown"),
        (rows(m=[3.0, 2.0]), patience, "min", "stop", "unknown"),
        # What is optimised.
        (rows(m=[0.5, 0.9]), {"m": 0.9}, "max", "stop", "goal"),
        (rows(m=[0.9]), {"m": 0.9}, "max", "stop", "goal"),
        (rows(m=[3.0, 90.0]), {"m": 50}, "min", "stop", "itself"),
        # Budgets: Tune's own counts, whole numbers, also as floats.
        (rows(m=[3.0, 2.0]), {"training_iteration": 2}, "min", "stop", "itself"),
        (rows(m=[3.0, 2.0], epoch=[1, 2]), {"epoch": 2}, "min", "stop", "itself"),
        (rows(m=[3.0, 2.0], tokens=[5e5, 1e6]), {"tokens": 1e6}, "min", "stop", "itself"),
        (
            rows(m=[3.0, 2.0], time_total_s=[0.7, 1.9]),
            {"time_total_s": 1.5},
            "min",
            "stop",
            "itself",
        ),
        # Another number: a goal where the objective is at its best, and a limit where it is not.
        (rows(m=[3.0, 2.0], acc=[0.5, 0.9]), {"acc": 0.9}, "min", "stop", "goal"),
        (rows(m=[0.5, 0.6], acc=[0.5, 0.9]), {"acc": 0.9}, "max", "stop", "goal"),
        (rows(m=[3.0, 2.0, 2.5], norm=[0.5, 0.4, 99.5]), {"norm": 50.5}, "min", "stop", "itself"),
        (rows(m=[0.5, 0.6, 0.1], val=[0.5, 0.4, 7.5]), {"val": 5.5}, "max", "stop", "itself"),
        (rows(m=[3.0], norm=[99.5]), {"norm": 50.5}, "min", "stop", "itself"),
        (rows(m=[3.0, float("inf")], norm=[0.5, 99.5]), {"norm": 50.5}, "min", "stop", "itself"),
        # Two bounds: a goal counts, also where the budget is used up in the same moment.
        (
            rows(m=[3.0, 2.0], acc=[0.5, 0.9]),
            {"training_iteration": 2, "acc": 0.9},
            "min",
            "stop",
            "goal",
        ),
        # A bound that was not met.
        (rows(m=[3.0, 2.0], acc=[0.5, 0.8]), {"acc": 0.9}, "min", "stop", "unknown"),
    ],
)
def test_why_a_trial_ended(hear, reported, stop, mode, by, end, tmp_path):
    """The search and the records come to one answer, which is right."""
    assert hear(reported, stop, mode, by, tmp_path) == end


def test_numbers_that_only_the_log_holds(tmp_path):
    """Where Tune could not analyse a metric, the log tells whether it was at its best."""
    search = CoarseToFineSearch(SPACE, "m", "min", seed=0)
    assert recorded(rows(m=[3.0, 2.0], acc=[0.5, 0.9]), {"acc": 0.9}, "min", "stop", tmp_path) == (
        "goal"
    )
    state = json.loads((tmp_path / "experiment_state-1.json").read_text())
    about = json.loads(state["trial_data"][0][1])
    about["metric_analysis"] = {"m": {"min": {"_type": "CLOUDPICKLE_FALLBACK"}}, "acc": 3}
    state["trial_data"][0][1] = json.dumps(about)
    (tmp_path / "experiment_state-1.json").write_text(json.dumps(state))
    search.restore_from_dir(str(tmp_path))
    assert search.trials[0].end == "goal"


def kept_trying(kind: str, narrowing: Narrowing | None, seed: int) -> float:
    """Returns the best final loss of 40 trials, of which the better learn fastest and end first.

    Args:
        kind: What ends them: patience of the trainable itself, a ``Stopper`` (``time_attr=None``),
            or their number of epochs, which is a parameter.
        narrowing: None for the default.
        seed: Of the search.
    """
    space = {"x": tune.uniform(0, 1), "y": tune.uniform(0, 1), "epochs": tune.randint(2, 20)}
    search = CoarseToFineSearch(
        space,
        "loss",
        "min",
        seed=seed,
        narrowing=narrowing,
        time_attr=None if kind == "stopper" else "training_iteration",
    )
    finals = []
    for i in range(40):
        config = search.suggest(str(i))
        floor = (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2
        rate = 0.3 if floor < 0.1 else 0.9
        n = config["epochs"] if kind == "epochs" else 5 if floor < 0.1 else 20
        for step in range(1, n + 1):
            result = {"loss": floor + rate**step, "training_iteration": step, "done": False}
            if step < n or kind != "stopper":
                search.on_trial_result(str(i), result)
        search.on_trial_complete(str(i), {**result, "done": True})
        finals.append(float(result["loss"]))
    assert search.best.value == min(finals)
    return min(finals)


@pytest.mark.parametrize("kind", ["patience", "stopper", "epochs"])
def test_with_patience_it_is_no_worse_than_random(kind):
    """Where good trials end early, narrowing still helps: over seeds, and clearly."""
    seeds = range(10)
    ours = np.array([kept_trying(kind, None, seed) for seed in seeds])
    random = np.array([kept_trying(kind, Narrowing.off(), seed) for seed in seeds])
    assert np.median(ours) < np.median(random)
    assert np.mean(ours < random) > 0.5
