"""The cold import of a worker, beside what the same worker would import of AWS Lambda Powertools.

Each import runs in a fresh interpreter, in turn, with the bytecode compiled and the files in the page cache; what an
empty interpreter costs is taken off. ``inventory`` is the real handler from its real package, with the client of its
idempotency store, which its first batch needs. Powertools' set is Logger, Metrics, batch, parser and idempotency, by
itself and with the client that its DynamoDB persistence layer makes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fanout_tools.deploy.packages import functions
from fanout_tools.project import project
from scripts.bench.support import Row, format_table, machine, write_results

RUNS = 21
INVENTORY = "import services.inventory.handler"
STORE = "services.inventory.handler.worker._store()"
POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent_function
from aws_lambda_powertools.utilities.parser import BaseModel, parse
"""
PROGRAMS: Mapping[str, str] = {
    "empty": "pass",
    "inventory": INVENTORY,
    "inventory, store client made": f"{INVENTORY}; {STORE}",
    "inventory, Logger and Metrics": f"{INVENTORY}; from aws_lambda_powertools import Logger, Metrics",
    "powertools set": POWERTOOLS,
    "powertools set, store client made": f"{POWERTOOLS}\nDynamoDBPersistenceLayer('t').client",
    "pydantic": "import pydantic; pydantic.BaseModel",
    "boto3": "import boto3",
}
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "FANOUT_IDEMPOTENCY_TABLE": "idempotency",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def unpack(folder: Path) -> None:
    """The worker's package, as Lambda unpacks it."""
    for name, content in functions.worker_entries(project(), project().services / "inventory").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def cpu_s(program: str, package: Path) -> float:
    """CPU seconds of an interpreter that runs the program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The interpreter's site adds fanout by its editable install: the package comes before it.
    environment = {**ENVIRONMENT, "PYTHONPATH": str(package)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=package, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Measure, print and write; returns the exit code."""
    samples: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as package:
        unpack(Path(package))
        for counted in [False] + [True] * RUNS:
            for name, program in PROGRAMS.items():
                sample = cpu_s(program, Path(package))
                if counted:
                    samples[name].append(sample)
    empty = statistics.median(samples.pop("empty"))
    seconds = {name: statistics.median(each) - empty for name, each in samples.items()}
    theirs = seconds["powertools set"]
    rows: list[Row] = [
        {"import": name, "CPU ms": each * 1e3, "x powertools": each / theirs} for name, each in seconds.items()
    ]
    figures = {
        "import_vs_powertools": seconds["inventory, store client made"] / theirs,
        "import_vs_powertools_with_clients": seconds["inventory, store client made"]
        / seconds["powertools set, store client made"],
        "import_ms": seconds["inventory, store client made"] * 1e3,
        "logger_and_metrics_ms": (seconds["inventory, Logger and Metrics"] - seconds["inventory"]) * 1e3,
    }
    print(machine(), format_table(rows), sep="\n")
    print(write_results("import", rows, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
