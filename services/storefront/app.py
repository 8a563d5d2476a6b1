"""The shop on the web: orders in, what the workers do for them out; and large bodies both ways.

A web function, not a worker: it has a ``web.yaml``, no queue, and runs on the router. Locally::

    fanout-router run services.storefront.app:app
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services.storefront import files, orders, page, problems
from services.storefront.shop import Shop
from services.storefront.strangers import Watchers

__all__ = ["app", "create_app"]

STATIC = Path(__file__).with_name("static")


def create_app(connect: Callable[[], Shop] = Shop.connect) -> Starlette:
    """The app.

    :param connect: makes the shop at startup, out of the environment unless told otherwise.
    """
    application = Starlette(
        routes=[
            Route("/", page.show),
            Route("/orders", orders.place, methods=["POST"]),
            Route("/orders/{order_id}", orders.show),
            Route("/orders/{order_id}/events", orders.watch),
            Route("/files", files.upload, methods=["POST"]),
            Route("/files/sample", files.download),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers=problems.HANDLERS,
        lifespan=_lifespan(connect),
    )
    application.state.watchers = Watchers()
    return application


def _lifespan(
    connect: Callable[[], Shop],
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(application: Starlette) -> AsyncIterator[None]:
        application.state.shop = shop = connect()
        yield
        await shop.close()

    return run


app = create_app()
