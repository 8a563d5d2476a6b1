"""Who operates, and under which id."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fanout_tools.operate.journal import Announce, Head, Journal
from fanout_tools.operate.topology import Topology
from fanout_tools.project import DISTRIBUTION

__all__ = ["Operator", "journal_of", "new_id"]


def new_id(kind: str, now: float, token: str | None = None) -> str:
    """Ids sort by time, and fit into the names of AWS: at most 40 of the characters that a queue's name may have."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%y%m%d-%H%M%S")
    return f"{moment}-{kind}-{token or secrets.token_hex(2)}"


def journal_of(
    topology: Topology, client: Any, clock: Callable[[], float] = time.time, announce: Announce | None = None
) -> Journal:
    """The deployment's journal, as this process writes it."""
    holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
    told = {} if announce is None else {"announce": announce}
    return Journal(client, topology.names.operations_table, holder, clock, **told)


@dataclass(frozen=True)
class Operator:
    """Who runs the command."""

    arn: str
    host: str
    version: str
    command: str

    @classmethod
    def present(cls, sts: Any) -> Operator:
        """The caller, as AWS knows it; where it may not ask, who it is on this machine."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            arn = str(sts.get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError):
            arn = f"unknown ({os.environ.get('USER', 'nobody')})"
        return cls(arn, socket.gethostname(), _version(), " ".join(["fanout", *sys.argv[1:]]))

    def head(self, kind: str, worker: str, why: str, now: float, **plan: Any) -> Head:
        """Of a new operation.

        :param plan: what it will do, as JSON values; ``total``, how many things it concerns.
        """
        return Head(
            operation=new_id(kind, now),
            kind=kind,
            worker=worker,
            why=why,
            who=self.arn,
            host=self.host,
            version=self.version,
            command=self.command,
            started_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            total=int(plan.pop("total", 0)),
            plan=plan,
        )


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
