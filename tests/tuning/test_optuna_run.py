from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from tune_bn.core.space import Parameter
from tune_bn.plain.names import REASON
from tune_bn.training import Config, Fit, evaluate
from tune_bn.training.ensemble import answer_together, networks_of
from tune_bn.training.model_file import load_model
from tune_bn.tuning.errors import Stopped, TuneError
from tune_bn.tuning.finish import final, finish, memory
from tune_bn.tuning.finish.final import all_but_test
from tune_bn.tuning.finish.networks import Trained, train_networks
from tune_bn.tuning.folder.plan import NETWORKS
from tune_bn.tuning.folder.study import copied_study
from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.optuna_run import tune
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import suggest_config

DIVERGES = Config(learning_rate=1e30, width=4, depth=2, norm="none")
QUICK = Settings(trials=3, epochs=2)


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="tune_bn", storage=f"sqlite:///{folder}/study.db").trials


def diverge_after(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """From trial ``number`` on, every configuration diverges."""

    def suggest_or_diverge(trial: optuna.Trial, space: dict[str, Parameter]) -> Config:
        config = suggest_config(trial, space)
        return DIVERGES if trial.number >= number else config

    monkeypatch.setattr("tune_bn.tuning.trials.life.suggest_config", suggest_or_diverge)


def test_a_large_table_has_large_batches(tiny, tmp_path, monkeypatch):
    """In the search, the final and the model alike; the default configuration is known as such."""
    monkeypatch.setattr("tune_bn.tuning.space._ROWS_OF_A_BATCH", 10)  # of 54 rows: four times
    outcome = tune(tiny, tmp_path, QUICK)
    sizes = [trial.params["batch_size"] for trial in trials(tmp_path)]
    assert sizes[0] == 256
    assert all(32 <= size <= 512 for size in sizes)
    final = {row["trial"]: row["params"]["batch_size"] for row in outcome.summary["final"]}
    assert final == {number: sizes[number] for number in final}
    assert 0 in final
    assert outcome.summary["best"]["is_default"] == (outcome.summary["best"]["trial"] == 0)


def test_the_search_begins_with_and_without_batch_norm(tiny, tmp_path, monkeypatch):
    """Both are tried once; that the best has none is said."""
    tune(tiny, tmp_path, Settings(trials=1, epochs=1))
    assert len(trials(tmp_path)) == 1
    tune(tiny, tmp_path, Settings(trials=3, epochs=1))
    given = [trial for trial in trials(tmp_path) if "fixed_params" in trial.system_attrs]
    assert [trial.params["norm"] for trial in given] == ["before_activation", "none"]
    with_norm = tune(tiny, tmp_path, Settings(trials=3, epochs=1))

    def without_norm_first(*words: Any, **options: Any) -> list[final.Finalist]:
        ranking = final.play_final(*words, **options)
        return sorted(ranking, key=lambda finalist: finalist.config.norm != "none")

    monkeypatch.setattr(finish, "play_final", without_norm_first)
    outcome = tune(tiny, tmp_path, Settings(trials=3, epochs=1))
    assert outcome.summary["best"]["params"]["norm"] == "none"
    assert outcome.network["layers"] == {}
    said = "the chosen network has no batch norm: "
    n_said = [
        sum(remark.startswith(said) for remark in each.summary["remarks"])
        for each in (with_norm, outcome)
    ]
    assert n_said == [with_norm.summary["best"]["params"]["norm"] == "none", 1]


def test_four_networks_answer_together(tiny, tmp_path):
    """The file's model is theirs, with the scores of the summary; the default's are as many."""
    heard: list[tuple[str, int, int]] = []
    outcome = tune(
        tiny,
        tmp_path,
        QUICK,
        on_progress=lambda at: heard.append((at.doing, at.finished, at.trials)),
    )
    best = outcome.summary["best"]
    assert best["networks"] == NETWORKS == 4
    parts = 5 if best["is_default"] else 9  # the other models are one
    assert heard[-1 - parts :] == [("test", done, parts) for done in range(parts + 1)]
    model = load_model(tmp_path / "model.pt")
    networks = networks_of(model.model)
    assert len(networks) == 4
    assert evaluate(model.model, tiny.test, tiny.task) == pytest.approx(best["test"])
    first = Fit(model.config, all_but_test(tiny), epochs=2, seed=best["fit_seed"])
    list(first)
    states = [network.state_dict() for network in (first.model, *networks)]
    same = [all(torch.equal(s[name], states[0][name]) for name in states[0]) for s in states]
    assert same == [True, True, False, False, False]
    default = outcome.summary["baselines"]["default network"]
    if best["is_default"]:
        assert default == best["test"]


def test_a_timeout_leaves_out_networks(tiny, tmp_path, monkeypatch):
    """One is trained in any case; that there are fewer is said."""
    monkeypatch.setattr(Tally, "networks_in_time", lambda *_: 2)
    outcome = tune(tiny, tmp_path, QUICK)
    assert outcome.summary["best"]["networks"] == 2
    assert (
        "the timeout left time for 2 of the 4 networks that answer together"
        in outcome.summary["remarks"]
    )


def test_networks_that_could_not_be_trained_are_said(tiny, tmp_path, monkeypatch):
    """The others answer; where there is none, the run ends in one line."""

    def lose(*args, **options):
        first, *others = train_networks(*args, **options)
        assert first.model is not None
        left = networks_of(first.model)[kept:] or None
        model = left and answer_together(left, tiny.task).eval()
        return [Trained(model, ["Training diverged in epoch 2."] * kept), *others]

    monkeypatch.setattr(finish, "train_networks", lose)
    kept = 1
    outcome = tune(tiny, tmp_path, QUICK)
    assert outcome.summary["best"]["networks"] == 3
    assert (
        "3 of 4 networks could be trained and answer together; another could not: Training "
        "diverged in epoch 2" in outcome.summary["remarks"]
    )
    kept = 4
    with pytest.raises(TuneError, match=r"but did not: Training diverged in epoch 2\. Run again"):
        tune(tiny, tmp_path, QUICK)


def test_a_configuration_that_diverges_is_a_failed_trial_with_a_reason(tiny, tmp_path, monkeypatch):
    """The run goes on, and hands back what trained."""
    diverge_after(monkeypatch, 1)
    outcome = tune(tiny, tmp_path, QUICK)
    assert outcome.summary["search"]["failed"] == 2
    assert outcome.summary["best"]["trial"] == 0
    assert "diverged in epoch 1" in trials(tmp_path)[1].user_attrs[REASON]


def test_a_search_in_which_all_diverges_says_so(tiny, tmp_path, monkeypatch):
    """There is nothing to hand back; the first reason is in the line."""
    diverge_after(monkeypatch, 0)
    with pytest.raises(TuneError, match=r"none of 3 trials did.*Training diverged"):
        tune(tiny, tmp_path, QUICK)
    assert not (tmp_path / "best.json").exists()


def test_a_stop_during_the_final_keeps_earlier_results(tiny, tmp_path):
    """All trials are finished; the same call plays the final again and writes."""
    (tmp_path / "best.json").write_text("earlier")
    doing: list[str] = []

    def stopped() -> bool:
        return doing[-1:] == ["final"]

    def hear(at: Progress) -> None:
        doing.append(at.doing)

    with pytest.raises(Stopped, match="Stopped after 3 of 3 trials"):
        tune(tiny, tmp_path, QUICK, is_stopped=stopped, on_progress=hear)
    assert (tmp_path / "best.json").read_text() == "earlier"
    assert tune(tiny, tmp_path, QUICK).summary["search"]["trials_in_this_run"] == 0


def test_time_ends_a_run_with_what_it_has(tiny, tmp_path):
    """Here after a second of a clock that is ahead by one at each look."""
    ticks = iter(range(10**6))
    settings = Settings(trials=1000, epochs=2, timeout_s=1.0)
    outcome = tune(tiny, tmp_path, settings, clock=lambda: float(next(ticks)))
    assert outcome.summary["search"]["complete"] == 1
    assert outcome.summary["folds"] == 1
    assert any("the timeout left time to compare" in r for r in outcome.summary["remarks"])
    assert any("longer than its timeout of 1 s" in r for r in outcome.summary["remarks"])


def test_the_report_is_written_beside_the_other_results(tiny, tmp_path):
    """Whoever makes it gets the study and what best.json holds."""

    def write_report(study, path, *, summary=None, network=None):
        path.write_text(f"{len(study.trials)} trials, {summary['metric']}")
        assert len(network["epochs"]) == QUICK.epochs
        assert len(network["true"]) == len(network["predicted"]) == len(tiny.test)
        assert set(network["true"]) <= set(network["classes"])
        for statistics in network["layers"].values():
            assert statistics.keys() == {"running_mean", "running_var", "mean", "var"}

    outcome = tune(tiny, tmp_path, QUICK, write_report=write_report)
    assert (tmp_path / "report.html").read_text() == "3 trials, accuracy"
    assert [file.name for file in outcome.files] == [
        "best.json",
        "model.pt",
        "network.json",
        "report.html",
        "study.db",
    ]


def test_a_run_that_goes_on_trains_no_fold_twice(tiny, tmp_path, monkeypatch):
    """With nothing new the final is read from the study, and ends as before."""
    before = tune(tiny, tmp_path, QUICK).summary
    trained: list[object] = []
    train = final._train

    def counted(*words: Any, **options: Any) -> Any:
        trained.append(words)
        return train(*words, **options)

    monkeypatch.setattr(final, "_train", counted)
    after = tune(tiny, tmp_path, QUICK).summary
    assert trained == []
    assert after["final"] == before["final"]
    assert after["best"] == before["best"]
    # What another version trained would differ in the last digits.
    monkeypatch.setattr(memory, "__version__", "another")
    again = tune(tiny, tmp_path, QUICK).summary
    assert len(trained) >= len(before["final"])
    assert again["final"] == before["final"]


def test_a_final_that_was_stopped_goes_on_with_its_next_fold(tiny, tmp_path):
    """And the time left counts only what is to be trained."""
    fits: list[tuple[int, int, str | None]] = []

    def hear(at: Progress) -> None:
        if at.doing == "final":
            fits.append((at.finished, at.trials, at.stage))

    with pytest.raises(Stopped):
        tune(tiny, tmp_path, QUICK, is_stopped=lambda: len(fits) == 2, on_progress=hear)
    study = copied_study(tmp_path)
    kept = [name for name in study.user_attrs if name.startswith("tune_bn:final:")]
    assert len(kept) == 2
    first = [*fits]
    fits.clear()
    tune(tiny, tmp_path, QUICK, on_progress=hear)
    assert fits[:2] == first
    assert first[0][2] is not None
    assert first[0][2].startswith("fold 1 of ")
