"""A trace as one HTML file, to attach to an incident: without scripts, and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from fanout_tools.operate.views import tree
from fanout_tools.operate.views.trace import Branch, Node, Trace
from fanout_tools.operate.views.why import Fate

__all__ = ["page"]

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; vertical-align: top }
th { font-weight: 600 }
tr.event td { background: #f4f4f4; font-weight: 600 }
.time { position: relative; min-width: 14rem; height: 1.2rem }
.time i { position: absolute; top: .35rem; height: .6rem }
.wait { background: #bbb }
.work { background: #2a6fb0 }
.handled { color: #1b6e2d }
.bad { color: #a3141a; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e6e6e6 }
  tr.event td { background: #262626 }
  th, td { border-color: #3a3a3a }
  .handled { color: #6fcf87 }
  .bad { color: #ff8a80 }
}
"""


def page(trace: Trace, *, now: float) -> str:
    """The file's text.

    :param now: when the trace was made, in seconds since 1970.
    """
    began, ended = _span(trace)
    rows = "\n".join(row for root in trace.roots for row in _rows(root, 0, began, max(ended - began, 0.001)))
    title = ", ".join(f"{root.event or 'event'} {root.event_id}" for root in trace.roots)
    made = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><h1>{escape(title)}</h1>
<p>{escape(tree.summary(trace))}. Made {made}. Grey: waiting in the queue; blue: the handler; the whole width is
{ended - began:.1f} s.</p>
<table><thead><tr><th>Event, worker</th><th>Fate</th><th>Time</th><th>Handler</th><th>Reason</th></tr></thead>
<tbody>
{rows}
</tbody></table></body></html>
"""


def _span(trace: Trace) -> tuple[float, float]:
    """When the first thing began and the last one ended, in seconds since 1970."""
    times = [node.published_at for node in trace.nodes() if node.published_at]
    times += [branch.ended_at for _, branch in trace.branches() if branch.ended_at]
    return (min(times), max(times)) if times else (0.0, 0.0)


def _rows(node: Node, depth: int, began: float, width: float) -> Iterator[str]:
    name = escape(node.event or "an event of which only the id is known")
    subject = f" {escape(node.subject)}" if node.subject else ""
    yield f'<tr class="event"><td style="padding-left:{depth}em" colspan="5">{name}{subject} '
    yield f"<code>{escape(node.event_id)}</code></td></tr>"
    for branch in node.branches:
        yield _row(branch, depth + 1, began, width)
        for child in branch.children:
            yield from _rows(child, depth + 2, began, width)
    for execution in node.executions:
        yield f'<tr><td style="padding-left:{depth + 1}em">workflow {escape(execution.workflow)}</td>'
        yield f"<td>{escape(execution.status.lower())}</td><td></td><td></td><td></td></tr>"


def _row(branch: Branch, depth: int, began: float, width: float) -> str:
    fate = branch.reason.fate
    kind = "bad" if fate.bad else "handled" if fate is Fate.HANDLED else ""
    took = [f"{hop.took_ms / 1000:.3f} s" for hop in branch.tries if hop.took_ms is not None]
    gathers = [f"gathers {g.into}: {g.done} of {g.total} parts" for g in branch.gathers]
    text = "; ".join([*filter(None, [branch.reason.text]), *gathers])
    return (
        f'<tr><td style="padding-left:{depth}em">{escape(branch.worker)}</td><td class="{kind}">{fate.value}</td>'
        f'<td class="time">{"".join(_bars(branch, began, width))}</td><td>{", ".join(took)}</td>'
        f"<td>{escape(text)}</td></tr>"
    )


def _bars(branch: Branch, began: float, width: float) -> Iterator[str]:
    for hop in branch.tries:
        if hop.sent_ms is not None:
            yield _bar("wait", hop.sent_ms / 1000, hop.started_ms / 1000, began, width)
        yield _bar("work", hop.started_ms / 1000, hop.ended_ms / 1000, began, width)
    if not branch.tries and branch.ended_at is not None:
        yield _bar("work", branch.ended_at, branch.ended_at, began, width)


def _bar(kind: str, start: float, end: float, began: float, width: float) -> str:
    left = min(100.0, max(0.0, (start - began) / width * 100))
    size = min(100.0 - left, max(0.4, (end - start) / width * 100))
    return f'<i class="{kind}" style="left:{left:.2f}%;width:{size:.2f}%"></i>'
