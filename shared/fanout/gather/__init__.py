"""Scatter and gather: one event becomes many parts, and their results become one event again.

    @worker.handles(SalesReportRequested)
    def split(request, context):
        context.scatter(chunks, into=SalesSummarised, deadline=timedelta(minutes=5))

    @worker.handles_part(SalesChunked)
    def total(chunk, context) -> dict: ...            # what it returns is the part's result

    @worker.gathers(SalesSummarised)
    def summarise(request, gathered) -> SalesSummarised: ...

The modules: what a gather is and decides, without I/O (``state``); where it is kept (``store``, ``memory``,
``dynamodb``); how it is woken (``timers``); the order of the steps (``engine``).
"""

from fanout.gather.state import AggregateResult, Part, ScatterGather
from fanout.gather.store import GatherStore

__all__ = ["AggregateResult", "GatherStore", "Part", "ScatterGather"]
