"""`tune-bn tune`: from a table to a tuned network in a folder."""

import dataclasses
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tune_bn.cli.errors import InputError, end_in_one_line
from tune_bn.cli.signals import stop_on_signals
from tune_bn.plain.text import visible

if TYPE_CHECKING:
    from tune_bn.training.data import Prepared
    from tune_bn.training.target import Task

__all__ = ["tune"]

_LARGE = 20_000  # rows to train on from which cores that wait are worth a line


def tune(
    context: typer.Context,
    data: Annotated[
        str, typer.Option(help="digits, or a file: .csv, .parquet, .npz.", show_default=False)
    ],
    target: Annotated[
        str | None, typer.Option(help="Column to predict; needed for .csv and .parquet.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification or regression; otherwise the target decides."),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            help="Words for a missing value, as in 'NA,-'; '' for none but an empty cell.",
            show_default="NA, None, null, nan and the like",
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="A column of categories, whatever it looks like; may be repeated."),
    ] = None,
    split: Annotated[
        str, typer.Option(help="random, or time: the last rows are for validation and test.")
    ] = "random",
    time_column: Annotated[
        str | None,
        typer.Option("--time", help="With --split time: the column of the time, no input."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column, no input, whose values stay in one part.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Column, no input, of how much each row counts.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Configurations to try, earlier ones included.")] = 60,
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds for the whole command; one configuration at least is trained to its "
            "end, compared, and trained once more."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Configurations to train at the same time.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides split, draws and initial weights.")] = 0,
    metric: Annotated[
        str | None,
        typer.Option(
            help="accuracy, loss, balanced_accuracy, f1, roc_auc; r2, rmse, mae, loss.",
            show_default="accuracy or r2",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = 30,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ….")] = "cpu",
    backend: Annotated[str, typer.Option(help="optuna, or ray to use a cluster.")] = "optuna",
    cpus_per_trial: Annotated[
        float | None, typer.Option(help="Ray: CPUs that a trial holds.", show_default="1")
    ] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="Ray: GPUs that a trial holds.", show_default="0")
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(help="Ray: trials at the same time.", show_default="2")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Ray: asha, hyperband, or fifo to stop none early.", show_default="asha"),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray: a running cluster (auto, host:port, ray://host:port).",
            show_default="a new one",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for study, model, scores, report.")] = Path(
        "runs/tuned"
    ),
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--fresh",
            help="Go on with the folder's study, or set it aside and start over.",
            show_default="resume if there is one",
        ),
    ] = None,
) -> None:
    """Tune a network: search, retrain the best, score it on untouched rows."""
    begun = time.monotonic()
    with end_in_one_line():
        known_task = _known_task(task)
        # What is imported in this block loads no framework: a typo is named at once.
        from tune_bn.cli.backend import ray_settings
        from tune_bn.tuning.errors import Stopped
        from tune_bn.tuning.folder.folder import check_folder
        from tune_bn.tuning.settings import Settings

        of_ray = ray_settings(
            backend,
            jobs,
            {
                "cpus_per_trial": cpus_per_trial,
                "gpus_per_trial": gpus_per_trial,
                "max_concurrent": max_concurrent,
                "scheduler": scheduler,
                "address": address,
            },
        )
        settings = Settings(
            trials=trials,
            timeout_s=timeout,
            jobs=jobs,
            seed=seed,
            metric=metric,
            epochs=epochs,
            device=device,
        )
        if known_task is not None:
            settings.metric_for(known_task)
        from tune_bn.training.data import Asked, prepare
        from tune_bn.training.written import MISSING_WORDS

        words = MISSING_WORDS if missing is None else tuple(missing.split(","))
        asked = Asked(
            *(target, known_task, seed, words, tuple(category or ())),
            *(split, time_column, group, weights),
        )
        prepared = prepare(data, asked)
        metric_name = settings.metric_for(prepared.preprocessing.target.task)
        check_folder(out, resume=resume)
        _announce(prepared)
        _note_jobs(jobs, len(prepared.parts[0].y) if (backend, device) == ("optuna", "cpu") else 0)
        # All at once, so that a package that is missing is named before anything is done.
        from tune_bn.cli.outcome import print_outcome
        from tune_bn.cli.progress import show_progress
        from tune_bn.report import write_report
        from tune_bn.tuning.backends import runner

        run = runner(backend, of_ray)
        dataset = prepared.dataset()
        if timeout is not None:  # reading took some of it
            left_s = max(timeout - (time.monotonic() - begun), 0.1 * timeout)
            settings = dataclasses.replace(settings, timeout_s=left_s)
        with stop_on_signals() as stop:
            try:
                with show_progress(metric_name) as on_progress:
                    outcome = run(
                        dataset,
                        out,
                        settings,
                        resume=resume,
                        write_report=write_report,
                        on_progress=on_progress,
                        is_stopped=stop,
                    )
            except (Stopped, KeyboardInterrupt) as ended:
                print(
                    f"{ended if isinstance(ended, Stopped) else 'Stopped at once.'} "
                    f"Go on with: {_command_to_resume(context)}",
                    file=sys.stderr,
                )
                raise typer.Exit(128 + (stop.signal or 2)) from None
        print_outcome(outcome)


def _known_task(task: str | None) -> "Task | None":
    if task is None:
        return None
    known: dict[str, Task] = {
        "classification": "classification",
        "regression": "regression",
    }
    if task in known:
        return known[task]
    raise InputError(
        f"--task needs classification or regression, but got {task!r}. Choose one of these."
    )


def _announce(prepared: "Prepared") -> None:
    rows = [len(part.y) for part in prepared.parts]
    target, inputs = prepared.preprocessing.target, prepared.preprocessing.n_features
    kind = "a number" if target.classes is None else f"{target.n_outputs} classes"
    about = (
        f"{prepared.name}: {sum(rows)} rows ({rows[0]} to train, {rows[1]} to validate, {rows[2]} "
        f"to test), {inputs} inputs; {target.name!r} is {kind}."
    )
    print(visible(about), file=sys.stderr)
    for note in prepared.notes:
        print(visible(f"note: {note}"), file=sys.stderr)


def _note_jobs(jobs: int, rows: int = 0) -> None:
    cores = os.cpu_count() or 1
    if jobs < cores and rows >= _LARGE:
        print(
            f"note: this table is large: --jobs {cores} trains on all {cores} cores of this "
            "machine",
            file=sys.stderr,
        )
    if jobs > cores:
        print(
            f"note: {jobs} jobs share {cores} core{'s' if cores > 1 else ''}, and each holds torch "
            f"and the table in memory; --jobs {cores} is as fast",
            file=sys.stderr,
        )


def _command_to_resume(context: typer.Context) -> str:
    """Returns the command that was given, less what would start over."""
    words = ["tune-bn", "tune"]
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if name == "resume" or source is None or source.name in ("DEFAULT", "DEFAULT_MAP"):
            continue
        for each in value if isinstance(value, list | tuple) else [value]:
            words += ["--" + name.removesuffix("_column").replace("_", "-"), str(each)]
    return shlex.join(words)
