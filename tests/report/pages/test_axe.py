"""A screen reader and a keyboard get through every kind of page: axe finds nothing to mend."""

import random
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import optuna
import pytest

from tests.report.chromium import axe_findings
from tune_bn.report import NetworkResults, write_comparison, write_report

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def axe(needs: Callable[[str], ModuleType]) -> str:
    """The source of axe."""
    needs("axe_core_python")
    return files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def many_runs(n: int = 2000) -> dict[str, list[float]]:
    """Returns a table of so many runs of three parameters."""
    dice = random.Random(0)
    rates = [10 ** dice.uniform(-5, 0) for _ in range(n)]
    losses = [abs(rate - 0.01) + dice.random() for rate in rates]
    return {"lr": rates, "layers": [dice.randint(1, 5) for _ in rates], "loss": losses}


def test_the_page_of_a_tuned_network(staged: optuna.Study, axe: str, tmp_path: Path):
    """Stages, advice, scores, the network's figures, code to copy."""
    network = NetworkResults(
        epochs=[{"epoch": i, "train_loss": 1 / i, "loss": 2 / i} for i in (1, 2, 3)],
        true=["a", "b", "b"],
        predicted=["a", "b", "a"],
        classes=["a", "b"],
    )
    summary = {
        "metric": "accuracy",
        "maximize": True,
        "best": {"trial": 1, "test": {"accuracy": 0.98}},
        "baselines": {"logistic regression": {"accuracy": 0.96}},
        "remarks": ["there are few rows"],
    }
    write_report(staged, tmp_path / "page.html", summary=summary, network=network)
    assert axe_findings(tmp_path / "page.html", axe) == []


@pytest.mark.slow
def test_the_page_of_two_objectives(two_objectives: optuna.Study, axe: str, tmp_path: Path):
    """Several figures of one kind, and a front."""
    write_report(two_objectives, tmp_path / "page.html")
    assert axe_findings(tmp_path / "page.html", axe) == []


def test_the_page_of_many_runs(axe: str, tmp_path: Path):
    """Two thousand rows of a table, with notes on how it was read."""
    write_report(many_runs(), tmp_path / "page.html", metric="loss", mode="min")
    assert axe_findings(tmp_path / "page.html", axe) == []


def test_the_page_that_compares(staged: optuna.Study, axe: str, tmp_path: Path):
    """Two searches beside one another."""
    write_comparison({"one": staged, "another": staged}, tmp_path / "page.html")
    assert axe_findings(tmp_path / "page.html", axe) == []


def page_with(wrong: str, folder: Path) -> Path:
    """Returns a page with something more at its end."""
    file = folder / "page.html"
    write_report({"lr": [0.1, 0.2], "loss": [1.0, 2.0]}, file, metric="loss", mode="min")
    text = file.read_text(encoding="utf-8").replace("</main>", f"{wrong}</main>")
    file.write_text(text, encoding="utf-8")
    return file


def test_axe_finds_what_is_wrong(axe: str, tmp_path: Path):
    """The judge above can fail: a picture without a text, words that can hardly be read."""
    file = page_with(
        '<img src="data:,"><p style="color: #ccc; background: #fff">pale</p>', tmp_path
    )
    found = {tuple(one.split(": ")[:2]) for one in axe_findings(file, axe)}
    assert found == {
        (rule, scheme) for rule in ("image-alt", "color-contrast") for scheme in ("light", "dark")
    }


def test_axe_looks_at_the_dark_page(axe: str, tmp_path: Path):
    """What can be read in the light and not in the dark is found."""
    file = page_with('<p style="color: #1a2330">black on black</p>', tmp_path)
    (found,) = axe_findings(file, axe)
    assert found.startswith("color-contrast: dark: ")
