"""The page: whole, offline, escaped, and there for every search, also for odd ones."""

import math
import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import optuna
import pytest

from tests.report.chromium import page_height
from tests.report.contrast import contrast
from tests.report.outline import Outline
from tune_bn.optuna import CoarseToFineSampler
from tune_bn.report import NetworkResults, explain, results_of
from tune_bn.report.pages.listings import Table, scores_table
from tune_bn.report.pages.page import page
from tune_bn.tuning.space import suggest_config


@pytest.fixture(scope="module")
def demo(staged: optuna.Study) -> str:
    summary = {
        "data": {"name": "digits"},
        "metric": "accuracy",
        "seed": 7,
        "best": {"trial": 1, "test": {"accuracy": 0.9833}},
        "baselines": {"logistic regression": {"accuracy": 0.961}},
        "versions": {"torch": "2.13"},
    }
    return page(staged, summary=summary)


def test_what_the_scores_do_not_show_stands_below_them(staged: optuna.Study):
    """Once, in the summary; a model without a score is a row of dashes, and no column."""
    text = page(
        staged,
        summary={
            "best": {"trial": 1, "test": {"accuracy": 0.98}},
            "baselines": {"default network": None, "a guess": {"accuracy": 0.5}},
            "remarks": ["a guess is <better> here"],
        },
    )
    assert text.count("a guess is &lt;better&gt; here") == 1
    assert text.index("Scores on the test rows") < text.index("a guess is &lt;better&gt; here")
    assert scores_table({"baselines": {"a": None, "b": {"r2": 1.0}}}) == Table(
        "Scores on the test rows", ("Model", "r2"), (("a", "–"), ("b", "1"))
    )


def test_what_is_shown_is_the_chosen_configuration(staged: optuna.Study):
    """Another than the best is called so wherever it is named; the best is called the best."""
    best = results_of(staged).best
    assert best is not None
    for number, title in ((1, "Chosen configuration"), (best.number, "Best configuration")):
        text = page(staged, summary={"best": {"trial": number}})
        assert f">{title}</h2>" in text
        assert f'<th scope="col">Trial {number}</th>' in text
        other = {"Chosen configuration", "Best configuration"} - {title}
        assert other.pop() not in text


def test_numbers_of_the_configuration_are_short(staged: optuna.Study):
    """Six digits, so that names keep their line on a phone; the code to paste has all of them."""
    text, rate = page(staged), staged.best_params["learning_rate"]
    cells = text.partition(">Best configuration</h2>")[2].partition("</table>")[0]
    assert f"<td>{rate:.6g}</td>" in cells
    assert repr(rate) not in cells
    assert repr(rate) in text


def test_page_fetches_nothing(demo: str):
    """No element has an address outside of the page, and a policy forbids to fetch any."""
    seen = Outline(demo)
    assert all(address.startswith("#") for address in seen.addresses)
    assert "default-src 'none'" in demo


def test_page_of_sixty_trials_is_below_400_kilobytes(demo: str):
    """It can be sent by mail."""
    assert len(demo.encode()) < 400_000


def test_page_of_a_tuned_network_is_below_400_kilobytes():
    """With ten parameters, 30 epochs of each trial, 474 features, 360 rows of ten classes."""
    rng = np.random.default_rng(0)

    def objective(trial: optuna.Trial) -> float:
        rate = suggest_config(trial).learning_rate
        score = 0.97 - 0.02 * (math.log10(rate) + 2) ** 2 + rng.normal(0, 0.002)
        for epoch in range(1, 31):
            trial.report(score - math.exp(-epoch), epoch)
            if trial.number % 5 == 4 and epoch == 3:
                raise optuna.TrialPruned
        return score

    study = optuna.create_study(direction="maximize", sampler=CoarseToFineSampler(seed=0))
    study.optimize(objective, n_trials=60)
    keys = ("running_mean", "running_var", "mean", "var")
    labels = list("0123456789")
    network = NetworkResults(
        epochs=[{"epoch": i, "train_loss": 1 / i, "loss": 1.1 / i} for i in range(1, 31)],
        layers={name: {k: rng.uniform(1, 2, 237) for k in keys} for name in ("norm.1", "norm.5")},
        true=labels * 36,
        predicted=labels * 36,
        classes=labels,
    )
    assert len(page(study, network=network).encode()) < 390_000


def test_figures_need_no_script(demo: str):
    """Without its scripts the page still has every figure; a script adds what a pointer finds."""
    bare = re.sub("<script.*?</script>", "", demo, flags=re.DOTALL)
    assert bare.count('<svg class="wide"') == demo.count('role="img"') >= 6
    assert demo.count("<script>") == 1


def test_headings_go_down_one_by_one(demo: str):
    """One h1, and no level is skipped on the way down."""
    levels = Outline(demo).headings
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


COLOURS = re.compile(r"--(ink|muted|accent|card|page|code|accent-soft): (#[0-9a-f]{6})")


