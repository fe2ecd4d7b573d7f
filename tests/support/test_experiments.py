"""The judge of Ray experiments: what is right passes, and each comparison can fail."""

from typing import Any

import numpy as np
import pytest

from tests.support.experiments import RULES, Heard, Outcome, rank, verdict

OUTCOMES: dict[str, Outcome] = {
    "stopped": ("stopped", 3, 0.1),
    "itself": ("itself", 2, 0.4),
    "furthest": ("stopped", 9, 0.5),
    "goal": ("goal", 1, 0.9),
    "later": ("goal", 5, 0.9),
    "infinite": ("itself", 9, -np.inf),
    "failed": ("failed", 9, 0.0),
}


def test_the_judge_can_tell_ranks_apart():
    """The rule that the judge goes by is not satisfied by any order."""
    right = ["goal", "later", "itself", "furthest", "stopped", "infinite"]
    assert rank(OUTCOMES) == right
    assert rank(dict(reversed(OUTCOMES.items()))) == right
    assert rank(OUTCOMES, maximize=True) != right


def heard(**outcomes: Outcome) -> Heard:
    """Returns what is said of an experiment about which all say what is right."""
    table = outcomes or {i: OUTCOMES[i] for i in ("stopped", "itself", "furthest")}
    states = {"stopped": "pruned", "failed": "failed"}
    trials = {
        i: (states.get(how, "complete"), () if how == "failed" else (value,), {"x": value})
        for i, (how, _, value) in table.items()
    }
    best = rank(table)[0]
    return Heard(
        {name: dict(trials) for name in ("grid", "folder", "search")},
        dict.fromkeys(("grid", "folder", "search", "memory"), (best, (table[best][2],))),
        {name: {0: ({"x": (0, 1)}, 0.4)} for name in ("grid", "folder", "search")},
        dict(table),
        f"Ray's own best result is of trial 0, which {RULES['far']}.",
    )


TAMPERED: dict[str, Any] = {
    "grid and folder know different trials": lambda h: h.trials["folder"].popitem(),
    "the search knows other trials": lambda h: h.trials["search"].update(
        itself=("complete", (0.4,), {"x": 0.2})
    ),
    "Ray has other trials": lambda h: h.table.update(new=("itself", 9, 0.7)),
    "there are several best trials": lambda h: h.best.update(memory=("itself", (0.41,))),
    "stages differ": lambda h: h.stages["search"].update({0: ({"x": (0, 1)}, 0.1)}),
    "states differ from Ray's": lambda h: h.table.update(furthest=("failed", 9, 0.5)),
    "values differ from Ray's": lambda h: h.table.update(furthest=("stopped", 9, 0.6)),
    "another trial is the best": lambda h: h.table.update(itself=("stopped", 2, 0.4)),
    "the page names another rule": lambda h: setattr(h, "found", f"Ray's own best {RULES['goal']}"),
    "the page is silent on Ray's best": lambda h: setattr(h, "found", RULES["far"]),
}


@pytest.mark.parametrize("message", TAMPERED)
def test_each_comparison_of_the_judge_can_fail(message):
    """What is right passes, and whatever one of them says wrongly is found."""
    said = heard()
    verdict(said)
    TAMPERED[message](said)
    with pytest.raises(AssertionError, match=message):
        verdict(said)


@pytest.mark.parametrize(
    ("rule", "outcomes"),
    [
        ("far", {"a": ("stopped", 3, 0.1), "b": ("itself", 9, 0.4)}),
        ("goal", {"a": ("itself", 9, 0.1), "b": ("goal", 2, 0.4)}),
        ("failed", {"a": ("failed", 9, 0.1), "b": ("itself", 9, 0.4)}),
    ],
)
def test_the_judge_knows_which_rule_made_the_difference(rule, outcomes):
    """Only the page that names this one passes."""
    said = heard(**outcomes)
    for name, text in RULES.items():
        said.found = f"Ray's own best result is of trial 0, which {text}."
        if name == rule:
            verdict(said)
        else:
            with pytest.raises(AssertionError, match="another rule"):
                verdict(said)
