"""Free ports, and who holds a port that is not free."""

import os
import socket
import sys
from pathlib import Path
from typing import Final

from fanout_tools.emulators.model import HOST, PortTakenError

__all__ = ["check_free", "free_port", "listeners", "negotiate"]

_LISTEN: Final = "0A"


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def check_free(port: int) -> None:
    """Make sure that a server can bind ``port``.

    :raises PortTakenError: it cannot; the text names the process that has the port, where that can be told.
    """
    with socket.socket() as probe:
        # As servers do; without it a connection that was just closed would look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError(
                f"port {port} is taken{_holders(port)} ({error.strerror}): stop that, or choose another with "
                f"PORT=... (0 takes a free one)"
            ) from error


def negotiate(preferred: int) -> int:
    """The preferred port, or a free one where another process has that; who has it, and what is taken, is printed."""
    try:
        check_free(preferred)
    except PortTakenError:
        port = free_port()
        print(f"port {preferred} is taken{_holders(preferred)}: port {port} is used", file=sys.stderr)
        return port
    return preferred


def _holders(port: int) -> str:
    pids = sorted({pid for address, held, pid in listeners() if held == port and pid})
    return "".join(f" by process {pid} ({_command_line(pid)})" for pid in pids)


def listeners() -> list[tuple[str, int, int | None]]:
    """Every listening TCP socket of this machine: address, port, and process id where that can be told.

    Empty on systems without ``/proc/net/tcp``.
    """
    found = []
    owners: dict[str, int] | None = None
    for table, ip_version in (("tcp", 4), ("tcp6", 6)):
        for line in _lines(Path("/proc/net") / table):
            fields = line.split()
            if fields[3] != _LISTEN:
                continue
            address, port = fields[1].split(":")
            owners = _owners() if owners is None else owners
            found.append((_address(address, ip_version), int(port, 16), owners.get(fields[9])))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return []


def _address(text: str, ip_version: int) -> str:
    # The kernel prints each 32-bit word of the address in the byte order of the machine (proc_pid_net(5)).
    words = bytes.fromhex(text)
    packed = b"".join(words[start : start + 4][::-1] for start in range(0, len(words), 4))
    return socket.inet_ntop(socket.AF_INET if ip_version == 4 else socket.AF_INET6, packed)


def _owners() -> dict[str, int]:
    """Process ids by inode of the sockets they hold; only of processes that this user may look into."""
    owners = {}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if target.startswith("socket:["):
            owners[target[8:-1]] = int(descriptor.parts[2])
    return owners


def _command_line(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "gone by now"
    return b" ".join(words).decode(errors="replace").strip()[:200]
