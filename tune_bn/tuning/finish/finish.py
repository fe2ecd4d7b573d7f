"""What follows the search: the final, the baselines, one look at the test rows, the files."""

import itertools
import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import optuna
import torch
from optuna.trial import TrialState
from torch import nn

from tune_bn import __version__
from tune_bn.optuna import stages
from tune_bn.plain.files import write_atomically
from tune_bn.plain.names import NETWORK_FILE, REASON, STUDY_FILE, SUMMARY_FILE
from tune_bn.training import Config, Dataset, evaluate
from tune_bn.training.baselines import BOOSTING, fitted_baselines
from tune_bn.training.ensemble import networks_of
from tune_bn.training.model_file import save_model
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.finish.final import Finalist, Played, all_but_test, play_final
from tune_bn.tuning.finish.memory import FinalMemory
from tune_bn.tuning.finish.networks import train_networks
from tune_bn.tuning.finish.remarks import gains_of, remarks, why_default, within_error
from tune_bn.tuning.finish.shown import network_results
from tune_bn.tuning.folder.folder import replace_results
from tune_bn.tuning.folder.left import final_left_s, fits_s, network_s, shared_s
from tune_bn.tuning.folder.plan import SMALLEST, plan_final
from tune_bn.tuning.folder.study import counted_trials
from tune_bn.tuning.folder.tally import Progress, Tally
from tune_bn.tuning.settings import Settings
from tune_bn.tuning.space import (
    default_config,
    given_configs,
    params_of,
    space_of,
    suggest_config,
)
from tune_bn.tuning.trials.life import VALIDATION, fit_seed
from tune_bn.tuning.trials.workers import Workers

__all__ = ["DEFAULT_NETWORK", "Outcome", "WriteReport", "finish"]

DEFAULT_NETWORK = "default network"


class WriteReport(Protocol):
    """Writes a page about a study; `tune_bn.report.write_report` is one."""

    def __call__(
        self,
        study: optuna.Study,
        path: Path,
        /,
        *,
        summary: Mapping[str, Any] | None = None,
        network: Any = None,
    ) -> object:
        """Writes the page to ``path``.

        Args:
            study: What was searched.
            path: The file to write.
            summary: The content of ``best.json``.
            network: What `network_results` gives of the chosen network.
        """


@dataclass(frozen=True)
class Outcome:
    """What a run found and where it is.

    Args:
        summary: The content of ``best.json``, plain data.
        files: The files of the folder: model, scores, study, report.
        network: What a report shows of the chosen network, as `network_results` gives it.
    """

    summary: Mapping[str, Any]
    files: tuple[Path, ...]
    network: Mapping[str, Any]


