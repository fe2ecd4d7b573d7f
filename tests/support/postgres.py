"""A PostgreSQL server of a test's own: started on loopback, stopped and removed afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

__all__ = ["Server", "find_binaries", "free_port", "running_server", "server_or_skip"]


def find_binaries() -> Path | None:
    """Returns the folder of ``initdb`` and ``pg_ctl``; None if PostgreSQL is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def free_port() -> int:
    """Returns a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running server.

    Args:
        binaries: Folder of ``pg_ctl``.
        folder: Its data folder.
        port: Its port on 127.0.0.1.
        password: Of its user; None: it trusts everyone.
    """

    def __init__(
        self, binaries: Path, folder: Path, port: int, password: str | None = None
    ) -> None:
        self.binaries, self.folder, self.port = binaries, folder, port
        self.password = password

    @property
    def url(self) -> str:
        """Address for SQLAlchemy."""
        return self.url_with(self.password)

    def url_with(self, password: str | None) -> str:
        """Returns the address with another password, or none, in it."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        return f"postgresql+psycopg2://tester{secret}@127.0.0.1:{self.port}/postgres"

    def control(self, *command: str) -> None:
        """Runs ``pg_ctl`` as the user that owns the data."""
        _run([str(self.binaries / "pg_ctl"), "-D", str(self.folder), "-w", *command])

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        self.control("-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stops it at once, as a crash would."""
        self.control("-m", "immediate", "stop")


def _run(command: list[str]) -> None:
    """Runs a command, as the user ``postgres`` where we are root, whom the server refuses."""
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def running_server(binaries: Path, password: str | None = None) -> Iterator[Server]:
    """Yields a fresh server; stops it and removes its data afterwards.

    Args:
        binaries: Folder of ``initdb`` and ``pg_ctl``.
        password: What it asks of whoever connects (SCRAM); None: it trusts everyone.
    """
    # Not pytest's own folder: another user has to reach it.
    with tempfile.TemporaryDirectory(prefix="pg-") as root:
        folder = Path(root, "data")
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(root, owner.pw_uid, owner.pw_gid)
        options = ["-U", "tester", "-E", "UTF8", "--no-sync", "--auth-local=trust"]
        if password is None:
            options += ["--auth-host=trust"]
        else:
            file = Path(root, "password")
            file.write_text(password)
            os.chmod(file, 0o644)
            options += ["--auth-host=scram-sha-256", f"--pwfile={file}"]
        _run([str(binaries / "initdb"), "-D", str(folder), *options])
        server = Server(binaries, folder, free_port(), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def server_or_skip() -> Iterator[Server]:
    """Yields a fresh server as `running_server` does; skips where PostgreSQL is not installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_server(binaries) as server:
        yield server
