"""Storages by address, so that a worker process can open what its test has opened."""

import warnings

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

__all__ = ["open_storage"]


def open_storage(address: str) -> BaseStorage:
    """Returns the storage at ``sqlite:…``, ``postgresql:…``, ``journal:PATH`` or ``grpc:PORT``."""
    kind, _, rest = address.partition(":")
    if kind == "journal":
        # A writer that was killed leaves its lock; others take it for dead after this time.
        lock = JournalFileSymlinkLock(rest, grace_period=3)
        return JournalStorage(JournalFileBackend(rest, lock))
    if kind == "grpc":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=int(rest))
    # Several writers on one SQLite file wait for each other.
    options = {"connect_args": {"timeout": 60}} if kind == "sqlite" else {}
    return RDBStorage(address, engine_kwargs=options)