def finish(
    study: optuna.Study,
    tally: Tally,
    dataset: Dataset,
    settings: Settings,
    folder: Path,
    *,
    workers: Workers,
    write_report: WriteReport | None,
    on_progress: Callable[[Progress], None],
) -> Outcome:
    """Chooses and trains the best configuration, scores it, and writes the folder's results.

    Raises:
        TuneError: No trial is complete.
        Stopped: The caller of the search asked to stop; earlier results are as they were.
    """
    metric = settings.metric_for(dataset.task)
    maximize = tally.maximize
    elapsed = tally.elapsed_s
    kept_s = tally.kept_s
    rows = len(dataset.train) + len(dataset.validation)
    n_finalists, folds = plan_final(rows, tally.fits_in(tally.left_s))
    candidates = _candidates(study, n_finalists, len(dataset.train), metric, maximize=maximize)
    is_cut = (n_finalists, folds) != plan_final(rows)
    pace = _FinalPace(
        tally,
        [number for number, _ in candidates],
        folds,
        settings.jobs,
        networks=1 if is_cut else tally.networks,
    )

    def report(doing: str, done: int, of: int, left: float, stage: str | None = None) -> None:
        if doing == "final" and (n_finalists, folds) != SMALLEST:  # which is cut short in time
            left = min(left, tally.left_s)
        left = max(left, 0.0)
        on_progress(
            Progress(
                *(doing, done, of, stage), elapsed_s=tally.elapsed_s, left_s=left if done else None
            )
        )

    def hear(played: Played) -> None:
        stage = f"fold {played.fold + 1} of {played.folds}"
        report("final", played.done, played.of, pace.left_s(played), stage)

    ranking = play_final(
        candidates,
        dataset,
        metric=metric,
        maximize=maximize,
        seed=settings.seed,
        epochs=settings.epochs,
        device=settings.device,
        folds=folds,
        workers=workers,
        is_over=lambda: tally.left_s < kept_s,
        on_fold=hear,
        after_epoch=tally.raise_if_stopped,
        memory=FinalMemory(study, settings.device),
    )
    winner = ranking[0]
    default = next(each for each in ranking if each.config == default_config(len(dataset.train)))
    # The rows that could pick a decay are trained on here, so each has the one that was picked.
    asked = [winner] if winner is default else [winner, default]
    networks = tally.networks_in_time([each.number for each in asked])
    fits_s = [pace.network_s(each) for _ in range(networks) for each in asked]
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        left = sum(fits_s[done:]) / min(settings.jobs, len(fits_s))
        others_s = tally.others_s if done <= len(fits_s) else 0.0
        report("test", done, len(fits_s) + 1, left + others_s)

    report("test", 0, len(fits_s) + 1, 0.0)
    trained, *others_trained = train_networks(
        [(each.chosen, _final_seed(each, settings)) for each in asked],
        all_but_test(dataset),
        networks=networks,
        epochs=settings.epochs,
        workers=workers,
        device=settings.device,
        after_epoch=tally.raise_if_stopped,
        on_network=step,
    )
    workers.close()
    model = trained.model
    if model is None:
        raise TuneError(
            "The best configuration needs to train on all rows, but did not: "
            f"{trained.reasons[0].rstrip('.')}. Run again with another --seed and --out."
        )

    def score(network: nn.Module) -> dict[str, float]:
        return evaluate(network, dataset.test, dataset.task, metric=metric)

    test = score(model)
    limit_s = None if settings.timeout_s is None else settings.timeout_s / 10
    fitted = fitted_baselines(dataset, seed=settings.seed, metric=metric, limit_s=limit_s)
    others: dict[str, dict[str, float] | None] = {n: b.scores for n, b in fitted.items()}
    gains = gains_of(model, dataset, metric)
    notes = remarks(test, gains, fitted, dataset, metric)
    if winner is default and (why := why_default(ranking, metric)) is not None:
        notes.append(why)
    if winner.config.norm == "none":
        notes.append("the chosen network has no batch norm: here the best of the final did without")
    if is_cut:
        notes.append(
            f"the timeout left time to compare {n_finalists + 1} configurations at most, on "
            f"{folds} fold{'s' if folds > 1 else ''} only"
        )
    if networks < tally.networks:
        notes.append(
            f"the timeout left time for {networks} of the {tally.networks} networks that answer "
            "together"
        )
    if trained.reasons:
        notes.append(
            f"{networks - len(trained.reasons)} of {networks} networks could be trained and answer "
            f"together; another could not: {trained.reasons[0].rstrip('.')}"
        )
    if BOOSTING not in fitted:
        notes.append(f"{BOOSTING} is left out: it would take more than a tenth of the timeout")
    step()
    gains_of_others = {name: each.gains for name, each in fitted.items()}
    others[DEFAULT_NETWORK] = test
    for of_default in others_trained:
        others[DEFAULT_NETWORK] = None  # one that diverges on these data has no score
        if of_default.model is not None:
            others[DEFAULT_NETWORK] = score(of_default.model)
            gains_of_others[DEFAULT_NETWORK] = gains_of(of_default.model, dataset, metric)
    if (n_finalists, folds) == SMALLEST and tally.left_s < 0.0:
        notes.append(
            f"the run took {tally.elapsed_s:.0f} s, longer than its timeout of "
            f"{settings.timeout_s:.0f} s: one configuration at least is trained to its end, "
            "compared, and trained on all rows"
        )
    summary = {
        "tune_bn": __version__,
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "data": {
            "name": dataset.name,
            "target": dataset.target,
            "task": dataset.task,
            "fingerprint": dataset.fingerprint,
            "rows": {part: len(getattr(dataset, part)) for part in ("train", "validation", "test")},
            "notes": list(dataset.notes),
            **_by_weight(dataset.test.weight),
        },
        "metric": metric,
        "maximize": maximize,
        "seed": settings.seed,
        "epochs": settings.epochs,
        "best": {
            "trial": winner.number,
            "params": winner.chosen.to_dict(),
            "fit_seed": _final_seed(winner, settings),
            "networks": len(networks_of(model)),
            "is_default": winner is default,
            "search": _search_value(study, winner.number),
            "cross_validation": winner.scores,
            "test": test,
        },
        "baselines": others,
        "within_error": within_error(gains, gains_of_others, metric),
        "remarks": notes,
        "final": [
            {
                "trial": finalist.number,
                "params": finalist.chosen.to_dict(),
                "cross_validation": finalist.scores or None,
                "folds": finalist.folds,
            }
            for finalist in ranking
        ],
        "folds": folds,
        "search": {
            **_counts(study),
            "asked": settings.trials,
            "seconds": round(elapsed, 3),
            "trials_in_this_run": tally.new_trials,
            "trials_per_minute": _per_minute(tally.new_trials, elapsed),
        },
        "stages": _stage_rows(study),
        "versions": _versions(),
    }
    network = network_results(model, all_but_test(dataset), winner.curve)
    with replace_results(folder) as staging:
        save_model(
            staging / "model.pt",
            model_config=winner.chosen,
            model=model,
            dataset=dataset,
            metrics={"test": test, "cross_validation": winner.scores},
        )
        if write_report is not None:
            write_report(study, staging / "report.html", summary=summary, network=network)
            # So that `tune-bn report --run` can write the same page again. A loss may be infinite.
            write_atomically(staging / NETWORK_FILE, json.dumps(network) + "\n")
        write_atomically(
            staging / SUMMARY_FILE, json.dumps(summary, indent=2, allow_nan=False) + "\n"
        )
        names = sorted(file.name for file in staging.iterdir())
    return Outcome(summary, tuple(folder / name for name in [*names, STUDY_FILE]), network)


