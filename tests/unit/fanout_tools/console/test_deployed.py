"""The console behind the load balancer: who comes in, as whom, and what AWS is told of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from fanout_tools.console.access import Access, Role
from fanout_tools.console.app import ENTRIES
from fanout_tools.console.assumed import Assumed
from fanout_tools.console.console import Console
from fanout_tools.console.deployed import COOKIE, KEPT, Consoles, Deployed, Newest
from fanout_tools.console.guard import HEADERS
from fanout_tools.console.oidc import HEADER, Balancer, KeysError
from fanout_tools.console.people import Person
from fanout_tools.operate.masking import NOTHING
from fanout_tools.project import Project
from tests.console.balancer import ARN, CLIENT, HOST, ISSUER, SETTINGS, FakeBalancer
from tests.console.world import Shop, console

GROUPS = {Role.OBSERVER: "staff", Role.INVESTIGATOR: "support", Role.OPERATOR: "on-call"}


@dataclass
class Site:
    """The console as it is deployed, asked by browsers whose people have signed in."""

    shop: Shop
    balancer: FakeBalancer = field(default_factory=FakeBalancer)
    came: list[tuple[Person, Console]] = field(default_factory=list)
    trusted: Balancer | None = None

    def __post_init__(self) -> None:
        self.app = Deployed(SETTINGS, self.trusted or self.balancer.trusted, self._console)

    def _console(self, person: Person, access: Access) -> Console:
        made = console(self.shop, access=access)
        self.came.append((person, made))
        return made

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(asked())


@dataclass
class Visitor:
    """A person's browser, which has a cookie after its first page."""

    site: Site
    groups: list[str]
    email: str = "ann@example.org"
    cookie: str = ""

    def headers(self) -> dict[str, str]:
        token = self.site.balancer.token({"email": self.email, "groups": self.groups})
        return {HEADER: token, **({"cookie": self.cookie} if self.cookie else {})}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        answer = self.site.ask("GET", path, {**self.headers(), **(headers or {})})
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def send(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        usual = {"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}
        return self.site.ask("POST", path, {**self.headers(), **usual, **headers}, data=dict(fields))

    def token_of(self, page: str, action: str) -> str:
        """Of a form on the page."""
        found = re.search(rf'action="{action}"[^>]*>\s*<input[^>]*name="form_token" value="([0-9a-f]+)"', page)
        assert found
        return found[1]


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    made.dead_letter(0)
    return made


@pytest.fixture
def site(shop: Shop) -> Site:
    return Site(shop)


@pytest.fixture
def operator(site: Site) -> Visitor:
    return Visitor(site, ["on-call"])


def test_who_has_signed_in_sees_the_overview_under_their_name(site: Site, operator: Visitor) -> None:
    answer = operator.get("/")
    assert answer.status_code == 200
    assert "operator · ann@example.org" in answer.text
    assert HEADERS.items() <= dict(answer.headers).items()
    for attribute in (f"{COOKIE}=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"):
        assert attribute in answer.headers["set-cookie"]
    assert "Domain" not in answer.headers["set-cookie"]
    assert "set-cookie" not in operator.get("/o").headers


@pytest.mark.parametrize("path", ["/", "/static/console.css", "/o", "/nowhere", "/?token=x"])
def test_a_client_that_comes_straight_to_the_router_gets_nothing(site: Site, path: str) -> None:
    """GIVEN requests that the load balancer has not seen WHEN they bring no header, an invented one, or one that
    somebody else's load balancer has signed THEN none is answered."""
    claims = {"email": "eve@example.org", "groups": ["on-call"]}
    other = FakeBalancer()
    invented = (
        "",
        "eve@example.org",
        other.token(claims),
        other.token(claims, head={"signer": ARN.replace("prod", "evil")}),
        site.balancer.token(claims, head={"alg": "none"}),
        site.balancer.token(claims, head={"exp": 1_600_000_000}),
    )
    assert site.ask("GET", path).status_code == 401
    for token in invented:
        headers = {HEADER: token, "x-amzn-oidc-identity": "ann@example.org", "x-amzn-oidc-accesstoken": token}
        answer = site.ask("GET", path, headers)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert site.came == []


def test_an_answer_does_not_tell_what_is_wrong_with_a_token(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    told = {site.ask("GET", "/", {HEADER: it}).text for it in ("", "a.b.c", FakeBalancer().token({}))}
    assert len(told) == 1
    assert "not signed by the load balancer" in caplog.text


def test_two_headers_are_no_more_than_the_first(site: Site, operator: Visitor) -> None:
    """GIVEN a client's header beside the load balancer's WHEN both arrive THEN an invented one opens nothing."""
    forged = FakeBalancer().token({"email": "eve@example.org", "groups": ["on-call"]})

    async def asked() -> int:
        transport = httpx.ASGITransport(site.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            good = operator.headers()[HEADER]
            return (await client.get("/", headers=[(HEADER, forged), (HEADER, good)])).status_code

    assert asyncio.run(asked()) == 401


@pytest.mark.parametrize("groups", [[], ["strangers"]])
def test_who_is_in_no_group_is_told_so(site: Site, groups: list[str]) -> None:
    answer = Visitor(site, groups).get("/")
    assert answer.status_code == 403
    assert "ann@example.org: you are in no group" in answer.text
    assert site.came == []


def test_a_key_that_cannot_be_had_lets_nobody_in(shop: Shop) -> None:
    def absent(_: str) -> EllipticCurvePublicKey:
        raise KeysError("no route")

    site = Site(shop, trusted=Balancer(ARN, ISSUER, CLIENT, absent, clock=lambda: 1_700_000_000.0))
    assert Visitor(site, ["on-call"]).get("/").status_code == 503


@pytest.mark.parametrize("role", list(Role), ids=str)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda it: f"{it.method} {it.path}")
def test_every_route_asks_for_its_role(site: Site, role: Role, entry: Any) -> None:
    """GIVEN a person of each role WHEN any route is asked for THEN 403 is what a lower role gets, and only that."""
    visitor = Visitor(site, [GROUPS[role]])
    path = re.sub(r"{[a-z:]+}", "inventory", entry.path)
    answer = visitor.get(path) if entry.method == "GET" else visitor.send(path, {})
    assert (answer.status_code == 403) is (role < entry.role)
    if answer.status_code == 403:
        assert f"needs the role {entry.role}; yours is {role}" in re.sub(r"&[a-z#0-9]+;", "", answer.text)
        assert "allow-changes" not in answer.text


def test_an_operator_changes_with_a_form_of_their_own(operator: Visitor) -> None:
    page = operator.get("/w/inventory").text
    token = operator.token_of(page, "/w/inventory/pause")
    assert operator.send("/w/inventory/pause", {"form_token": token, "for": "1h"}).status_code == 200


def test_any_process_knows_the_forms_of_another(shop: Shop, site: Site, operator: Visitor) -> None:
    """GIVEN a form of one environment of the function WHEN another gets it THEN it is as good there."""
    token = operator.token_of(operator.get("/w/inventory").text, "/w/inventory/pause")
    elsewhere = Visitor(Site(shop, site.balancer), ["on-call"], cookie=operator.cookie)
    assert elsewhere.send("/w/inventory/pause", {"form_token": token, "for": "1h"}).status_code == 200


def test_a_form_is_of_one_browser_one_person_and_one_address(site: Site, operator: Visitor) -> None:
    token = operator.token_of(operator.get("/w/inventory").text, "/w/inventory/pause")
    fields = {"form_token": token, "for": "1h"}
    other_browser, other_person = Visitor(site, ["on-call"]), Visitor(site, ["on-call"], "bob@example.org")
    other_browser.get("/")
    other_person.cookie = operator.cookie
    for visitor in (other_browser, other_person, Visitor(site, ["on-call"])):
        assert visitor.send("/w/inventory/pause", fields).status_code == 400
    assert operator.send("/w/inventory/resume", fields).status_code == 400
    assert operator.send("/w/inventory/pause", {"for": "1h"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": f"http://{HOST}"},
        {"origin": f"https://{HOST}.evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_send_a_form(operator: Visitor, headers: dict[str, str]) -> None:
    token = operator.token_of(operator.get("/w/inventory").text, "/w/inventory/pause")
    assert operator.send("/w/inventory/pause", {"form_token": token, "for": "1h"}, **headers).status_code == 403


@pytest.mark.parametrize("host", ["shop.example.org", f"{HOST}:443", f"{HOST}.", "127.0.0.1", ""])
def test_another_host_is_refused_before_anything_is_read(site: Site, operator: Visitor, host: str) -> None:
    assert operator.get("/", {"host": host}).status_code == 421
    assert site.balancer.asked == []


@pytest.mark.parametrize("cookie", [f"{COOKIE}=short", "\x7f=;;", f"{COOKIE}={'.' * 32}"])
def test_a_cookie_that_is_none_of_ours_is_replaced(operator: Visitor, cookie: str) -> None:
    assert "set-cookie" in operator.get("/", {"cookie": cookie}).headers


def test_pages_are_polled_and_told_once(operator: Visitor) -> None:
    """GIVEN the overview's part WHEN nothing has changed THEN the answer to its tag is 304, and nothing streams."""
    operator.get("/")
    part = operator.get("/", {"hx-request": "true"})
    again = operator.get("/", {"hx-request": "true", "if-none-match": part.headers["etag"]})
    assert (part.status_code, again.status_code) == (200, 304)
    assert "event-stream" not in part.headers["content-type"]


def test_of_what_is_made_for_people_the_newest_is_kept() -> None:
    """GIVEN more people than are kept WHEN one of the first keeps coming THEN theirs stays, and others' are made
    anew."""
    made: list[int] = []
    newest: Newest[int, object] = Newest(lambda key: made.append(key))
    for number in range(1, KEPT + 10):
        newest.get(0)
        newest.get(number)
    assert made.count(0) == 1
    newest.get(KEPT + 9)
    newest.get(1)
    assert made[-1] == 1
    assert len(made) == KEPT + 11


class Sts:
    """Assumes what it is asked to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        number = len(self.asked)
        ends = datetime.now(UTC) + timedelta(hours=1)
        return {
            "Credentials": {
                "AccessKeyId": f"A{number}",
                "SecretAccessKey": "s",
                "SessionToken": f"t{number}",
                "Expiration": ends,
            }
        }


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Sts:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return Sts()


def test_a_role_is_assumed_in_the_persons_name_and_once(sts: Sts) -> None:
    assumed = Assumed("arn:aws:iam::123456789012:role/fanout-prod.console-operator", "ann@example.org", sts)
    client = assumed.client("sqs")
    assert sts.asked == []
    assert assumed.credentials().access_key == "A1"
    assert "X-Amz-Security-Token=t1" in client.generate_presigned_url("list_queues")
    assert assumed.client("sqs") is client
    [request] = sts.asked
    assert request["RoleSessionName"] == "ann@example.org"
    assert request["RoleArn"].endswith("operator")


def test_each_is_asked_for_by_the_role_of_their_groups(sts: Sts, shop: Shop) -> None:
    """GIVEN people of three roles WHEN their consoles ask AWS THEN each call is by their own role and name, and what
    all see is looked at once, as an observer."""
    consoles = Consoles(SETTINGS, shop.topology, _project(), sts, NOTHING)
    made = {}
    for role in Role:
        access = Access.of_browser("x" * 32, person=f"p{role}@example.org", role=role, host=HOST, typed=True)
        made[role] = consoles(Person(access.person, role), access)
        made[role].operating.client("sqs").generate_presigned_url("list_queues")
        assert made[role].tracing.sources is not None
    assert [(it["RoleArn"].rpartition("-")[2], it["RoleSessionName"]) for it in sts.asked] == [
        (str(role), f"p{role}@example.org") for role in Role
    ]
    assert len({id(it.overview) for it in made.values()}) == 1
    assert {it.ledger is consoles.ledger for it in made.values()} == {True}
    consoles.watching.credentials()
    assert (sts.asked[-1]["RoleArn"], sts.asked[-1]["RoleSessionName"]) == (SETTINGS.observer.role, "console")


def _project() -> Project:
    services, contracts, terraform, build = map(Path, ("services", "contracts", "terraform", "build"))
    return Project(Path(), services=services, contracts=contracts, terraform=terraform, build=build)
