"""Put the packages of one target together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fanout_tools import sbom
from fanout_tools.declarations import routing
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations import worker as manifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.deploy.packages import archive, functions, layers, sources, targets
from fanout_tools.deploy.packages.targets import Target
from fanout_tools.project import Project

__all__ = ["Package", "build"]


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package that is up to date."""

    path: Path
    built: bool
    """False when it was as it should be already."""


def build(of: Project, target_name: str, out: Path) -> Iterator[Package]:
    """Bring every package of the target up to date under ``out``, telling each as it is done.

    :param target_name: ``local`` or ``aws``.
    :raises PackageError: a layer cannot be built.
    :raises fanout.errors.ManifestError: a worker.yaml or web.yaml is wrong.
    """
    manifests = manifest.load_all(of.services)
    webs = web_manifest.load_all(of.services, manifests)
    wanted: dict[str, str] = {name: declared.function.architecture for name, declared in manifests.items()}
    wanted |= {name: declared.function.architecture for name, declared in webs.items()}
    target = targets.local() if target_name == "local" else targets.aws(wanted.values())
    digests = sources.digests(of, out)  # before they are read: what changes meanwhile is to be noticed
    made: set[Path] = set()
    for package in chain(_layers(of, target, wanted, out), _functions(of, manifests, out)):
        made |= {package.path, sbom.write(package.path, out)}
        yield package
    _remove_others(out, made)
    # Last, so that Terraform does not take a directory for whole before it is.
    (out / "target.json").write_text(target.description(digests), encoding="utf-8")


def _layers(of: Project, target: Target, wanted: Mapping[str, str], out: Path) -> Iterator[Package]:
    constraints = layers.constraints(of.root / "constraints.txt", out)
    for architecture in target.architectures:
        path = out / f"dependencies-{architecture}.zip"
        yield Package(
            path=path, built=layers.build(path, functions.fanout_requirements(), constraints, target, architecture)
        )
    own = {folder: functions.worker_requirements(folder) for folder in _folders(of)}
    own |= {folder: functions.web_requirements(folder) for folder in _folders(of, "web.yaml")}
    own_by_name = {manifest.worker_name(folder): needed for folder, needed in own.items()}
    if of.has_console:
        own_by_name["console"] = [*functions.CONSOLE_REQUIREMENTS, *functions.fanout_requirements("adapter")]
    for name, needed in own_by_name.items():
        if needed:
            path = out / "layers" / f"{name}.zip"
            architecture = target.architectures[0] if target.native else wanted.get(name, target.architectures[0])
            yield Package(path=path, built=layers.build(path, needed, constraints, target, architecture))


def _functions(of: Project, manifests: Mapping[str, Manifest], out: Path) -> Iterator[Package]:
    for folder in _folders(of):
        name = manifest.worker_name(folder)
        routes = routing.routes(manifests[name].publishes, manifests)
        path = out / "workers" / f"{name}.zip"
        yield Package(path=path, built=archive.write(path, functions.worker_entries(of, folder, routes)))
    for folder in _folders(of, "web.yaml"):
        path = out / "web" / f"{manifest.worker_name(folder)}.zip"
        yield Package(path=path, built=archive.write(path, functions.web_entries(of, folder)))
    if events := {event for declared in manifests.values() if declared.outbox for event in declared.publishes}:
        path = out / "outbox-relay.zip"
        entries = functions.relay_entries(routing.routes(events, manifests))
        yield Package(path=path, built=archive.write(path, entries))
    if manifests:
        path = out / "canary.zip"
        yield Package(path=path, built=archive.write(path, functions.canary_entries(of)))
    if of.has_console:
        path = out / "console.zip"
        yield Package(path=path, built=archive.write(path, functions.console_entries(of)))
    path = out / "span-forwarder.zip"
    yield Package(path=path, built=archive.write(path, functions.core()))


def _folders(of: Project, declaration: str = "worker.yaml") -> list[Path]:
    return sorted(file.parent for file in of.services.glob(f"*/{declaration}"))


def _remove_others(out: Path, made: set[Path]) -> None:
    """Take away what an earlier build made for workers, layers or architectures that are no more."""
    for old in [it for ending in (".zip", sbom.SUFFIX) for it in (*out.glob(f"*{ending}"), *out.glob(f"*/*{ending}"))]:
        if old not in made:
            old.unlink()