def _by_weight(weight: torch.Tensor | None) -> dict[str, float]:
    """Returns how many rows of one weight tell as much: (Σw)² / Σw² (Kish 1965, section 11.2)."""
    if weight is None:
        return {}
    w = weight.double()
    return {"test_rows_by_weight": float(w.sum().square() / w.square().sum())}


class _FinalPace:
    """How long the final and what follows it will take, by what it has taken so far."""

    def __init__(
        self,
        tally: Tally,
        numbers: Sequence[int | None],
        folds: int,
        jobs: int,
        *,
        networks: int = 1,
    ) -> None:
        self._tally, self._before_s = tally, tally.elapsed_s
        players = [tally.seconds.get(n, tally.fit_s) if n is not None else 0.0 for n in numbers]
        self._fits_s = shared_s(
            fits_s(players, folds=folds, default_s=players[-1], networks=networks),
            jobs,
            networks,
        )
        self._trained: list[int] = []

    def network_s(self, finalist: Finalist) -> float:
        """Returns the seconds of a network of a finalist on all rows but the test rows."""
        return network_s(self._tally.trial_s(finalist.number))

    def left_s(self, played: Played) -> float:
        """Returns the seconds that are left after a fit."""
        if played.is_new:
            self._trained.append(played.done - 1)
        spent_s = self._tally.elapsed_s - self._before_s
        left = final_left_s(
            self._fits_s, done=played.done, of=played.of, trained=self._trained, spent_s=spent_s
        )
        return left + self._tally.others_s


