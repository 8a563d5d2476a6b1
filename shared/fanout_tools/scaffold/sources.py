"""What feeds a new worker beside other workers' events: the clock and external queues, in files that every environment
reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fanout_tools.project import Project
from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.files import fill

__all__ = ["add_queue", "add_schedule", "check_queue", "check_schedule"]

SCHEDULES: Final = "schedules"
QUEUES: Final = "queues"
"""Files of ``terraform/``, and the variables of the platform that they are read into."""
_QUEUE: Final = re.compile(r"(arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:)?[A-Za-z0-9_-]{1,75}(\.fifo)?")


def check_schedule(of: Project, name: str, expression: str) -> None:
    """
    :raises ScaffoldError: the expression is none of EventBridge Scheduler's, or an environment would not have it.
    """
    if not re.fullmatch(r"(rate|cron|at)\(.+\)", expression):
        raise ScaffoldError(f"{expression}: write EventBridge Scheduler's rate(1 day), cron(0 6 * * ? *) or at(...)")
    _check_read(of, SCHEDULES, name)


def check_queue(of: Project, name: str, queue: str) -> None:
    """
    :raises ScaffoldError: it is neither a queue's name nor its ARN, or an environment would not have it.
    """
    if not _QUEUE.fullmatch(queue):
        raise ScaffoldError(
            f"{queue}: write the queue's name, the same in each environment's account, or its ARN, "
            "arn:aws:sqs:<region>:<account>:<name>"
        )
    _check_read(of, QUEUES, name)


def add_schedule(of: Project, name: str, expression: str, event: str) -> list[Path]:
    """Added to ``terraform/schedules.yaml``."""
    return _added(of, SCHEDULES, "schedule", name=_entry(name), expression=expression, event=event)


def add_queue(of: Project, name: str, queue: str, event: str) -> list[Path]:
    """Added to ``terraform/queues.yaml``."""
    return _added(of, QUEUES, "queue", name=_entry(name), queue=queue, event=event)


def _entry(worker: str) -> str:
    return worker.replace("_", "-")


def _check_read(of: Project, kind: str, name: str) -> None:
    for root in sorted(of.environments.glob("*/main.tf")):
        text, line = root.read_text(encoding="utf-8"), f"module.declarations.{kind}"
        if line not in text and f"{kind}.yaml" not in text:  # a root of an earlier version reads the file by itself
            raise ScaffoldError(
                f"{root}: reads no {kind}.yaml, and would not have the {kind[:-1]}; add `{kind} = {line}` to its "
                "platform, of a module whose source is ../../modules/declarations"
            )
    file = of.terraform / f"{kind}.yaml"
    if file.exists() and re.search(rf"^{_entry(name)}:", file.read_text(encoding="utf-8"), re.MULTILINE):
        raise ScaffoldError(f"{file}: has a {kind[:-1]} {_entry(name)} already; remove it, or choose another name")


def _added(of: Project, kind: str, template: str, **fields: str) -> list[Path]:
    file = of.terraform / f"{kind}.yaml"
    before = file.read_text(encoding="utf-8") if file.exists() else fill(f"worker/{kind}.yaml")
    file.write_text(before + fill(f"worker/{template}.yaml", **fields), encoding="utf-8")
    return [file]