def schemes() -> dict[str, dict[str, str]]:
    """Returns the colours of the page's light and dark scheme, by name."""
    style = files("tune_bn.report.pages").joinpath("page.css").read_text(encoding="utf-8")
    light, _, rest = style.partition("prefers-color-scheme: dark")
    return {"light": dict(COLOURS.findall(light)), "dark": dict(COLOURS.findall(rest[:400]))}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "page", "code"])
@pytest.mark.parametrize("ink", ["ink", "muted", "accent"])
def test_words_can_be_read_on_every_ground(scheme: str, ground: str, ink: str):
    """All words of the page stand at 4.5 : 1 or more, in both schemes."""
    colours = schemes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


def test_words_in_figures_have_the_pages_ink(demo: str):
    """No text of a figure has a colour of its own, so the contrast above is theirs, too."""
    texts = re.findall(r"<(?:text|tspan)[^>]*>", demo)
    assert len(texts) > 100
    assert not [text for text in texts if "fill=" in text or "style=" in text]


def test_landmarks_have_names_of_their_own(demo: str):
    """A screen reader lists each section once; tables that scroll are groups, not landmarks."""
    names = re.findall(r'<section id="[^"]*" aria-labelledby="([^"]*)"', demo)
    assert len(names) == len(set(names)) >= 5
    assert 'role="region"' not in demo


def test_what_scrolls_and_folds_can_be_reached_by_keyboard(demo: str):
    """Code and wide tables take the focus, which can be seen; what is folded is a summary."""
    assert demo.count('<div class="scroll"') == demo.count('<div class="scroll" tabindex="0"')
    assert demo.count("<pre") == demo.count('<pre tabindex="0"') > 0
    assert demo.count("<details") == demo.count("<summary")
    style = demo.partition("<style>")[2].partition("</style>")[0]
    for element in ("a", "summary", "button", "pre", ".scroll"):
        assert f"{element}:focus-visible" in style
    assert "outline: none" not in style


def test_ids_are_unique(demo: str):
    """Links and labels find one element each."""
    ids = Outline(demo).ids
    assert len(ids) == len(set(ids))


def test_each_figure_has_a_label_and_a_table(demo: str):
    """What a figure shows can be read as a table, and its element says what it is."""
    figures = demo.split('<div class="figure">')[1:]
    assert len(figures) >= 6
    for figure in figures:
        assert 'role="img" aria-label="' in figure
        assert "<table>" in figure


def test_the_narrowing_comes_first(demo: str):
    """What the tool is for is the first figure; windows are shown once, in its bars."""
    titles = re.findall(r'<div class="figure"><h3>([^<]*)', demo)
    assert titles[:3] == [
        "How the search narrowed",
        "Best accuracy by trial",
        "accuracy against each parameter",
    ]
    assert not any("Windows" in title for title in titles)


def test_the_page_says_why_the_best_is_not_the_chosen_one(demo: str):
    """One sentence says what the final comparison is for, with its scores where they are known."""
    text = Outline(demo).text
    assert "repeated on other rows, trial 1 did better and was chosen" in text


def test_the_final_scores_are_given(staged: optuna.Study):
    """Where the summary holds both finalists' scores the sentence gives them."""
    best = results_of(staged).best
    assert best is not None
    final = [
        {"trial": 1, "cross_validation": {"accuracy": 0.97}},
        {"trial": best.number, "cross_validation": {"accuracy": 0.96}},
    ]
    summary = {"metric": "accuracy", "best": {"trial": 1}, "final": final}
    text = Outline(page(staged, summary=summary)).text
    assert f"(accuracy 0.97 against 0.96 of trial {best.number}) and was chosen" in text


@pytest.mark.parametrize(
    ("number", "folds", "is_default", "said"),
    [
        (1, (5, 2), False, "was not among the best after 2 folds; trial 1 was chosen after 5"),
        (0, (5, 5), True, "the default configuration is kept (accuracy 0.95 against 0.96 of"),
    ],
)
def test_nothing_worse_is_said_to_have_done_better(
    staged: optuna.Study, number: int, folds: tuple[int, int], is_default: bool, said: str
):
    """Means over other folds are not compared, and a default may be kept though not ahead."""
    best = results_of(staged).best
    assert best is not None
    final = [
        {"trial": number, "folds": folds[0], "cross_validation": {"accuracy": 0.95}},
        {"trial": best.number, "folds": folds[1], "cross_validation": {"accuracy": 0.96}},
    ]
    chosen = {"trial": number, "is_default": is_default}
    summary = {"metric": "accuracy", "best": chosen, "final": final}
    text = Outline(page(staged, summary=summary)).text
    assert said in text
    assert "did better" not in text