def _candidates(
    study: optuna.Study, n_finalists: int, train_rows: int, metric: str, *, maximize: bool
) -> list[tuple[int | None, Config]]:
    complete = [t for t in study.get_trials(deepcopy=False) if VALIDATION in t.user_attrs]
    if not complete:
        reasons = [
            t.user_attrs[REASON] for t in study.get_trials(deepcopy=False) if REASON in t.user_attrs
        ]
        first = f" (the first reason: {reasons[0]})" if reasons else ""
        raise TuneError(
            f"A run needs at least one configuration that trains to the end, but none of "
            f"{len(counted_trials(study))} trials did{first}. Give more --trials."
        )
    sign = -1.0 if maximize else 1.0

    def loss_of(trial: optuna.trial.FrozenTrial) -> float:
        return float(trial.user_attrs[VALIDATION]["loss"])

    complete.sort(key=lambda t: (sign * float(t.values[0]), loss_of(t)))
    chosen = complete
    if metric == "accuracy":  # on few rows a loss tells more of the next ones, as the final knows
        pairs = zip(complete, sorted(complete, key=loss_of), strict=True)
        chosen = list({t.number: t for t in itertools.chain.from_iterable(pairs)}.values())
    # Trials that differ in nothing would be one finalist twice.
    space = space_of(train_rows)
    best = {suggest_config(trial, space): trial.number for trial in reversed(chosen[:n_finalists])}
    candidates: list[tuple[int | None, Config]] = [(n, c) for c, n in reversed(best.items())]
    default, *given = given_configs(train_rows, space)
    for config in given:
        trial = _trial_of(study, config)
        is_trained = trial is not None and trial.state != TrialState.FAIL
        # No luck of the search picked it, so where several meet it is one of them.
        if trial is not None and is_trained and config not in best and len(candidates) > 2:
            candidates[-1] = (trial.number, config)
    if all(config != default for _, config in candidates):
        trial = _trial_of(study, default)
        candidates.append((None if trial is None else trial.number, default))
    return candidates


def _trial_of(study: optuna.Study, config: Config) -> optuna.trial.FrozenTrial | None:
    params = params_of(config)
    return next((trial for trial in counted_trials(study) if trial.params == params), None)


def _final_seed(finalist: Finalist, settings: Settings) -> int:
    # A configuration that no trial tried has no number of its own.
    return fit_seed(settings.seed, 0 if finalist.number is None else finalist.number)


def _search_value(study: optuna.Study, number: int | None) -> float | None:
    return None if number is None else study.get_trials(deepcopy=False)[number].value


def _counts(study: optuna.Study) -> dict[str, int]:
    states = Counter(trial.state for trial in counted_trials(study))
    return {
        "trials": sum(states.values()),
        "complete": states[TrialState.COMPLETE],
        "pruned": states[TrialState.PRUNED],
        "failed": states[TrialState.FAIL],
    }


def _per_minute(trials: int, seconds: float) -> float | None:
    return round(60 * trials / seconds, 2) if trials and seconds > 0 else None


def _stage_rows(study: optuna.Study) -> list[dict[str, Any]]:
    counted = {trial.number for trial in counted_trials(study)}
    return [
        {**stage.to_json(), "trials": len(numbers), "first": numbers[0], "last": numbers[-1]}
        for stage in stages(study)
        if (numbers := [number for number in stage.trials if number in counted])
    ]


def _versions() -> dict[str, str]:
    names = ("numpy", "optuna", "pandas", "scikit-learn", "torch")
    return {"python": platform.python_version()} | {name: version(name) for name in names}
