"""One call from a dataset to a tuned network on disk, by Ray Tune: here, or on a cluster.

The same as `tune_bn.tuning.optuna_run` to its user: the same study in the folder, the same
results, and either can go on with what the other began. What a trial is to Ray, and how it comes
into the study, is in `tune_bn.tuning.on_ray.trainable`.
"""

import logging
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune as ray_tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, HyperBandScheduler, TrialScheduler

from tune_bn.core.draws.narrowing import Narrowing
from tune_bn.plain.text import error_line
from tune_bn.training import Config, Dataset, Fit
from tune_bn.training.baselines import expected_s
from tune_bn.tuning.errors import TuneError
from tune_bn.tuning.finish.finish import Outcome, WriteReport, finish
from tune_bn.tuning.folder.left import FILES_S
from tune_bn.tuning.folder.plan import n_networks, plan_final
from tune_bn.tuning.folder.study import untried
from tune_bn.tuning.folder.tally import Progress
from tune_bn.tuning.on_ray.client import is_client_address, tune_through_client
from tune_bn.tuning.on_ray.trainable import (
    FIT_SEED,
    OutOfTime,
    SeededSearch,
    StudyCallback,
    ray_space,
    train_trial,
)
from tune_bn.tuning.settings import DIRECTIONS, RaySettings, Settings
from tune_bn.tuning.space import given_configs, params_of
from tune_bn.tuning.trials.opening import opened_study
from tune_bn.tuning.trials.workers import Workers

__all__ = ["tune"]

_MAX_FAILURES = 3  # a trial whose worker or node is lost begins again from its last epoch
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is asked after at each step
}
# Ray (2.60) turns 127.0.0.1 into the machine's address in the network and listens on every
# interface, to anybody who can reach them; unless it takes the machine for one that has no cluster.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_TOKEN = uuid.uuid4().hex  # one for this process: Ray keeps the first that it reads


