"""``/``: the order form, and the workers' progress as it happens."""

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.storefront.catalogue import CATALOGUE, CURRENCY
from services.storefront.progress import LOYALTY_ABOVE

__all__ = ["show"]

# All that the page needs is the shop's own; its icon is empty, so that none is asked for.
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


async def show(_: Request) -> Response:
    """``GET /``."""
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    return HTMLResponse(_page(), headers=headers)


@cache
def _page() -> str:
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    options = (
        f'<option value="{escape(article.sku)}">{escape(article.title)}, {article.price} {CURRENCY}</option>'
        for article in CATALOGUE.values()
    )
    return template.substitute(articles="\n              ".join(options), loyalty=LOYALTY_ABOVE, currency=CURRENCY)
