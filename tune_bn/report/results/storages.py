"""Where a search is kept, opened for reading: a storage's study, a run's folder, Ray's folder.

Nothing here writes: a file that is no study stays as it is, and one that is missing is not made.
"""

import difflib
import json
import re
import sqlite3
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus

from tune_bn.plain.names import NETWORK_FILE, STUDY_FILE, SUMMARY_FILE
from tune_bn.plain.reading import UNREADABLE, is_number, read_integer
from tune_bn.plain.text import error_line
from tune_bn.report.errors import ReportError
from tune_bn.report.results.results import Results

if TYPE_CHECKING:
    import optuna

    from tune_bn.optuna.origins import Records

__all__ = ["open_run", "open_study", "read_network", "read_study"]

_BUSY_S = 10
_GRPC_PORT = 13000  # Optuna's default
_LONGEST_RECORD = 2**20  # bytes


def open_study(storage: str, name: str | None = None) -> "optuna.Study":
    """Returns a study of a storage.

    Args:
        storage: An SQLAlchemy address (``sqlite:///study.db``), that of a journal on Redis
            (``redis://host:6379``) or of Optuna's gRPC proxy (``grpc://host:13000``), or the path
            of an SQLite file or of a journal, whatever its ending.
        name: The study; None for the only one.

    Raises:
        ReportError: If there is no such storage or study, or the file is damaged or locked.
    """
    url = _address(storage)
    import optuna

    with _readable(_shown(storage), storage), warnings.catch_warnings():
        # Of the proxy and the journal on Redis; whoever made the storage has seen it.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found: optuna.storages.BaseStorage
        if isinstance(url, Path):
            from optuna.storages.journal import JournalFileBackend

            found = optuna.storages.JournalStorage(JournalFileBackend(str(url)))
        elif url.drivername in ("redis", "rediss"):
            from optuna.storages.journal import JournalRedisBackend

            found = optuna.storages.JournalStorage(JournalRedisBackend(storage))
        elif url.drivername == "grpc":
            found = _by_grpc(url.host or "localhost", url.port or _GRPC_PORT)
        else:
            options = {"connect_args": {"timeout": _BUSY_S}} if url.drivername == "sqlite" else None
            address = url.render_as_string(hide_password=False)
            found = optuna.storages.RDBStorage(address, engine_kwargs=options)
        names = [study.study_name for study in found.get_all_studies()]
        if name is None and len(names) == 1:
            name = names[0]
        if name is None or name not in names:
            raise ReportError(_no_such_study(storage, name, names))
        return optuna.load_study(study_name=name, storage=found)


def read_study(study: "optuna.Study", records: "Records | None" = None) -> Results:
    """Returns an opened study as plain records.

    Args:
        study: The study.
        records: What an earlier look has read of it, for one that is looked at again and again.

    Raises:
        ReportError: If its storage cannot be read any more: it is damaged, locked or gone.
    """
    with _readable(f"one in which the study {study.study_name!r} is damaged, locked or gone"):
        study.get_trials(deepcopy=False)  # once for its errors: what fails below is our defect
    from tune_bn.report.results.from_optuna import results_of_study

    return results_of_study(study, records)


@contextmanager
def _readable(got: str, storage: str = "") -> Iterator[None]:
    """Turns what a storage raises into one line that says why, without the address's secrets."""
    import optuna
    import sqlalchemy

    try:
        yield
    except ReportError:
        raise
    except Exception as error:
        expected: tuple[type[BaseException], ...] = (
            sqlalchemy.exc.SQLAlchemyError,
            optuna.exceptions.OptunaError,
            ImportError,  # of a database's driver
            RuntimeError,
            OSError,
            KeyError,  # of a study that was deleted meanwhile
            ValueError,  # of damaged records, JSON among them
            *_errors_of_clients(),
        )
        if not isinstance(error, expected):
            raise
        raise ReportError(
            f"--storage needs a storage that Optuna can read, but got {got} "
            f"({_without_secrets(storage, error_line(error))}). {_remedy(storage, error)}"
        ) from error


