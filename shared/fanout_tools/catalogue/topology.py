"""What the picture shows and the catalogue tells: nodes in layers, edges between them, and each event's way.

It is a value of its own, kept as JSON (docs/reference/topology.json), so that the documents can be drawn again, and be
proven current, without a plan.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

__all__ = ["Edge", "EdgeKind", "Kind", "Layer", "Node", "Topology", "Way"]

Fact = str | int | bool | None


class Layer(IntEnum):
    """The columns of the picture, in the order in which an event passes them."""

    ENTRY = 0
    SOURCE = 1
    BUS = 2
    RULE = 3
    TOPIC = 4
    QUEUE = 5
    FUNCTION = 6
    STORE = 7


class Kind(StrEnum):
    """What a node is, which decides how it is drawn."""

    SERVICE = "service"
    """A load balancer or an ECS service."""
    PUBLISHER = "publisher"
    SCHEDULE = "schedule"
    EXTERNAL_QUEUE = "external-queue"
    """Of others, from which a pipe takes."""
    BUS = "bus"
    RULE = "rule"
    TOPIC = "topic"
    QUEUE = "queue"
    DEAD_LETTER_QUEUE = "dead-letter queue"
    FUNCTION = "function"
    STORE = "store"
    WORKFLOW = "workflow"


class EdgeKind(StrEnum):
    EVENT = "event"
    """What is drawn as the way."""
    FAILURE = "failure"
    """Where an event ends when the hop fails."""
    USE = "use"
    """A function's calls beyond the platform's own."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One box."""

    id: str
    kind: Kind
    layer: Layer
    title: str
    lines: tuple[str, ...] = ()
    """What stands under the title."""
    alarms: tuple[str, ...] = ()
    """The names of the alarms that watch it."""
    worker: str | None = None
    """Whose it is: nodes of a worker stand beside each other."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Limits and settings as the plan has them; a key's unit is its suffix."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """One line."""

    source: str
    target: str
    kind: EdgeKind = EdgeKind.EVENT


@dataclass(frozen=True, kw_only=True)
class Way:
    """An event's way to a worker."""

    event: str
    """``<source>/<Name>``, or ``*``."""
    worker: str
    via: str
    """``topic`` or ``bus``."""
    max_bytes: int
    """The largest event that every hop carries."""
    whole: bool
    """Whether the plan has all of it."""


@dataclass(frozen=True, kw_only=True)
class Topology:
    """All of one environment."""

    namespace: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    ways: tuple[Way, ...]

    def node(self, identifier: str) -> Node:
        """The node with this id.

        :raises KeyError: there is none.
        """
        return self._nodes()[identifier]

    def of(self, worker: str, kind: Kind) -> list[Node]:
        """A worker's nodes of one kind."""
        return [it for it in self.nodes if it.worker == worker and it.kind is kind]

    @property
    def workers(self) -> list[str]:
        """Whose functions there are, by name."""
        return sorted({it.worker for it in self.nodes if it.worker and it.kind is Kind.FUNCTION})

    def _nodes(self) -> dict[str, Node]:
        return {it.id: it for it in self.nodes}

    def to_json(self) -> str:
        """All of it, as text that changes only where the topology does."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Topology":
        """The topology in such a text."""
        read: dict[str, Any] = json.loads(text)
        return cls(
            namespace=read["namespace"],
            nodes=tuple(_node(it) for it in read["nodes"]),
            edges=tuple(Edge(**{**it, "kind": EdgeKind(it["kind"])}) for it in read["edges"]),
            ways=tuple(Way(**it) for it in read["ways"]),
        )


def _node(read: dict[str, Any]) -> Node:
    return Node(
        **{
            **read,
            "kind": Kind(read["kind"]),
            "layer": Layer(read["layer"]),
            "lines": tuple(read["lines"]),
            "alarms": tuple(read["alarms"]),
        }
    )
