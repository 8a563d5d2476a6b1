"""The catalogue: every event with who publishes and takes it, every worker with its limits, DLQ and alarms.

Facts of queues, functions and alarms come from the plan (by way of the topology); what events are and mean, from the
contracts; who takes which of them, from the workers' declarations."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fanout.events.event import Contract, Event
from fanout.events.personal import KEYWORD
from fanout.publish.routes import Routes
from fanout_tools.catalogue.document import (
    Block,
    Code,
    Heading,
    Inline,
    Link,
    Paragraph,
    SchemaLink,
    SchemaText,
    Table,
    Text,
)
from fanout_tools.catalogue.labels import details, words
from fanout_tools.catalogue.topology import EdgeKind, Kind, Node, Topology
from fanout_tools.contracts import snapshots
from fanout_tools.contracts.snapshots import path_of
from fanout_tools.declarations import routing
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.project import project

__all__ = ["Declarations", "Field", "catalogue", "declarations", "fields"]

_BOUNDS: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "over {}",
    "exclusiveMaximum": "under {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
DEEPEST: Final = 4
"""Levels that are told; a schema may contain itself."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field, in words."""

    path: str
    """Such as ``lines[].sku``."""
    pointer: str
    """Where the schema has it (RFC 6901)."""
    type: str
    required: bool
    notes: str
    deprecated: bool


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """Every field of a schema, parents before their children."""
    return list(_fields(schema, schema, "", "", DEEPEST))