def _by_grpc(host: str, port: int) -> "optuna.storages.BaseStorage":
    """Returns Optuna's proxy, once its server answers: it would wait for one without end."""
    import grpc  # type: ignore[import-untyped]  # its types are a package of their own
    from optuna.storages import GrpcStorageProxy

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_BUSY_S)
        except grpc.FutureTimeoutError:
            raise OSError(f"nothing answers within {_BUSY_S} s") from None
    return GrpcStorageProxy(host=host, port=port)


def _errors_of_clients() -> tuple[type[Exception], ...]:
    """Returns what the clients of servers raise, of those that were imported."""
    found = [("redis", "RedisError"), ("grpc", "RpcError")]
    known = [(sys.modules.get(module), name) for module, name in found]
    return tuple(getattr(module, name) for module, name in known if module is not None)


def _remedy(storage: str, error: Exception) -> str:
    if isinstance(error, ImportError):
        scheme = storage.partition("://")[0]
        package = {"redis": "redis", "rediss": "redis", "grpc": "grpcio"}.get(scheme)
        if package is not None:
            return f"Install the package that is missing: pip install {package}."
        return "Install the package that is missing: the driver of that database."
    if "://" in storage and not storage.startswith("sqlite"):
        return "Check the user, the password, the host and the port, and that the server runs."
    return "Check that it is complete, that nothing locks it, and which Optuna wrote it."


def _no_such_study(storage: str, name: str | None, names: list[str]) -> str:
    if not names:
        return f"--storage needs a storage with a study, but {_shown(storage)} holds none."
    near = difflib.get_close_matches(name or "", names, n=5, cutoff=0.4) or sorted(names)[:5]
    shown = ", ".join(map(repr, near))
    if name is None:
        return (
            f"--study needs a name, because {_shown(storage)} holds {len(names)} studies: "
            f"{shown}, …."
        )
    return f"--study needs a study that the storage holds, but got {name!r}. Nearest: {shown}."


def _address(storage: str) -> Any:
    """Returns an SQLAlchemy address, or a journal's path, after a look that the file is one."""
    path = None if "://" in storage else Path(storage)
    if path is not None:
        if _is_journal(path):
            return path
        _check_sqlite(path, storage)
    import sqlalchemy

    if path is not None:
        return sqlalchemy.URL.create("sqlite", database=str(path))
    try:
        url = sqlalchemy.make_url(storage)
    except (sqlalchemy.exc.ArgumentError, ValueError):  # of a port that is no number
        # Without its cause, which may repeat the address.
        raise ReportError(
            "--storage needs an address such as sqlite:///study.db, or the path of a file, but "
            f"got {_shown(storage)}."
        ) from None
    file = url.database
    if url.drivername.partition("+")[0] == "sqlite" and file and file != ":memory:":
        if file.startswith("file:"):  # sqlite:///file:study.db?uri=true, SQLite's own form
            file = unquote(file.removeprefix("file:").removeprefix("//"))
        if url.query.get("mode") != "memory":
            _check_sqlite(Path(file), storage)
    return url


def _is_journal(path: Path) -> bool:
    """Tells whether a file is one of Optuna's journals, which has JSON in each line."""
    try:
        with path.open("rb") as file:
            record = json.loads(file.readline(_LONGEST_RECORD))
    except FileNotFoundError:
        return False
    except (OSError, *UNREADABLE):
        record = None
    if path.suffix in (".log", ".journal"):
        return True  # also one that is empty or damaged, of which Optuna says more
    return isinstance(record, dict) and "op_code" in record


_AUTHORITY = re.compile(r"(?<=://)[^/?#]*@")
_IN_QUERY = re.compile(r"(?i)((?:pass|secret|token|key|pwd)[^=&]*=)[^&]*")


def _shown(storage: str) -> str:
    """Returns a storage as a message may show it: whoever sees a log must not learn a password."""
    hidden = _AUTHORITY.sub(lambda m: f"{m[0].split(':')[0].rstrip('@')}:***@", storage)
    return repr(_IN_QUERY.sub(r"\1***", hidden))


