"""Which addresses the processes of a tree listen on, as Linux tells it; without any package."""

import ipaddress
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["listening_addresses", "open_to_others", "tree_of"]

_LISTEN = "0A"


def tree_of(pid: int) -> list[int]:
    """Returns a process and all that it started, directly or not."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*"):
            try:
                found += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue  # it has ended meanwhile
    return found


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """Returns (address, port) of every TCP socket that a process tree listens on."""
    listeners = _listeners(pid)
    return {
        listeners[inode]
        for process in tree_of(pid)
        for inode in _sockets_of(process)
        if inode in listeners
    }


def open_to_others(pid: int) -> set[tuple[str, int]]:
    """Returns those of them that another machine may reach."""
    found = listening_addresses(pid)
    return {(host, port) for host, port in found if not ipaddress.ip_address(host).is_loopback}


def _listeners(pid: int) -> dict[str, tuple[str, int]]:
    """Returns where each listening socket of a process's network listens, by its inode."""
    found = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
        except OSError:
            continue  # it has ended meanwhile
        for line in lines[1:]:
            fields = line.split()
            if fields[3] == _LISTEN:
                address, port = fields[1].split(":")
                found[fields[9]] = (_address(address), int(port, 16))
    return found


def _sockets_of(pid: int) -> Iterator[str]:
    """Yields the inode of each socket that a process has open."""
    try:
        handles = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return  # it has ended meanwhile
    for handle in handles:
        with suppress(OSError):  # closed meanwhile
            target = os.readlink(handle)
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]


def _address(text: str) -> str:
    raw = b"".join(bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8))
    found = ipaddress.ip_address(raw)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
