"""What stands around Optuna: its plots, its dashboard, OptunaHub, and Ray's OptunaSearch."""

import json
import re
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import optuna
import optunahub
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

from tests.support.postgres import free_port
from tune_bn.optuna import CoarseToFineSampler

ROOT = Path(__file__).parents[2]
HUB = ROOT / "examples" / "optunahub" / "package"


def objective(trial: optuna.Trial) -> float:
    """Returns a loss of four kinds of parameters, reported step by step, sometimes pruned."""
    x = trial.suggest_float("x", 0, 1)
    y = trial.suggest_float("y", 1e-5, 1, log=True)
    n = trial.suggest_int("n", 1, 9)
    k = trial.suggest_categorical("k", ["a", "b"])
    value = (x - 0.3) ** 2 + y + n / 10 + (k == "b")
    for step in range(3):
        trial.report(value + 1 / (step + 1), step)
        if step == 1 and trial.number % 5 == 4:
            raise optuna.TrialPruned
    return value


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """A study of 40 trials, some of them pruned."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=40)
    return study


@pytest.fixture(scope="module")
def front() -> optuna.Study:
    """A study of two objectives."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=CoarseToFineSampler(seed=0)
    )
    study.optimize(
        lambda t: (t.suggest_float("x", 0, 1), t.params["x"] - t.suggest_float("y", 0, 1)),
        n_trials=40,
    )
    return study


PLOTS = [name for name in optuna.visualization.__all__ if name.startswith("plot_")]
SEVERAL = {"plot_pareto_front", "plot_hypervolume_history"}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_of_optuna(name, study, front, needs):
    """Each of optuna.visualization draws our studies."""
    plot = getattr(optuna.visualization, name)
    if name == "plot_terminator_improvement":
        needs("torch")  # the plot's own dependency
    options: dict[str, Any] = {}
    if name == "plot_hypervolume_history":
        options["reference_point"] = [2.0, -2.0]
    target: Any = front if name in SEVERAL else study
    if name == "plot_edf":
        target = [study]
    figure = plot(target, **options)
    assert len(figure.to_json()) > 100


def test_there_are_plots_to_test():
    """The list above is not empty because a name has changed."""
    assert {"plot_slice", "plot_contour", "plot_param_importances"} <= set(PLOTS)


def fetch(url: str) -> bytes:
    """Returns what a server on this machine answers."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200
        body: bytes = answer.read()
        return body


@pytest.mark.heavy
def test_the_dashboard_shows_the_stages(tmp_path):
    """optuna-dashboard opens a study of ours, and each trial's stage can be read in it."""
    storage = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(
        study_name="shown", storage=storage, sampler=CoarseToFineSampler(seed=0)
    )
    study.optimize(objective, n_trials=15)
    port = free_port()
    command = Path(sys.executable).with_name("optuna-dashboard")
    server = subprocess.Popen(
        [str(command), storage, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                studies = json.loads(fetch(f"http://127.0.0.1:{port}/api/studies"))
                break
            except OSError:
                assert server.poll() is None, "the dashboard did not start"
                threading.Event().wait(0.2)
        (summary,) = studies["study_summaries"]
        assert summary["study_name"] == "shown"
        assert b"<html" in fetch(f"http://127.0.0.1:{port}/dashboard/").lower()
        detail = json.loads(
            fetch(f"http://127.0.0.1:{port}/api/studies/{summary['study_id']}?after=0")
        )
        for trial in detail["trials"]:
            (attribute,) = trial["user_attrs"]
            assert attribute["key"] == "tune_bn:stage"
            assert attribute["value"].startswith(("coarse, ", "fine "))
    finally:
        server.terminate()
        server.wait()


def test_the_optunahub_package_loads():
    """The folder is loadable as OptunaHub loads it, and exposes the sampler."""
    module = optunahub.load_local_module("samplers/coarse_to_fine", registry_root=str(HUB))
    study = optuna.create_study(sampler=module.CoarseToFineSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=12)
    assert len(module.stages(study)) == 2


def test_the_optunahub_package_has_what_the_registry_asks_for():
    """README with front matter of six keys and the sections, licence, example, requirements."""
    folder = HUB / "samplers" / "coarse_to_fine"
    files = {"README.md", "LICENSE", "__init__.py", "example.py", "requirements.txt"}
    assert files <= {p.name for p in folder.iterdir()}
    text = (folder / "README.md").read_text(encoding="utf-8")
    _, front_matter, body = text.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front_matter.strip().splitlines())
    assert fields.keys() == {
        "author",
        "title",
        "description",
        "tags",
        "optuna_versions",
        "license",
    }
    assert "sampler" in fields["tags"]
    assert fields["license"] == "MIT License"
    for section in ("Abstract", "APIs", "Installation", "Example"):
        assert f"\n## {section}\n" in body
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.heavy
def test_the_optunahub_example_runs():
    """The README's example and example.py run, with the module loaded from the folder."""
    folder = HUB / "samplers" / "coarse_to_fine"
    (block,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    for source in (block, (folder / "example.py").read_text(encoding="utf-8")):
        local = source.replace(
            'load_module("samplers/coarse_to_fine")',
            f'load_local_module("samplers/coarse_to_fine", registry_root={str(HUB)!r})',
        )
        assert local != source
        result = subprocess.run(
            [sys.executable, "-c", local], capture_output=True, text=True, check=True, timeout=120
        )
        assert result.stdout.startswith("coarse 8 ")


SPACE: dict[str, BaseDistribution] = {"alpha": FloatDistribution(1e-4, 1, log=True)}


@pytest.mark.heavy
def test_inside_rays_optuna_search_by_hand(tmp_path, needs):
    """OptunaSearch drives the sampler, and a search restored from its file goes on."""
    needs("ray.tune")
    from ray.tune.search.optuna import OptunaSearch

    def search() -> OptunaSearch:
        return OptunaSearch(SPACE, sampler=CoarseToFineSampler(seed=0), metric="loss", mode="min")

    def step(search: OptunaSearch, i: int) -> float:
        config = search.suggest(f"t{i}")
        assert config is not None
        alpha: float = config["alpha"]
        search.on_trial_complete(f"t{i}", {"loss": abs(alpha - 0.01)})
        return alpha

    whole = search()
    expected = [step(whole, i) for i in range(40)]
    first = search()
    begun = [step(first, i) for i in range(20)]
    first.save(str(tmp_path / "state"))
    second = search()
    second.restore(str(tmp_path / "state"))
    assert begun + [step(second, i) for i in range(20, 40)] == expected
    assert min(abs(a - 0.01) for a in expected[20:]) < 0.002


@pytest.mark.heavy
def test_the_moved_study_of_the_example_narrows():
    """The example that moves a TPE study in one line runs and shows its stages."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "optuna_existing_study.py"), "--smoke-test"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "earlier trials:  10 trials" in result.stdout
    assert re.search(r"fine \d+: +5 trials", result.stdout)
