"""The model of ``web.yaml``: a web function, which serves HTTP through the router and takes no events.

It stands beside the workers, in a folder of its own under ``services``, and owns no queue, table or bucket: it
publishes and reads. ``app.py`` has its ``app``, for local processes; ``handler.py`` its ``handler``, for Lambda.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError

from fanout.errors import ManifestError
from fanout_tools.declarations import rules as manifest_rules
from fanout_tools.declarations import texts as manifest_text
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.reading import read
from fanout_tools.declarations.worker import EventName, Manifest, Permission, Section, name_problems, worker_name

__all__ = ["WebFunction", "WebManifest", "load_all"]

FILE = "web.yaml"


class WebFunction(Section):
    """The Lambda function. Bounds: AWS Lambda quotas."""

    memory_mb: int = Field(default=512, ge=128, le=10_240, description="memory; CPU comes in proportion to it")
    timeout_s: int = Field(
        default=900, ge=30, le=900, description="how long an environment serves before it is replaced"
    )
    architecture: Literal["arm64", "x86_64"] = Field(default="arm64", description="of the processor; arm64 costs less")


class WebManifest(Section):
    """A web function, as its ``web.yaml`` declares it."""

    description: str = Field(min_length=1, max_length=256, description="what it does, for catalogue and console")
    owner: str | None = Field(default=None, min_length=1, max_length=64, description="the team on call for it")
    publishes: list[EventName] = Field(
        default=[], description="the events that it may put on the bus; without any its role may put none"
    )
    function: WebFunction = Field(default=WebFunction(), description="the Lambda function: memory and time")
    permissions: list[Permission] = Field(default=[], description="what its role may do beyond publishing")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one ``web.yaml``.

        :raises ManifestError: unreadable, not YAML, or a rule broken; a line for each problem.
        """
        declared = read(path)
        try:
            return cls.model_validate(declared)
        except ValidationError as error:
            file = _file(path)
            problems = manifest_text.problems(cls, declared, error)
            raise ManifestError("\n".join(f"{file}: {problem}" for problem in problems)) from error

    def environment(self, names: Names, account: str) -> dict[str, str]:
        """The variables that the function finds its bus, tables and buckets by, as a worker does."""
        found = {"FANOUT_NAMESPACE": names.namespace}
        if self.publishes:
            found["FANOUT_BUS"] = names.bus
        for resource in (resource for permission in self.permissions for resource in permission.resources):
            kind, _, rest = resource.partition(":")
            name = rest.partition("/")[0]
            if kind in ("table", "bucket"):
                value = names.table(name) if kind == "table" else names.bucket(name, account)
                found[f"{kind}_{name}".upper().replace("-", "_")] = value
        return found


def load_all(
    services: Path, workers: Mapping[str, Manifest], *, events: Iterable[str] | None = None
) -> dict[str, WebManifest]:
    """Every web function declared under ``services``, by name, in the order of the names.

    :param workers: of the same folder; they share their names with the web functions, and own what these read.
    :param events: the declared events, ``<source>/<Name>``; None leaves that rule out.
    :raises ManifestError: with the problems of all files at once.
    """
    known = None if events is None else list(events)
    found: dict[str, WebManifest] = {}
    problems: list[str] = []
    folders = {worker_name(path.parent): path.parent for path in services.glob("*/worker.yaml")}
    for path in sorted(services.glob(f"*/{FILE}")):
        name = worker_name(path.parent)
        if path.with_name("worker.yaml").exists():
            problems.append(f"{_file(path)}: stands beside a worker.yaml; give the web function a folder of its own")
            continue
        problems += name_problems(path, folders.get(name))
        folders[name] = path.parent
        try:
            found[name] = declared = WebManifest.load(path)
        except ManifestError as error:
            problems.append(str(error))
        else:
            problems += _problems(_file(path), declared, workers, known)
    if problems:
        raise ManifestError("\n".join(problems))
    return dict(sorted(found.items()))


def _problems(
    file: str, declared: WebManifest, workers: Mapping[str, Manifest], events: list[str] | None
) -> Iterator[str]:
    yield from manifest_rules.unknown_stores(file, declared.permissions, workers)
    if events is not None:
        named = manifest_rules.published(declared.publishes)
        yield from (f"{file}: {problem}" for problem in manifest_rules.unknown_events(named, events))


def _file(path: Path) -> str:
    return f"services/{path.parent.name}/{FILE}"
