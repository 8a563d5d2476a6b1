"""What is drawn of a plan: nodes with their facts and alarms, and the lines between them."""

from collections.abc import Mapping

from fanout_tools.catalogue.topology import Edge, EdgeKind, Fact, Kind, Layer, Node
from fanout_tools.declarations.naming import Names
from fanout_tools.plans import Resource

__all__ = ["Canvas", "Watched"]

Watched = tuple[str, str]


class Canvas:
    """What has been found so far.

    :param alarms: by the dimension and name that they watch.
    """

    def __init__(self, names: Names, alarms: Mapping[Watched, tuple[str, ...]]) -> None:
        self.names = names
        self._alarms = alarms
        self._nodes: dict[str, Node] = {}
        self._ids: dict[str, str] = {}
        self._edges: dict[Edge, None] = {}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """In an order that the plan's own has no part in."""
        return tuple(sorted(self._nodes.values(), key=lambda it: (it.layer, it.id)))

    @property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(sorted(self._edges, key=lambda it: (it.kind, it.source, it.target)))

    def short(self, name: str) -> str:
        """A name without the namespace that all have in front."""
        return name.removeprefix(f"{self.names.namespace}-")

    def add(
        self,
        resource: Resource,
        kind: Kind,
        layer: Layer,
        name: str,
        *,
        watched: Watched | None = None,
        lines: tuple[str, ...] = (),
        worker: str | None = None,
        facts: Mapping[str, Fact] | None = None,
    ) -> None:
        """Draw a resource under its name. One that several workers use is nobody's."""
        title = self.short(name)
        identifier = f"{kind}/{title}"
        self._ids[resource.address] = identifier
        if resource.arn:
            self._ids[resource.arn] = identifier
        if identifier in self._nodes and self._nodes[identifier].worker != worker:
            worker = None
        alarms = self._alarms.get(watched, ()) if watched else ()
        self.put(
            Node(
                id=identifier,
                kind=kind,
                layer=layer,
                title=title,
                lines=lines,
                alarms=alarms,
                worker=worker,
                facts=facts or {},
            )
        )

    def put(self, node: Node) -> None:
        """Draw what is no resource of its own."""
        self._nodes[node.id] = node

    def has(self, resource: Resource) -> bool:
        return resource.address in self._ids

    def at(self, arn: str | None) -> str | None:
        """The id of the node with this ARN."""
        return self._ids.get(arn or "")

    def worker_of(self, identifier: str) -> str | None:
        return self._nodes[identifier].worker

    def connect(self, source: Resource | str, target: Resource | str, kind: EdgeKind = EdgeKind.EVENT) -> None:
        """Draw a line between two that are drawn, or will be."""
        ends = [it if isinstance(it, str) else self._ids.get(it.address) for it in (source, target)]
        if ends[0] and ends[1]:
            self._edges[Edge(source=ends[0], target=ends[1], kind=kind)] = None
