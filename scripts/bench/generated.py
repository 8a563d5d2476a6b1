"""A project of generated workers, for what is measured by their number: 40 domains, each with as many workers.

They are like the shop's: most take one event of their domain through its topic, some two, every fifth straight from the
bus with a filter, every fourth has a table, every tenth a bucket, and each publishes an event of its own domain.
"""

import json
import shutil
from pathlib import Path

from scripts.paths import REPOSITORY

__all__ = ["DOMAINS", "generate", "names"]

DOMAINS = 40


def names(workers: int) -> list[str]:
    """How they are called."""
    return [f"w{number:03}" for number in range(workers)]


def generate(folder: Path, workers: int) -> None:
    """Write the project: declarations, contracts' schemas, Terraform."""
    (folder / "pyproject.toml").write_text('[tool.fanout]\ncontracts = "shared/contracts"\n', encoding="utf-8")
    shutil.copytree(
        REPOSITORY / "terraform",
        folder / "terraform",
        ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests"),
    )
    for domain in range(DOMAINS):
        for event in range(4):
            _schema(folder / "shared" / "contracts" / "schemas" / f"area.d{domain:02}", f"Thing{event}")
    for number, name in enumerate(names(workers)):
        path = folder / "services" / name / "worker.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(_declared(number)) + "\n", encoding="utf-8")


def _schema(folder: Path, event: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    schema = {"title": event, "type": "object", "properties": {"amount": {"type": "integer"}}}
    (folder / f"{event}.v1.json").write_text(json.dumps(schema), encoding="utf-8")


def _declared(number: int) -> list[str]:
    domain = f"area.d{number % DOMAINS:02}"
    straight = number % 5 == 0
    lines = [
        f"description: Generated worker {number}",
        f"owner: team-{number % DOMAINS}",
        "subscribes:",
        f"  - event: {domain}/Thing{number % 3}",
        *(["    where: { amount: [{ numeric: ['>', 25] }] }"] if straight else []),
        *([f"  - event: {domain}/Thing{(number + 1) % 3}"] if number % 3 == 0 else []),
        f"publishes: [{domain}/Thing3]",
        *(["via: bus"] if straight else []),
    ]
    stores = {"table": number % 4 == 0, "bucket": number % 10 == 0}
    if stores["table"]:
        lines += ["tables:", f"  things{number}: {{ key: id }}"]
    if stores["bucket"]:
        lines += ["buckets:", f"  files{number}: {{}}"]
    actions = {"table": "dynamodb:PutItem", "bucket": "s3:PutObject"}
    if any(stores.values()):
        lines.append("permissions:")
    for kind, named in (("table", f"things{number}"), ("bucket", f"files{number}")):
        if stores[kind]:
            lines += [f"  - actions: ['{actions[kind]}']", f"    resources: ['{kind}:{named}']"]
    return lines