def tune(
    dataset: Dataset,
    out: str | Path,
    settings: Settings | None = None,
    ray_settings: RaySettings | None = None,
    *,
    resume: bool | None = None,
    write_report: WriteReport | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Searches with Ray Tune, trains the best configuration, scores it, and writes the results.

    Args:
        dataset: Training rows for fitting, validation rows for the search, test rows for one score.
        out: The output folder; on a cluster of several machines one that all of them see.
        settings: How many trials, with which seed, and so on; ``jobs`` is not used.
        ray_settings: Resources, scheduler, cluster.
        resume: True: go on with the folder's study. False: start over. None: as the folder is.
        write_report: Makes the report's page; None: no report.
        on_progress: Called after each epoch and each ended trial.
        is_stopped: Asked several times a second.
        clock: Seconds from any fixed point; through Ray Client it is the cluster's own.

    Raises:
        ConfigError: The device is not there.
        TuneError: A setting, the folder, its study or the cluster cannot be used, Ray has no
            room for the data, or no configuration could be trained.
        Stopped: ``is_stopped`` said so; finished trials are kept and the same call goes on.
    """
    settings, ray_settings = settings or Settings(), ray_settings or RaySettings()
    metric = settings.metric_for(dataset.task)
    rows = len(dataset.train)
    if is_client_address(ray_settings.address):
        with _ray(ray_settings):
            return tune_through_client(
                tune,
                dataset,
                out,
                settings,
                ray_settings,
                resume=resume,
                write_report=write_report,
                on_progress=on_progress,
                is_stopped=is_stopped,
            )
    Fit(Config(), dataset, epochs=1, device=settings.device)  # refuses an unknown device by itself
    with opened_study(
        dataset,
        out,
        settings,
        rows=rows,
        resume=resume,
        # The study is the record only: Ray draws and Ray stops.
        sampler=optuna.samplers.RandomSampler(seed=settings.seed),
        pruner=optuna.pruners.NopPruner(),
    ) as (folder, study, space):
        given = untried(study, map(params_of, given_configs(rows, space)))
        search = SeededSearch(
            settings.seed,
            space=ray_space(space),
            metric=metric,
            mode="max" if DIRECTIONS[metric] == "maximize" else "min",
            points_to_evaluate=given or None,
            seed=settings.seed,
            narrowing=Narrowing.for_budget(settings.trials),
        )
        storage = _new_storage(folder)
        record = StudyCallback(
            study,
            search,
            settings,
            metric=metric,
            on_progress=on_progress,
            is_stopped=is_stopped,
            storage=storage,
            space=space,
            clock=clock,
        )
        trained = rows + len(dataset.validation)
        record.tally.others_s = FILES_S + expected_s(trained, dataset.n_features, dataset.n_outputs)
        record.tally.plan, record.tally.networks = plan_final(trained), n_networks(trained)
        if record.tally.left > 0:
            with _ray(ray_settings), _store_errors():
                _run(search, record, dataset, settings, ray_settings, metric, storage)
        record.tally.raise_if_stopped()
        with Workers(settings.jobs) as workers:
            return finish(
                study,
                record.tally,
                dataset,
                settings,
                folder,
                workers=workers,
                write_report=write_report,
                on_progress=on_progress,
            )


def _new_storage(folder: Path) -> Path:
    """Returns a folder that is not there yet, for Tune to make."""
    number = 1
    while (storage := folder / "ray" / f"run-{number}").exists():
        number += 1
    return storage


def _run(
    search: SeededSearch,
    record: StudyCallback,
    dataset: Dataset,
    settings: Settings,
    ray_settings: RaySettings,
    metric: str,
    storage: Path,
) -> None:
    trainable = ray_tune.with_parameters(
        train_trial,
        dataset=dataset,
        epochs=settings.epochs,
        metric=metric,
        device="cuda" if ray_settings.gpus_per_trial else settings.device,
    )
    resources = {"cpu": ray_settings.cpus_per_trial, "gpu": ray_settings.gpus_per_trial}
    tuner = ray_tune.Tuner(
        ray_tune.with_resources(trainable, resources),
        param_space={FIT_SEED: 0},
        tune_config=ray_tune.TuneConfig(
            metric=metric,
            mode=search.mode,
            num_samples=record.tally.left,
            search_alg=search,
            scheduler=_scheduler(ray_settings.scheduler, settings.epochs),
            max_concurrent_trials=ray_settings.max_concurrent,
            reuse_actors=True,
        ),
        run_config=ray_tune.RunConfig(
            storage_path=str(storage.parent),
            name=storage.name,
            verbose=0,
            callbacks=[record],
            failure_config=ray_tune.FailureConfig(max_failures=_MAX_FAILURES),
            checkpoint_config=ray_tune.CheckpointConfig(num_to_keep=1),
        ),
    )
    try:
        tuner.fit()
    except OutOfTime:
        return


def _scheduler(name: str, epochs: int) -> TrialScheduler:
    if name == "asha":
        return ASHAScheduler(max_t=epochs, grace_period=max(epochs // 9, 1), reduction_factor=3)
    if name == "hyperband":
        return HyperBandScheduler(max_t=epochs, reduction_factor=3)
    fifo: Any = FIFOScheduler  # has no types
    scheduler: TrialScheduler = fifo()
    return scheduler


def _around_others() -> dict[str, str]:
    """Returns what a Ray (2.60) of our own needs where its files cannot be where they always are.

    A token where the home cannot be written; a folder of its own where another user of the machine
    ran Ray first, whose folder of locks nobody else can write to.
    """
    locks = Path(tempfile.gettempdir(), "_ray_lockfiles")
    if "RAY_TMPDIR" in os.environ or not locks.exists() or os.access(locks, os.W_OK):
        return _token_without_home()
    return {**_token_without_home(), "RAY_TMPDIR": tempfile.mkdtemp(prefix="ray-")}


def _token_without_home() -> dict[str, str]:
    if os.environ.keys() & {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}:
        return {}
    file = Path(os.path.expanduser("~"), ".ray", "auth_token")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return {"RAY_AUTH_TOKEN": _TOKEN}
    is_usable = file.exists() or os.access(file.parent, os.W_OK)
    return {} if is_usable else {"RAY_AUTH_TOKEN": _TOKEN}


@contextmanager
def _ray(settings: RaySettings) -> Iterator[None]:
    """Connects to a cluster, or starts a quiet Ray of this process's own; ends what it began.

    Raises:
        TuneError: There is no cluster at the address, or a Ray of its own does not start.
    """
    quiet = dict(_QUIET)
    if settings.address is None:
        quiet |= {**_LOOPBACK, **_around_others()}
    # `ray.init` sets the last one, which every later process would inherit.
    before = {name: os.environ.get(name) for name in (*quiet, "RAY_AUTH_MODE")}
    os.environ.update(quiet)
    level = logging.getLogger("ray").level
    is_ours = not ray.is_initialized()
    try:
        if is_ours:
            with _same_sigterm():
                _connect(settings)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        yield
    finally:
        if is_ours:
            ray.shutdown()
        logging.getLogger("ray").setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turns a lack of room for the data into one line that says what to do.

    Raises:
        TuneError: Ray's object store is full, and cannot spill.
    """
    try:
        yield
    except (ray.exceptions.ObjectStoreFullError, ray.exceptions.OutOfDiskError) as error:
        raise TuneError(
            "Ray needs room for the data, but its object store is full, and so is the disk that "
            f"it spills to ({error_line(error).lower()}). Make room there, or set "
            "RAY_TMPDIR to a folder on a larger disk; a cluster of your own takes "
            "--object-store-memory when it is started. Finished trials are kept."
        ) from error


@contextmanager
def _same_sigterm() -> Iterator[None]:
    """Keeps the caller's answer to SIGTERM: `ray.init` puts its own in place, which exits."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _connect(settings: RaySettings) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if settings.address is not None:
        try:
            _knock(settings.address)
            ray.init(address=settings.address, **options)
        except ImportError as error:
            raise TuneError(
                f"--address {settings.address!r} needs Ray Client, but part of it is missing "
                f"({error}). Run `pip install 'ray[client]'`."
            ) from error
        except (OSError, RuntimeError, ValueError) as error:
            raise TuneError(
                f"--address needs a running Ray, but there is none at {settings.address!r} "
                f"({error_line(error)}). Run `ray start --head`, or leave --address out."
            ) from error
        return
    cpus = max(os.cpu_count() or 1, round(settings.max_concurrent * settings.cpus_per_trial))
    try:
        with _without_a_cluster():
            ray.init(
                address="local",  # without it, Ray joins whatever Ray runs on this machine
                num_cpus=cpus,
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                **options,
            )
    except Exception as error:  # what Ray (2.60) raises where it has not started in 30 s
        raise TuneError(
            f"--backend ray needs a Ray of its own, but it did not start ({error_line(error)}). "
            "Run the same command again when the machine is less busy, or leave --backend out. "
            "Finished trials are kept."
        ) from error
    _require_loopback()


@contextmanager
def _without_a_cluster() -> Iterator[None]:
    """Lets Ray take this machine for one that has no cluster: then it listens on loopback."""
    # Read from the environment when Ray was imported, so for this process it is set here. It is
    # no public name of Ray's: what comes of it is looked at afterwards.
    constants: Any = getattr(getattr(ray, "_private", None), "ray_constants", None)
    before = getattr(constants, "ENABLE_RAY_CLUSTER", None)
    if before is None:
        yield
        return
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _require_loopback() -> None:
    """Ends the Ray that was started if other machines could reach it.

    Raises:
        TuneError: A node of it has another address than this machine's own.
    """
    untyped: Any = ray
    addresses = [str(node["NodeManagerAddress"]) for node in untyped.nodes()]
    if all(ip_address(address).is_loopback for address in addresses):
        return
    ray.shutdown()
    raise TuneError(
        "A Ray of this run's own needs to listen on this machine alone, but Ray "
        f"{ray.__version__} listens on {', '.join(addresses)}, so it was stopped. Start one of "
        "your own (`ray start --head --node-ip-address=127.0.0.1`) and give --address auto, or "
        "install an earlier version of Ray."
    )


def _knock(address: str) -> None:
    """Raises OSError if nobody answers at "host:port"; Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