def _without_secrets(storage: str, text: str) -> str:
    """Returns what a driver says of a storage, without the secrets that it may repeat."""
    import sqlalchemy

    secrets = [found[0].partition("=")[2] for found in _IN_QUERY.finditer(storage)]
    secrets += [unquote_plus(secret) for secret in secrets]
    authority = _AUTHORITY.search(storage)
    if authority is not None:
        secrets.append(authority[0].partition(":")[2].rstrip("@"))
        with suppress(sqlalchemy.exc.ArgumentError, ValueError):
            secrets.append(str(sqlalchemy.make_url(storage).password or ""))
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _check_sqlite(path: Path, storage: str) -> None:
    if not path.is_file():
        near = [p.name for p in sorted(path.parent.glob("*.db"))[:5]]
        hint = f" Files there: {', '.join(near)}." if near else ""
        raise ReportError(f"--storage needs a file that exists, but got {_shown(storage)}.{hint}")
    try:
        # Read only: Optuna would make its tables in any database that it is pointed at.
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise ReportError(
            f"--storage needs an SQLite file that can be read, but {str(path)!r} cannot "
            f"({error_line(error)})."
        ) from error
    if ("studies",) not in tables:
        raise ReportError(
            f"--storage needs a file with studies of Optuna, but {str(path)!r} has none."
        )


def open_run(folder: str | Path) -> tuple["optuna.Study", Mapping[str, Any]]:
    """Returns the study of a folder that ``tune-bn tune`` wrote, and its scores once there are any.

    Raises:
        ReportError: If the folder holds no study, or its ``best.json`` is damaged.
    """
    folder = Path(folder)
    database = folder / STUDY_FILE
    if not database.is_file():
        raise ReportError(
            f"--run needs a folder that `tune-bn tune` wrote, but {str(folder)!r} has no "
            f"{STUDY_FILE}."
        )
    study = open_study(str(database))
    return study, _json_file(folder / SUMMARY_FILE)


def read_network(folder: str | Path) -> Mapping[str, Any]:
    """Returns what a run's folder holds of its network for the page; empty if it holds nothing.

    Raises:
        ReportError: If its ``network.json`` is damaged.
    """
    file = Path(folder) / NETWORK_FILE
    found = _json_file(file)
    if found and not _is_network(found):
        raise ReportError(
            f"--run needs a {NETWORK_FILE} as `tune-bn tune` writes it, but {str(file)!r} holds "
            "something else. Remove it for a page without the network, or tune again."
        )
    return found


def _is_network(found: Mapping[str, Any]) -> bool:
    """Tells whether plain data are what a page can show of a network."""
    if not set(found) <= {"epochs", "layers", "true", "predicted", "classes"}:
        return False
    epochs, layers, classes = found.get("epochs", []), found.get("layers", {}), found.get("classes")
    true, predicted = found.get("true", []), found.get("predicted", [])
    if not (isinstance(epochs, list) and isinstance(layers, dict)):
        return False
    if not (isinstance(true, list) and isinstance(predicted, list)):
        return False
    are_epochs = all(
        isinstance(e, dict) and all(is_number(e.get(k)) for k in ("epoch", "train_loss", "loss"))
        for e in epochs
    )
    are_layers = all(
        isinstance(layer, dict) and _are_numbers_of_one_length(layer) for layer in layers.values()
    )
    if classes is None:
        are_rows = all(map(is_number, (*true, *predicted)))
    else:
        are_rows = isinstance(classes, list) and all(v in classes for v in (*true, *predicted))
    return are_epochs and are_layers and are_rows and len(true) == len(predicted)


def _are_numbers_of_one_length(layer: Mapping[str, Any]) -> bool:
    columns = [layer.get(key) for key in ("running_mean", "running_var", "mean", "var")]
    lists = [column for column in columns if isinstance(column, list)]
    return (
        len(lists) == len(columns)
        and len({len(column) for column in lists}) == 1
        and all(map(is_number, (value for column in lists for value in column)))
    )


def _json_file(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_int=read_integer)
    except (ValueError, OSError, RecursionError) as error:
        raise ReportError(
            f"--run needs a {file.name} that can be read, but {str(file)!r} cannot "
            f"({error_line(error)}). Run `tune-bn tune` again: it keeps the finished trials."
        ) from error
    return found if isinstance(found, dict) else {}
