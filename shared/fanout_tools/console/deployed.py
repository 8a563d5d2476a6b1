"""The console as a web function behind the router: whoever has signed in at the load balancer has it in the role of
their groups, and AWS sees their name.

No state is kept that another environment of the function would not have: a form's token follows from a cookie, an
operation is carried on by whoever asks. What a page asks of AWS is asked by a role that is assumed for the person; what
all may see (depths, rates, alarms) is asked once for all who watch, as an observer.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanout import aws
from fanout_tools.console.access import UNTYPED, Access, Role
from fanout_tools.console.app import make
from fanout_tools.console.assumed import Assumed
from fanout_tools.console.console import Console
from fanout_tools.console.guard import SAFE, refused, with_headers
from fanout_tools.console.ledger import Ledger
from fanout_tools.console.looking import Looking, fresh_for
from fanout_tools.console.oidc import HEADER, Balancer, KeysError, StrangerError, keys_of
from fanout_tools.console.people import Person, Settings, UnknownPersonError, person_of, session_name
from fanout_tools.declarations.naming import Names
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.operating import Operating
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.status import Numbers
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.tracing import Tracing
from fanout_tools.project import Project

__all__ = ["COOKIE", "KEPT", "ROOT", "Consoles", "Deployed", "Newest", "app"]

ROOT: Final = Path(__file__).parents[2]
"""The package's."""
COOKIE: Final = "__Host-fanout-console"
"""By its prefix no other host, not even one of the same domain, can set it
(https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes)."""
BROWSER: Final = re.compile(r"[\w-]{32}", re.ASCII)
KEPT: Final = 128
"""Of what is made for a person or a browser: those who came last."""

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Newest(Generic[K, V]):
    """What was made last, by what it was made for."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make
        self._made: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V:
        if key not in self._made:
            self._made[key] = self._make(key)
            if len(self._made) > KEPT:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


class Deployed:
    """The ASGI application.

    :param console_of: a person's console, with the access of one of their browsers.
    """

    def __init__(self, settings: Settings, balancer: Balancer, console_of: Callable[[Person, Access], Console]) -> None:
        self._settings, self._balancer, self._console_of = settings, balancer, console_of
        self._hosts = frozenset({settings.host})
        self._apps = Newest(self._made)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the console does not speak {scope['type']}")
        sending = with_headers(send)
        answer = refused(scope, self._hosts, ("https",)) or await self._stranger(scope)
        if answer is not None:
            await answer(scope, receive, sending)
            return
        browser, known = _browser(scope)
        if not known and scope["method"] in SAFE:
            sending = _with_cookie(sending, browser)
        await self._apps.get((scope["state"][PERSON], browser))(scope, receive, sending)

    async def _stranger(self, scope: Scope) -> Response | None:
        """What answers whoever may not come in; of all others ``state`` has the person."""
        try:
            claims = await run_in_threadpool(self._balancer.claims, Headers(scope=scope).get(HEADER, ""))
            person = person_of(claims, self._settings)
        except StrangerError as error:
            log.warning("console: not let in: %s", error)
            return PlainTextResponse("Sign in: open the console by its own address.", 401)
        except UnknownPersonError as error:
            log.warning("console: no role: %s", error)
            return PlainTextResponse(str(error), 403)
        except KeysError as error:
            log.error("console: %s", error)
            return PlainTextResponse("AWS's public keys cannot be reached: try again.", 503)
        scope.setdefault("state", {})[PERSON] = person
        return None

    def _made(self, key: tuple[Person, str]) -> ASGIApp:
        person, browser = key
        settings = self._settings
        access = Access.of_browser(
            browser,
            person=person.name,
            role=person.role,
            host=settings.host,
            typed=settings.environment not in UNTYPED,
        )
        return make(self._console_of(person, access), guard=lambda app, _: app)


PERSON: Final = "person"


def _browser(scope: Scope) -> tuple[str, bool]:
    """What the browser is told by, and whether it has said so itself."""
    found: SimpleCookie = SimpleCookie()
    try:
        found.load(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        found.clear()
    value = found[COOKIE].value if COOKIE in found else ""
    return (value, True) if BROWSER.fullmatch(value) else (secrets.token_urlsafe(24), False)


def _with_cookie(send: Send, browser: str) -> Send:
    """Lax, as one comes to the page by way of the identity provider; no form of another site carries it."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            cookie = f"{COOKIE}={browser}; Path=/; Secure; HttpOnly; SameSite=Lax"
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return sending


@dataclass(eq=False)
class Consoles:
    """A console for each who comes, over one deployment.

    :ivar sts: with the function's own credentials, which may do no more than assume the three roles.
    """

    settings: Settings
    topology: Topology
    project: Project
    sts: Any = field(repr=False)
    masking: Masking = field(repr=False)
    ledger: Ledger = field(default_factory=Ledger)
    watching: Assumed = field(init=False, repr=False)
    """By whom the looks are that all share."""
    _everybody: Console = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._people = Newest(self._assumed)
        self.watching = Assumed(self.settings.observer.role, "console", self.sts)
        self._looking = Looking(
            self.topology, self.ledger, self.watching.credentials, Numbers(fresh_for(self.topology)[1])
        )
        access = Access(Role.OBSERVER, frozenset(), typed=True)
        self._everybody = self._made(Person("console", Role.OBSERVER), access)

    def __call__(self, person: Person, access: Access) -> Console:
        made = self._made(person, access)
        shared = self._everybody
        made.overview, made.news, made.made = shared.overview, shared.news, shared.made
        return made

    def _assumed(self, person: Person) -> Assumed:
        return Assumed(self.settings.granted(person.role).role, session_name(person.name), self.sts)

    def _made(self, person: Person, access: Access) -> Console:
        client = partial(self._client, self._people.get(person))
        return Console(
            env=self.settings.environment,
            operating=Operating(self.topology, client, said=log.warning),
            look=self._looking.look,
            series=self._looking.series,
            causes=self._looking.causes,
            tracing=Tracing(self.topology, Reading(self.topology, client), self.project.services),
            access=access,
            masking=self.masking,
            folder=self.project.root,
            services=self.project.services,
            ledger=self.ledger,
        )

    def _client(self, assumed: Assumed, service: str) -> Any:
        return self.ledger.watch(assumed.client(service))


def app(contracts: str, root: Path = ROOT) -> Deployed:
    """The console of the package that this is in, by the environment that Terraform gives it.

    :param contracts: the package of the project's contracts.
    """
    settings = Settings.model_validate_json(os.environ["FANOUT_CONSOLE"])
    services, terraform, build = (root / it for it in ("services", "terraform", "build"))
    packed = Project(root, services=services, contracts=root / contracts, terraform=terraform, build=build)
    masking = Masking.by(packed.load_contracts())
    topology = Topology.of(packed, Names.told(os.environ))
    balancer = Balancer(settings.balancer, settings.issuer, settings.client, keys_of(settings.keys))
    return Deployed(settings, balancer, Consoles(settings, topology, packed, aws.client("sts"), masking))
