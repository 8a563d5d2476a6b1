"""Web functions in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fanout_tools.dev.code import BrokenError, Changes, Code, Watcher
from fanout_tools.dev.local import Local
from fanout_tools.dev.web import LocalWeb, environment_of, serving_web, webs_of
from fanout_tools.project import Project

DECLARED = """
description: Take orders
publishes: [dev.orders/Ordered]
permissions:
  - actions: [dynamodb:GetItem]
    resources: [table:things]
"""

APP_PY = """
from fanout_router.adapter import serve


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = (await receive())["body"]
    said = b" ".join([scope["method"].encode(), scope["path"].encode(), scope["query_string"], body])
    headers = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": said})


handler = serve(app)
"""


@pytest.fixture
def web(project: Project) -> Iterator[LocalWeb]:
    folder = project.services / "desk"
    folder.mkdir()
    (folder / "web.yaml").write_text(DECLARED, encoding="utf-8")
    (folder / "handler.py").write_text(APP_PY, encoding="utf-8")
    [found] = webs_of(project.services)
    yield found
    found.close()


@pytest.fixture
def code(project: Project) -> Code:
    return Code(project.services, project.contracts)


def ask(web: LocalWeb, method: str, path: str, **more: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **more)

    return asyncio.run(asked())


def test_a_request_reaches_the_app_as_a_function_url_brings_it(web: LocalWeb, code: Code) -> None:
    web.load(code)
    answer = ask(web, "POST", "/orders/ä?q=1", content=b"\x00body")
    assert answer.status_code == 201
    assert answer.content == "POST /orders/ä q=1 \x00body".encode()
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_saved_code_answers_from_then_on_and_broken_code_says_so(web: LocalWeb, code: Code, project: Project) -> None:
    web.load(code)
    watcher = Watcher(project.services, project.contracts)
    handler = web.folder / "handler.py"
    handler.write_text(APP_PY.replace("201", "202"), encoding="utf-8")
    assert watcher.changes() == Changes(frozenset({"desk"}))
    web.load(code)
    assert ask(web, "GET", "/").status_code == 202
    handler.write_text("handler = 1\n", encoding="utf-8")
    with pytest.raises(BrokenError, match="has no `handler"):
        web.load(code)
    answer = ask(web, "GET", "/")
    assert (answer.status_code, "has no `handler" in answer.text) == (500, True)


def test_it_finds_its_bus_and_tables(web: LocalWeb, local: Local) -> None:
    found = environment_of([web], local.topology)
    assert found["FANOUT_BUS"] == "devtest-local"
    assert found["TABLE_THINGS"] == "devtest-local-things"


def test_each_is_served_on_the_loopback_address(web: LocalWeb, code: Code) -> None:
    web.load(code)
    with serving_web([web], 0) as [(name, url)]:
        assert name == "desk"
        assert httpx.get(url).status_code == 201
