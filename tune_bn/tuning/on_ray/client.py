"""A run through Ray Client: an actor of the cluster does it, this process follows and can stop it.

Through Ray Client ("ray://host:port") Tune would give its callbacks to a process of the cluster,
and nobody here would hear of a trial before the end. So the whole run is done there, by an actor
that lives as long as this process is connected.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from tune_bn import __version__
from tune_bn.plain.text import error_line
from tune_bn.tuning.errors import Stopped, TuneError

if TYPE_CHECKING:
    from tune_bn.training import Dataset
    from tune_bn.tuning.finish.finish import Outcome, WriteReport
    from tune_bn.tuning.folder.tally import Progress
    from tune_bn.tuning.settings import RaySettings, Settings

__all__ = ["is_client_address", "tune_through_client"]

_SCHEME = "ray://"
_POLL_S = 0.3


def is_client_address(address: str | None) -> bool:
    """Tells whether an address is that of a Ray Client server.

    Example:
        >>> [is_client_address(a) for a in ("ray://head:10001", "auto", None)]
        [True, False, False]
    """
    return address is not None and address.startswith(_SCHEME)


class _Driver:
    """Does the run on the cluster; one of its threads works, the other answers."""

    def __init__(self) -> None:
        self._progress: list[Progress] = []
        self._is_stopped = False

    def ping(self, mark: str) -> tuple[str, bool]:
        """Returns this side's version, and whether it sees a file of the other side's."""
        return __version__, Path(mark).exists()

    def run(self, tune: "Callable[..., Outcome]", *args: Any, **options: Any) -> Any:
        """Returns what ``tune`` returns, or the error that its user can put right."""
        from tune_bn.training import ConfigError

        try:
            return tune(
                *args,
                on_progress=self._progress.append,
                is_stopped=lambda: self._is_stopped,
                **options,
            )
        except (ConfigError, Stopped, TuneError) as error:
            return error  # raised, it would come as an error of Ray's

    def progress(self) -> "list[Progress]":
        """Returns the progress since the last time."""
        news = self._progress[:]
        del self._progress[: len(news)]
        return news

    def stop(self) -> None:
        """Asks the run to stop."""
        self._is_stopped = True


def tune_through_client(
    tune: "Callable[..., Outcome]",
    dataset: "Dataset",
    out: str | Path,
    settings: "Settings",
    ray_settings: "RaySettings",
    *,
    resume: bool | None,
    write_report: "WriteReport | None",
    on_progress: "Callable[[Progress], None]",
    is_stopped: Callable[[], bool],
) -> "Outcome":
    """Returns what ``tune`` returns on the cluster that this process is connected to.

    Args:
        tune: `tune_bn.tuning.on_ray.run.tune`, which takes the rest.
        dataset: The data, which are sent to the cluster.
        out: The run's folder; one that both sides see under this name.
        settings: How to search.
        ray_settings: How to use Ray; the address has been used already.
        resume: Whether to go on with a run of the folder; None where it is the same run.
        write_report: Writes the page at the end.
        on_progress: Called for each epoch and each ended trial, a moment later.
        is_stopped: Asked again and again whether to stop.

    Raises:
        TuneError: The cluster sees another folder, has another version of this package, or is
            lost; or what ``tune`` raises.
        ConfigError: Raised by ``tune``.
        Stopped: Raised by ``tune``.
    """
    folder = Path(out).expanduser().absolute()
    untyped: Any = ray  # whose types know no actor options beside a class
    driver = untyped.remote(num_cpus=0, max_concurrency=2)(_Driver).remote()
    try:
        _check_sides(driver, folder)
        running = driver.run.remote(
            tune,
            dataset,
            folder,
            settings,
            replace(ray_settings, address=None),
            resume=resume,
            write_report=write_report,
        )
        is_asked = False
        while True:
            done, _ = ray.wait([running], timeout=_POLL_S)
            for progress in ray.get(driver.progress.remote()):
                on_progress(progress)
            if done:
                break
            if is_stopped() and not is_asked:
                driver.stop.remote()
                is_asked = True
        outcome: Outcome | Exception = ray.get(running)
    except (ray.exceptions.RayError, ConnectionError) as error:
        raise TuneError(
            "A run through Ray Client needs the cluster until its end, but lost it "
            f"({error_line(error, is_last=True)}). Finished trials are kept: run it again."
        ) from error
    finally:
        with suppress(ConnectionError):
            ray.kill(driver)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _check_sides(driver: Any, folder: Path) -> None:
    """Raises before any work unless both sides see one folder and have one version."""
    mark = folder / f".{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError as error:
        raise TuneError(
            f"--out needs a folder that can be written, but got {str(folder)!r} "
            f"({error_line(error)}). Choose another folder."
        ) from error
    try:
        version, is_seen = ray.get(driver.ping.remote(str(mark)))
    except ray.exceptions.RayError as error:
        raise TuneError(
            "A run through Ray Client needs tune-bn on the cluster too, but the cluster said: "
            f"{error_line(error, is_last=True)}. Run `pip install tune-bn[cli,ray]` there."
        ) from error
    finally:
        mark.unlink(missing_ok=True)
    if version != __version__:
        raise TuneError(
            f"A run through Ray Client needs one version of tune-bn on both sides, but got "
            f"{__version__} here and {version} there. Install the same one."
        )
    if not is_seen:
        raise TuneError(
            f"--out needs a folder that the cluster sees too, but it does not see {str(folder)!r}. "
            "Give one on shared storage, or run the command on a node with --address auto."
        )
