"""A trace as lines of text, for a terminal and for a message to a colleague."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from fanout_tools.operate.views.trace import Branch, Node, Trace
from fanout_tools.operate.views.why import Fate

__all__ = ["Line", "lines", "summary"]

Line = tuple[str, Fate | None]
"""The text, and the fate that gives it its colour."""


def lines(trace: Trace) -> Iterator[Line]:
    """Every event and every worker, one line each; times are since the root was published."""
    for root in trace.roots:
        yield _head(root), None
        yield from _branches(root, "", root.published_at)


def summary(trace: Trace) -> str:
    """How many have had the event, and how many not, by fate."""
    counts: Mapping[Fate, int] = trace.count()
    total = sum(counts.values())
    others = [f"{number} {fate.value}" for fate, number in counts.items() if fate is not Fate.HANDLED]
    return "; ".join([f"{counts.get(Fate.HANDLED, 0)} of {total} handled", *others])


def _head(node: Node) -> str:
    parts = [node.event or "an event of which only the id is known", node.event_id]
    parts += [node.subject] if node.subject else []
    parts += [f"published {_moment(node.published_at)}"] if node.published_at else []
    if node.correlation_id and node.correlation_id != node.event_id:
        parts.append(f"correlation {node.correlation_id}")
    if node.outbox is not None and not node.outbox.relayed:
        parts.append(f"refused by the bus: {node.outbox.refused}" if node.outbox.refused else "still in the outbox")
    return "  ".join(parts)


def _branches(node: Node, indent: str, began: float | None) -> Iterator[Line]:
    last = len(node.branches) + len(node.executions) - 1
    for index, branch in enumerate(node.branches):
        end = index == last
        yield f"{indent}{'└─' if end else '├─'} {_of_worker(branch, began)}", branch.reason.fate
        inner = f"{indent}{'   ' if end else '│  '}"
        for gather in branch.gathers:
            state = "closed" if gather.closed else f"open until {_moment(gather.due_at)}"
            yield f"{inner}   gathers {gather.into}: {gather.done} of {gather.total} parts, {state}", None
        for number, child in enumerate(branch.children, 1):
            deep = number == len(branch.children)
            yield f"{inner}{'└─' if deep else '├─'} {_head_of_child(child)}", None
            yield from _branches(child, f"{inner}{'   ' if deep else '│  '}", began)
    for index, execution in enumerate(node.executions, len(node.branches)):
        took = f"  {execution.ended_at - execution.started_at:.1f} s" if execution.ended_at else ""
        corner = "└─" if index == last else "├─"
        yield f"{indent}{corner} workflow {execution.workflow}  {execution.status.lower()}{took}", None


def _head_of_child(node: Node) -> str:
    outbox = "" if node.outbox is None or node.outbox.relayed else "  still in the outbox"
    return f"{node.event or 'an event of which only the id is known'}  {node.event_id}{outbox}"


def _of_worker(branch: Branch, began: float | None) -> str:
    reason, parts = branch.reason, [f"{branch.worker:<16}", branch.reason.fate.value]
    if branch.ended_at is not None and began is not None:
        parts.append(f"+{max(0.0, branch.ended_at - began):.1f} s")
    if branch.wait_s is not None:
        parts.append(f"waited {branch.wait_s:.1f} s")
    if branch.tries and branch.tries[-1].took_ms is not None:
        parts.append(f"handler {branch.tries[-1].took_ms / 1000:.3f} s")
    if len(branch.tries) > 1:
        parts.append(f"{len(branch.tries)} deliveries")
    if reason.text:
        parts.append(reason.text)
    return "  ".join(parts)


def _moment(s: float) -> str:
    return datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%d %H:%M:%S")
