"""Which stack of an environment a resource stands in: ``platform``, the stack of a worker, or ``edge``.

``terraform/modules/platform/stack.tf`` says the same by what it makes where; a test compares the two by the plans of
this repository's stacks. It is asked where the whole is taken apart: a state, by ``fanout split``, and the plan of an
environment of which many stacks are to be planned anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout.errors import PlanError
from fanout_tools.declarations.worker import load_all

__all__ = ["EDGE", "PLATFORM", "Owners", "are_used", "stack_names"]

PLATFORM: Final = "platform"
EDGE: Final = "edge"

_ADDRESS: Final = re.compile(r"^module\.platform\.(?P<path>.*)$")
_KEY: Final = re.compile(r'\["(?P<key>[^"]*)"\]$')
_OF_EDGE: Final = (
    "bus_destination",
    "canary",
    "console",
    "queue_source",
    "router",
    "schedule",
    "unmatched",
    "web",
    "workflow",
)
_OWN_CHECKS: Final = ("terraform_data.", "module.manifests.")
"""What holds a stack's own preconditions, and nothing else."""
_SUFFIXES: Final = ("-undelivered-dlq", "-dlq.fifo", "-dlq")
_SWITCH: Final = re.compile(r"^\s*stacks\s*=\s*(true|false)\s*$", re.MULTILINE)


def are_used(root: Path, environ: Mapping[str, str]) -> bool:
    """Whether the environment of this folder is deployed by stacks: ``stacks.auto.tfvars`` in it says so, or the
    variable TF_VAR_stacks."""
    try:
        said = _SWITCH.findall((root / "stacks.auto.tfvars").read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = [environ.get("TF_VAR_stacks", "false")]
    return said[-1:] == ["true"]


def stack_names(services: Path) -> list[str]:
    """The stacks of an environment in the order in which what is new is deployed."""
    return [PLATFORM, *sorted(_worker(file) for file in services.glob("*/worker.yaml")), EDGE]


def _worker(file: Path) -> str:
    return file.parent.name.replace("_", "-")


@dataclass(frozen=True)
class Owners:
    """Whose a table, bucket or web function is."""

    workers: frozenset[str]
    stores: Mapping[str, str]
    """``table NAME`` or ``bucket NAME`` => its worker."""
    namespace: str

    @classmethod
    def read(cls, services: Path, namespace: str) -> "Owners":
        """As the project's worker.yaml declare them.

        :param namespace: the deployment's, which the names of queues begin with.
        :raises ManifestError: a worker.yaml is wrong.
        """
        workers = load_all(services)
        stores = {f"table {table}": name for name, it in workers.items() for table in it.tables}
        stores |= {f"bucket {bucket}": name for name, it in workers.items() for bucket in it.buckets}
        return cls(frozenset(workers), stores, namespace)

    def stack_of(self, address: str) -> str | None:
        """The stack of the resource with this address; None for what each stack has of its own.

        :raises PlanError: the address is not one of modules/platform.
        """
        found = _ADDRESS.match(address)
        if found is None:
            raise PlanError(f"{address}: stands beside module.platform; no stack of the environment is known for it")
        path = found["path"]
        if path.startswith(_OWN_CHECKS):
            return None
        module = re.match(r'module\.(\w+)(?:\["([^"]*)"\])?', path)
        if module is None:
            return self._in_platform(path)
        return self._in_module(module[1], module[2], path.removeprefix(module[0]).removeprefix("."))

    def _in_module(self, module: str, key: str | None, path: str) -> str:
        if module == "worker":
            return str(key)
        if module == "store":
            return self._of_store(path)
        if module == "observability":
            return self._of_alarm(path)
        return EDGE if module in _OF_EDGE else PLATFORM

    def _in_platform(self, path: str) -> str:
        """Of what stands in modules/platform itself: packages, layers, subscriptions of logs."""
        key = _key_of(path)
        kind, _, name = key.rpartition("/")
        if kind in ("workers", "layers"):
            return name if name in self.workers else EDGE
        if kind == "web" or key in ("canary", "console"):
            return EDGE
        return key if path.startswith("aws_cloudwatch_log_subscription_filter.") else PLATFORM

    def _of_store(self, path: str) -> str:
        key = _key_of(path)
        if ".guarded[" in path:
            return self.stores.get(key, PLATFORM)
        kind = "table" if path.startswith("aws_dynamodb_table.") else "bucket"
        return self.stores.get(f"{kind} {key}", PLATFORM)

    def _of_alarm(self, path: str) -> str:
        key = _key_of(path)
        for suffix in _SUFFIXES:
            worker = key.removeprefix(f"{self.namespace}-").removesuffix(suffix)
            if key.endswith(suffix) and worker in self.workers:
                return worker
        is_worker = re.match(r"aws_cloudwatch_(metric_alarm\.(age|errors|throttles)|dashboard\.worker)\[", path)
        return key if is_worker else PLATFORM


def _key_of(path: str) -> str:
    found = _KEY.search(path)
    return found["key"] if found else ""
