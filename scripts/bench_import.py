"""The cold import of a worker, beside what the same worker would import of AWS Lambda Powertools.

Each import runs in a fresh interpreter, in turn, with the bytecode compiled and the files in the page cache; what an
empty interpreter costs is taken off. ``inventory`` is the real handler, and its DynamoDB client is made too, because
its first record needs one; Powertools' set is Logger, Metrics, batch, parser and idempotency, with the client that its
DynamoDB persistence layer makes.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping

from scripts.bench_support import Row, format_table, machine, write_results
from scripts.paths import REPOSITORY

RUNS = 21
STORE_CLIENT = "from fanout.aws import client; client('dynamodb')"
POWERTOOLS = """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.batch import BatchProcessor
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent_function
from aws_lambda_powertools.utilities.parser import BaseModel, parse
"""
PROGRAMS: Mapping[str, str] = {
    "empty": "pass",
    "inventory": "import services.inventory.handler",
    "inventory, store client made": f"import services.inventory.handler; {STORE_CLIENT}",
    "powertools set": POWERTOOLS,
    "powertools set, store client made": f"{POWERTOOLS}\nDynamoDBPersistenceLayer('t').client",
    "pydantic": "import pydantic; pydantic.BaseModel",
    "boto3": "import boto3",
}
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(REPOSITORY / folder) for folder in ("shared", ".")),
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}


def cpu_s(program: str) -> float:
    """CPU seconds of an interpreter that runs the program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], env=ENVIRONMENT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Measure, print and write; returns the exit code."""
    samples: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for counted in [False] + [True] * RUNS:
        for name, program in PROGRAMS.items():
            sample = cpu_s(program)
            if counted:
                samples[name].append(sample)
    empty = statistics.median(samples.pop("empty"))
    seconds = {name: statistics.median(each) - empty for name, each in samples.items()}
    theirs = seconds["powertools set, store client made"]
    rows: list[Row] = [
        {"import": name, "CPU ms": each * 1e3, "x powertools": each / theirs} for name, each in seconds.items()
    ]
    figures = {
        "import_vs_powertools": seconds["inventory, store client made"] / theirs,
        "import_vs_powertools_without_clients": seconds["inventory"] / seconds["powertools set"],
        "import_ms": seconds["inventory, store client made"] * 1e3,
    }
    print(machine(), format_table(rows), sep="\n")
    print(write_results("import", rows, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
