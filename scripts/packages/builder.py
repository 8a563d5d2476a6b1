"""Put the packages of one target together."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fanout import manifest, routing
from scripts.packages import archive, layers, relay, targets, workers

__all__ = ["Package", "build"]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that is up to date."""

    path: Path
    built: bool
    """False when it was as it should be already."""


def build(repository: Path, target_name: str, out: Path) -> Iterator[Package]:
    """Bring every package of the target up to date under ``out``, telling each as it is done.

    :param target_name: ``local`` or ``aws``.
    :raises PackageError: a layer cannot be built.
    :raises fanout.errors.ManifestError: a worker.yaml is wrong.
    """
    services = repository / "services"
    manifests = manifest.load_all(services)
    folders = {manifest.worker_name(file.parent): file.parent for file in services.glob("*/worker.yaml")}
    wanted = {name: declared.function.architecture for name, declared in manifests.items()}
    target = targets.local() if target_name == "local" else targets.aws(wanted.values())
    out.mkdir(parents=True, exist_ok=True)
    constraints = repository / "constraints.txt"
    for architecture in target.architectures:
        path = out / f"dependencies-{architecture}.zip"
        yield Package(path=path, built=layers.build(path, _dependencies(repository), constraints, target, architecture))
    for name, declared in manifests.items():
        path = out / "workers" / f"{name}.zip"
        routes = routing.routes(declared.publishes, manifests)
        archive.write(path, workers.entries(repository, folders[name], routes))
        yield Package(path=path, built=True)
        if needed := workers.requirements(folders[name]):
            path = out / "layers" / f"{name}.zip"
            architecture = target.architectures[0] if target.native else wanted[name]
            yield Package(path=path, built=layers.build(path, needed, constraints, target, architecture))
    if events := {event for declared in manifests.values() if declared.outbox for event in declared.publishes}:
        path = out / "outbox-relay.zip"
        archive.write(path, relay.entries(repository, routing.routes(events, manifests)))
        yield Package(path=path, built=True)
    # Last, so that Terraform does not take a half-built directory for a whole one.
    (out / "target.json").write_text(target.description(), encoding="utf-8")


def _dependencies(repository: Path) -> list[str]:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])