def _fields(root: Mapping[str, Any], at: Mapping[str, Any], path: str, pointer: str, depth: int) -> Iterator[Field]:
    required = at.get("required", ())
    for name, declared in at.get("properties", {}).items():
        resolved, place = _resolved(root, declared, f"{pointer}/properties/{_escaped(name)}")
        inner, inner_place, suffix = _innermost(root, resolved, place)
        yield Field(
            path=f"{path}{name}",
            pointer=f"{pointer}/properties/{_escaped(name)}",
            type=_type(root, resolved),
            required=name in required,
            notes=", ".join(_notes({**_mark(inner), **resolved, **declared})),
            deprecated=bool(declared.get("deprecated")),
        )
        if depth > 1:
            yield from _fields(root, inner, f"{path}{name}{suffix}.", inner_place, depth - 1)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _resolved(root: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> tuple[Mapping[str, Any], str]:
    reference = schema.get("$ref", "")
    if not reference.startswith("#/$defs/"):
        return schema, place
    name = reference.removeprefix("#/$defs/")
    return root["$defs"][name], f"/$defs/{name}"


def _innermost(root: Mapping[str, Any], schema: Mapping[str, Any], place: str) -> tuple[Mapping[str, Any], str, str]:
    """What a list holds, or the schema itself; with what to write behind the field's name."""
    if schema.get("type") != "array" or not isinstance(schema.get("items"), Mapping):
        return schema, place, ""
    items, items_place = _resolved(root, schema["items"], f"{place}/items")
    return items, items_place, "[]"


def _type(root: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    schema, _ = _resolved(root, schema, "")
    if "const" in schema:
        return f"always {schema['const']!r}"
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    for combined in ("anyOf", "oneOf"):
        if combined in schema:
            return " or ".join(dict.fromkeys(_type(root, it) for it in schema[combined]))
    if schema.get("type") == "array":
        return f"list of {_type(root, schema.get('items', {}))}"
    if "properties" in schema:
        return str(schema.get("title", "object"))
    return str(schema.get("format") or schema.get("type", "anything"))


def _mark(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a list's items: what they are, the list is."""
    return {KEYWORD: True} if schema.get(KEYWORD) else {}


def _notes(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get(KEYWORD):
        yield "personal"
    if schema.get("description") and "properties" not in schema:
        yield " ".join(str(schema["description"]).split())
    yield from (text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema)
    if schema.get("default") is not None:
        yield f"else {schema['default']!r}"


KIB: Final = 1024
_HERE: Final = Path()


@dataclass(frozen=True, kw_only=True)
class Declarations:
    """What the repository declares."""

    contracts: list[type[Event]]
    manifests: Mapping[str, Manifest]
    web: Mapping[str, WebManifest]
    schemas: Mapping[Contract, Mapping[str, Any]]
    """Of every version that is still read."""

    @property
    def routes(self) -> Routes:
        """What publishers know of the events' ways."""
        return routing.routes([it.contract.identifier for it in self.contracts], self.manifests)


def catalogue(topology: Topology, declared: Declarations) -> Iterator[Block]:
    """The whole document."""
    yield Heading(1, f"Catalogue of {topology.namespace}")
    count = f"{len(declared.contracts)} events and {len(topology.workers)} workers"
    made = "from the environment's plan, the contracts and the workers' declarations. Generated: do not edit."
    yield Paragraph([f"{count}, {made}"])
    yield Heading(2, "Events", "events")
    yield _overview(declared)
    for contract in sorted(declared.contracts, key=lambda it: it.contract):
        yield from _event(topology, declared, contract)
    yield Heading(2, "Workers", "workers")
    for worker in topology.workers:
        yield from _worker(topology, declared.manifests.get(worker), worker)
    yield from _platform(topology)
    for version, schema in sorted(declared.schemas.items()):
        yield SchemaText(_file(version), schema)


def _file(contract: Contract) -> str:
    path = path_of(contract, _HERE)
    return f"{path.parent.name}/{path.name}"


def _event_anchor(identifier: str) -> str:
    return "event-" + "".join(it if it.isalnum() else "-" for it in identifier.lower())


def _worker_anchor(worker: str) -> str:
    return f"worker-{worker}"


def _owner(contract: Contract) -> str:
    return contract.owner or ("AWS" if contract.aws_native else "-")


def _listed(items: Iterable[Inline], nothing: str = "-") -> list[Inline]:
    said: list[Inline] = []
    for item in items:
        said += [", ", item] if said else [item]
    return said or [nothing]


def _producers(declared: Declarations, contract: Contract) -> list[Inline]:
    if contract.aws_native:
        return [f"AWS ({contract.source})"]
    workers = [it for it, manifest in declared.manifests.items() if contract.identifier in manifest.publishes]
    web = [f"{it} (web)" for it, manifest in declared.web.items() if contract.identifier in manifest.publishes]
    return _listed([*(Link(it, _worker_anchor(it)) for it in workers), *web], "applications")


def _subscribers(declared: Declarations, identifier: str) -> Iterator[tuple[str, str]]:
    """The workers that take an event, each with its condition in words."""
    for worker, manifest in declared.manifests.items():
        for subscription in manifest.subscribes:
            if subscription.event in (identifier, "*"):
                yield worker, words(subscription.where)


def _overview(declared: Declarations) -> Table:
    rows: list[list[Text]] = []
    for it in sorted(declared.contracts, key=lambda it: it.contract):
        contract = it.contract
        takers = dict.fromkeys(worker for worker, _ in _subscribers(declared, contract.identifier))
        rows.append(
            [
                [Link(contract.identifier, _event_anchor(contract.identifier))],
                [str(contract.version), *([" (deprecated)"] if contract.deprecated else [])],
                [_owner(contract)],
                _producers(declared, contract),
                _listed(Link(worker, _worker_anchor(worker)) for worker in takers),
            ]
        )
    return Table(["event", "version", "owner", "published by", "taken by"], rows)


def _event(topology: Topology, declared: Declarations, event: type[Event]) -> Iterator[Block]:
    contract = event.contract
    yield Heading(3, contract.identifier, _event_anchor(contract.identifier))
    yield Paragraph([" ".join((event.__doc__ or "").split())])
    if contract.deprecated:
        yield Paragraph([f"Deprecated: {contract.deprecated}"])
    rows: list[list[Text]] = [
        [["owner"], [_owner(contract)]],
        [["published by"], _producers(declared, contract)],
        [["versions"], _listed(_versions(declared, contract))],
        [["size"], [_size(topology, declared, contract)]],
    ]
    yield Table(["", ""], rows)
    yield _takers(topology, declared, contract)
    yield _field_blocks(contract, declared.schemas[contract])


def _versions(declared: Declarations, contract: Contract) -> Iterator[Inline]:
    for version in sorted(declared.schemas):
        if version.identifier == contract.identifier:
            superseded = "" if version.version == contract.version else " (superseded; read through upcasters)"
            yield SchemaLink(f"{version.version}{superseded}", _file(version))


def _size(topology: Topology, declared: Declarations, contract: Contract) -> str:
    limits = [it.max_bytes for it in topology.ways if it.event in (contract.identifier, "*")]
    if not limits:
        return "no worker takes it"
    hop = f"{min(limits) // KIB} KiB on its smallest hop"
    if contract.aws_native:
        return hop
    return f"{hop}; publishers move data over {declared.routes.of(contract.identifier).max_bytes // KIB} KiB to S3"


def _takers(topology: Topology, declared: Declarations, contract: Contract) -> Block:
    ways = {(it.event, it.worker): it for it in topology.ways}
    rows: list[list[Text]] = []
    for worker, condition in _subscribers(declared, contract.identifier):
        way = ways.get((contract.identifier, worker)) or ways.get(("*", worker))
        manifest = declared.manifests[worker]
        proof = "whole" if way and way.whole else "BROKEN: see `make check-plan`"
        rows.append(
            [
                [Link(worker, _worker_anchor(worker))],
                [condition or "every one"],
                [f"by {manifest.via}"],
                [proof],
                [manifest.owner or "-"],
            ]
        )
    if not rows:
        return Paragraph(["Nobody takes it: it ends in the queue of unmatched events."])
    return Table(["taken by", "when", "way", "proof", "owner"], rows)


def _field_blocks(contract: Contract, schema: Mapping[str, Any]) -> Table:
    rows: list[list[Text]] = [
        [
            [SchemaLink(it.path, _file(contract), it.pointer)],
            [it.type],
            ["yes" if it.required else "no"],
            ["deprecated. " if it.deprecated else "", it.notes],
        ]
        for it in fields(schema)
    ]
    return Table(["field", "type", "required", ""], rows)


def _worker(topology: Topology, manifest: Manifest | None, worker: str) -> Iterator[Block]:
    yield Heading(3, worker, _worker_anchor(worker))
    if manifest is not None:
        yield Paragraph([manifest.description])
    rows = [[[name], text] for name, text in _worker_rows(topology, manifest, worker)]
    yield Table(["", ""], rows)


def _worker_rows(topology: Topology, manifest: Manifest | None, worker: str) -> Iterator[tuple[str, Text]]:
    if manifest is not None:
        yield "owner", [manifest.owner or "-"]
        yield "takes", _listed(_taken(manifest))
        yield "publishes", _listed(Link(it, _event_anchor(it)) for it in manifest.publishes)
    for kind in (Kind.QUEUE, Kind.FUNCTION):
        for node in topology.of(worker, kind):
            owned = [it for it in details(node) if not it.startswith("owner")]
            yield str(kind), [Code(node.title), f": {'; '.join(owned)}"]
            yield "alarms", _alarms(node)
    for node in topology.of(worker, Kind.DEAD_LETTER_QUEUE):
        yield "DLQ", [Code(node.title), f": kept {node.facts['retention_days']} days; alarm ", *_alarms(node)]
    if uses := _uses(topology, worker):
        yield "uses", uses


def _taken(manifest: Manifest) -> Iterator[Inline]:
    for subscription in manifest.subscribes:
        condition = words(subscription.where)
        text = f"{subscription.event} where {condition}" if condition else subscription.event
        yield text if subscription.event == "*" else Link(text, _event_anchor(subscription.event))


def _alarms(node: Node) -> list[Inline]:
    return _listed((Code(it) for it in node.alarms), "none")


def _uses(topology: Topology, worker: str) -> list[Inline]:
    own = {it.id for it in topology.of(worker, Kind.FUNCTION)}
    stores = [topology.node(it.target) for it in topology.edges if it.kind is EdgeKind.USE and it.source in own]
    return _listed((f"{' '.join(it.lines)} {it.title}" for it in stores), "") if stores else []


def _platform(topology: Topology) -> Iterator[Block]:
    """Where events end that are no worker's."""
    yield Heading(2, "Queues of the platform's own", "platform")
    rows: list[list[Text]] = [
        [[Code(it.title)], [_holds(it)], [f"{it.facts['retention_days']} days"], _alarms(it)]
        for it in topology.nodes
        if it.kind is Kind.DEAD_LETTER_QUEUE and it.worker is None
    ]
    yield Table(["queue", "holds", "kept", "alarms"], rows)


def _holds(node: Node) -> str:
    if node.title == "unmatched":
        return "events that no worker takes"
    if node.title == "undelivered":
        return "what the bus's own rules could not deliver"
    return f"what could not be delivered to {node.title.removesuffix('-undelivered')}"


def declarations(services: Path, schemas: Path) -> Declarations:
    """Contracts, workers and schemas.

    :raises ContractError: a contract is declared wrongly, or the schema of an older version is missing.
    :raises ManifestError: a worker.yaml or web.yaml is wrong.
    """
    contracts = project().load_contracts()
    events = {it.contract.identifier for it in contracts}
    manifests = load_all(services, events=events)
    return Declarations(
        contracts=contracts,
        manifests=manifests,
        web=web_manifest.load_all(services, manifests, events=events),
        schemas=dict(snapshots.readable(contracts, schemas)),
    )