def test_a_choice_by_loss_is_said(staged: optuna.Study):
    """It is not said to have done better by the metric, by which chance made another better."""
    best = results_of(staged).best
    assert best is not None
    final = [
        {"trial": 0, "folds": 5, "cross_validation": {"accuracy": 0.95, "loss": 0.2}},
        {"trial": best.number, "folds": 5, "cross_validation": {"accuracy": 0.96, "loss": 0.3}},
    ]
    chosen = {"trial": 0, "is_default": False, "networks": 4}
    summary = {"metric": "accuracy", "best": chosen, "final": final}
    text = Outline(page(staged, summary=summary)).text
    assert "trial 0 was chosen by its loss (0.2 against 0.3)" in text
    assert "did better" not in text
    assert "It is 4 networks of this configuration, which answer by their mean." in text


def test_the_chosen_trial_is_in_the_tables(demo: str):
    """The table of the best has the chosen one too, marked."""
    assert '<th scope="row">1, chosen</th>' in demo


def begun_by_tpe() -> optuna.Study:
    """Returns a study that TPE began, of which the coarse-to-fine search draws the rest."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 5)
        return (x - 3) ** 2 + trial.suggest_categorical("c", [0, 1])

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=40)
    study.sampler = CoarseToFineSampler(seed=1)
    study.optimize(objective, n_trials=30)
    return study


def test_whose_trials_they_are_is_said():
    """A study that another sampler began is not said to be random from the start."""
    study = begun_by_tpe()
    by_tpe = sum(any("tpe:" in key for key in t.system_attrs) for t in study.trials)
    assert by_tpe <= 40
    assert by_tpe or optuna.__version__.startswith("4.")  # in which TPE leaves no trace
    text = Outline(page(study)).text
    assert "It began with 40 earlier trials" in text
    assert (f"{by_tpe} of them by TPE" in text) == (by_tpe > 0)
    assert "first in the whole space" not in text
    assert "the 30 since then" in text


def test_no_reader_looks_for_stages_that_are_not_there():
    """Without a coarse stage the first fine one is the first; what came before is named."""
    text = Outline(page(begun_by_tpe())).text
    names = [stage.name for stage in results_of(begun_by_tpe()).stages]
    assert names[:2] == ["earlier trials", "fine 1"]
    assert "earlier trials" in text
    assert "fine 1" in text
    assert f"fine {len(names)}" not in text
    assert "given, " not in text.replace("or given", "")


def test_a_given_first_trial_does_not_hide_the_coarse_stage():
    """A default that was enqueued is said to be given; "coarse" stands over the coarse stage."""
    study = optuna.create_study(sampler=CoarseToFineSampler(seed=0))
    study.enqueue_trial({"x": 1.0})
    study.optimize(lambda t: (t.suggest_float("x", 0, 5) - 3) ** 2, n_trials=30)
    text = page(study)
    assert "It began with 1 trial whose values were given; the 29 since then" in Outline(text).text
    assert "earlier trials" not in text
    figure = text.partition("plot-narrowing-1")[2].partition("</svg>")[0]
    assert re.findall('class="accent halo"[^>]*>([^<]*)', figure)[0] == "coarse"


def test_parameters_that_did_not_narrow_are_one_line():
    """A category that was open to the end has no row, and is named."""
    text = Outline(page(begun_by_tpe())).text
    assert "Not narrowed, drawn from most of the range to the end: c." in text


def test_page_answers_the_four_questions(demo: str):
    """A colleague reads what was searched, what was found, how sure, what next."""
    text = Outline(demo).text
    for question in ("What was searched", "What was found", "How sure it is", "What next"):
        assert question in text
    for fact in ("Tuning on digits", "0.9833", "logistic regression", "2.13", "enqueue_trial"):
        assert fact in text


def test_page_tells_why_trials_were_tried(demo: str, staged: optuna.Study):
    """The best ones are explained in full; the bars have their key; tables say the kind."""
    text = Outline(demo).text
    best = results_of(staged).best
    assert best is not None
    assert explain(staged, best.number) in text
    assert text.count("ranked trials") >= 5
    for part in ("Drawn from", "box of the 10 best", "Usual width", "around good values"):
        assert part in text


def test_network_is_shown(staged: optuna.Study):
    """Loss curves, inference statistics and predictions of the network are on the page."""
    network = NetworkResults(
        epochs=[{"epoch": 1, "train_loss": 1.0, "loss": 1.1}],
        layers={"0": {"running_mean": [0.1], "running_var": [1.0], "mean": [0.0], "var": [1.0]}},
        true=["a", "b", "a"],
        predicted=["a", "a", "a"],
        classes=["a", "b"],
    )
    text = Outline(page(staged, network=network)).text
    for title in ("Loss of the chosen network", "Inference statistics", "Predictions on the test"):
        assert title in text


@pytest.mark.heavy
def test_the_page_has_seven_screens_at_most(tmp_path: Path, demo: str):
    """At 1,400 pixels a colleague scrolls through seven screens of 900 pixels, not thirteen."""
    file = tmp_path / "demo.html"
    file.write_text(demo, encoding="utf-8")
    assert 1500 < page_height(file, width=1400) <= 7 * 900
