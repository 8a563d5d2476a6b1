"""The snippet of docs/powertools.md, run as it stands."""

import re
from pathlib import Path

from .test_powertools import run

DOC = Path(__file__).parents[3] / "docs" / "powertools.md"


def test_the_documents_handler_runs(tmp_path: Path) -> None:
    """GIVEN the first snippet WHEN a batch comes THEN its log line and its metric are there, once."""
    snippet = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), flags=re.S)[0]
    body = snippet.replace("worker = Worker(__file__)\n", "").replace("@worker.handles(OrderPlaced)\n", "")
    imports = "from contracts.orders import OrderPlaced\nfrom fanout import Context\n"
    handler = f"""{body}
def handle(event, context):
    from types import SimpleNamespace
    bill(SimpleNamespace(order_id="o-1"), context)
"""
    lines = run(tmp_path, imports, handler)

    [billed] = [line for line in lines if line.get("message") == "billed"]
    assert billed["order_id"] == "o-1"
    assert billed["event_id"]
    assert [line["OrdersBilled"] for line in lines if "OrdersBilled" in line] == [[1.0]]
