"""One word for one thing in what users read; `docs/words.md` says which, and which not."""

import ast
import re
from pathlib import Path

import optuna
import pytest
from optuna.samplers import RandomSampler
from typer.testing import CliRunner

from tests.support.words import forbidden, misused, prose
from tune_bn.cli import app
from tune_bn.core.draws.stages import Stages
from tune_bn.optuna import CoarseToFineSampler, stages

ROOT = Path(__file__).parent.parent
PAGES = [
    str(path.relative_to(ROOT))
    for path in (
        ROOT / "README.md",
        ROOT / "examples/README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
    if path.name != "words.md"
]
ALLOWED: dict[str, tuple[str, ...]] = {
    "docs/optuna.md": ("pruned",),  # it speaks of Optuna's pruners
    "tune_bn/ray/waiting.py": ("pruned",),  # the name of an argument
    "docs/measurements.md": ("rung",),  # ASHA's own word
    "tune_bn/core/draws/narrowing.py": ("hyperparameter",),  # the title of a lecture
}


def test_the_words_are_read():
    """The page forbids some phrases, of which each has one word in its stead."""
    assert forbidden()["pruned"] == "stopped early"
    assert forbidden()["best network"] == "chosen network"
    assert len(forbidden()) > 40


@pytest.mark.parametrize(
    "text", ["A trial was pruned.", "Pruned:  3", "the tuned\nnetwork", "knobs"]
)
def test_a_wrong_word_is_noticed(text: str):
    """In any case, in the plural, across lines; not inside of another word, and not in code."""
    assert len(misused(text)) == 1
    assert misused("unpruned, `pruned`"[:8]) == []
    assert misused(prose("`pruned` [x](pruned.md)")) == []


@pytest.mark.parametrize("page", PAGES)
def test_the_docs_use_the_words(page: str):
    """Outside of code, and of the titles of papers."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert misused(prose(text), allowed=ALLOWED.get(page, ())) == []


def test_messages_and_docstrings_use_the_words():
    """All text of three words or more in the package: messages, headings, the API pages."""
    found = {}
    for path in sorted((ROOT / "tune_bn").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        texts = [
            re.sub(r"``?[^`]*``?|\"\w+\"", "", node.value)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        long = "\n. ".join(text for text in texts if len(text.split()) >= 3)
        if wrong := misused(long, allowed=ALLOWED.get(name, ())):
            found[name] = wrong
    assert found == {}


def test_stages_have_the_words_for_what_no_stage_drew():
    """Another sampler's trials are not said to be given; files keep their one key for both."""
    enqueued, begun = (optuna.create_study(sampler=RandomSampler(seed=0)) for _ in range(2))
    enqueued.enqueue_trial({"x": 0.5})
    begun.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=9)
    for study, name, other in ((enqueued, "given", "earlier"), (begun, "earlier trials", "given")):
        study.sampler = CoarseToFineSampler(seed=0)
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
        found = Stages(stages(study))
        for text in (repr(found), found._repr_html_(), found[0]._repr_html_()):
            assert name in text
            assert other not in text
        assert f"| {name} |" in (ROOT / "docs/words.md").read_text(encoding="utf-8")
        assert found[0].to_json()["name"] == "given"


def test_the_command_uses_the_words():
    """Every command's help, as a user reads it."""
    names = [
        str(command.callback.__name__) for command in app.registered_commands if command.callback
    ]
    shown = [CliRunner().invoke(app, [name, "--help"]) for name in names]
    assert len(shown) >= 4
    assert all(result.exit_code == 0 for result in shown)
    assert [wrong for result in shown for wrong in misused(result.output)] == []
