"""Who the client is: chains of proxies, honest and forged."""

import tracemalloc
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fanout_router.http.forwarded import Origin, TrustedProxies
from tests.unit.fanout_router.http.h2_support import Http2Client
from tests.unit.fanout_router.http.support import FrontRig, head_of

PEER = "10.0.0.5"
PROXIES = TrustedProxies(["10.0.0.0/24", "2001:db8:1::/48"])


def origin(peer: str = PEER, **claimed: str) -> Origin:
    """Where a request came from, with fields by their name in snake case."""
    said = {name.replace("_", "-").encode(): value.encode() for name, value in claimed.items()}
    return PROXIES.origin(peer, "http", b"shop.example", said)


@pytest.mark.parametrize(
    ("value", "chain"),
    [
        ("203.0.113.9", ("203.0.113.9", PEER)),
        ("6.6.6.6, 203.0.113.9", ("203.0.113.9", PEER)),
        ("6.6.6.6, 203.0.113.9, 10.0.0.7", ("203.0.113.9", "10.0.0.7", PEER)),
        ("10.0.0.9, 203.0.113.9", ("203.0.113.9", PEER)),
        ("10.0.0.9, 10.0.0.8", ("10.0.0.9", "10.0.0.8", PEER)),
        ("203.0.113.9:4711", ("203.0.113.9", PEER)),
        ("2001:db8::7", ("2001:db8::7", PEER)),
        ("[2001:db8::7]:443", ("2001:db8::7", PEER)),
        ("[2001:DB8::7]", ("2001:db8::7", PEER)),
        ("203.0.113.9, 2001:db8:1::2", ("203.0.113.9", "2001:db8:1::2", PEER)),
        ("203.0.113.9, ::ffff:10.0.0.7", ("203.0.113.9", "10.0.0.7", PEER)),
        ("203.0.113.9, unknown", (PEER,)),
        ("203.0.113.9, _hidden, 10.0.0.7", ("10.0.0.7", PEER)),
        ("203.0.113.9,", (PEER,)),
        ("", (PEER,)),
        ("<script>", (PEER,)),
        ("1.2.3.4.5:80", (PEER,)),
    ],
)
def test_the_chain_is_walked_from_the_right_over_trusted_proxies(value: str, chain: tuple[str, ...]) -> None:
    assert origin(x_forwarded_for=value).chain == chain


@given(st.from_regex(r"(0?[0-9]{1,3}\.){3}[0-9]{1,3}", fullmatch=True) | st.text("0123456789.:abcx \0[]", max_size=20))
def test_addresses_are_those_that_the_standard_library_takes(text: str) -> None:
    """GIVEN what may be an address WHEN a proxy says it THEN it counts as ipaddress says."""
    assume("," not in text and not (":" in text and ("." in text or "[" in text)))  # those have ports, or map IPv4
    try:
        address = ip_address(text.strip())
    except ValueError:
        assert origin(x_forwarded_for=text).chain == (PEER,)
    else:
        trusted = address in ip_network("10.0.0.0/24") or address in ip_network("2001:db8:1::/48")
        assert origin(x_forwarded_for=f"6.6.6.6, {text}").chain == (("6.6.6.6",) if trusted else ()) + (
            str(address),
            PEER,
        )


def test_a_peer_that_is_no_trusted_proxy_says_nothing() -> None:
    found = origin("203.0.113.1", x_forwarded_for="10.0.0.7", x_forwarded_proto="https", x_forwarded_host="bank")
    assert (found.chain, found.scheme, found.host) == (("203.0.113.1",), "http", b"shop.example")


def test_a_chain_without_end_is_cut() -> None:
    assert len(origin(x_forwarded_for=", ".join(["10.0.0.7"] * 100_000)).chain) == 65


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("https, http", "http"),
        ("gopher", "http"),
        ("javascript:", "http"),
        ("", "http"),
    ],
)
def test_the_scheme_is_one_that_there_is(proto: str, scheme: str) -> None:
    assert origin(x_forwarded_for="203.0.113.9", x_forwarded_proto=proto).scheme == scheme


def test_each_proxy_s_own_scheme_stands_at_its_own_place() -> None:
    found = origin(x_forwarded_for="6.6.6.6, 203.0.113.9, 10.0.0.7", x_forwarded_proto="http, https, http")
    assert found.scheme == "https"


@pytest.mark.parametrize(("port", "known"), [("443", b"443"), ("70000", b""), ("x", b""), ("1, 8443", b"8443")])
def test_the_port_is_one_that_there_is(port: str, known: bytes) -> None:
    assert origin(x_forwarded_for="203.0.113.9", x_forwarded_port=port).port == known


def test_a_host_that_is_none_is_not_believed() -> None:
    assert origin(x_forwarded_host="bank.example").host == b"bank.example"
    assert origin(x_forwarded_host='a"b').host == b"shop.example"


@pytest.mark.parametrize(
    ("value", "chain", "scheme"),
    [
        ("for=203.0.113.9;proto=https", ("203.0.113.9", PEER), "https"),
        ("for=6.6.6.6;proto=http, For=203.0.113.9; Proto=https", ("203.0.113.9", PEER), "https"),
        ('for="[2001:db8::7]:443";proto=https', ("2001:db8::7", PEER), "https"),
        ('for="203.0.113.9:80"', ("203.0.113.9", PEER), "http"),
        ("for=_secret;proto=https", (PEER,), "https"),
        ('for="203.0.113.9', (PEER,), "http"),
    ],
)
def test_forwarded_is_understood_where_it_is_all_there_is(value: str, chain: tuple[str, ...], scheme: str) -> None:
    found = origin(forwarded=value)
    assert (found.chain, found.scheme) == (chain, scheme)


def test_what_a_client_says_in_forwarded_does_not_pass_a_proxy_that_writes_the_other_field() -> None:
    found = origin(x_forwarded_for="203.0.113.9", forwarded="for=6.6.6.6;proto=https;host=bank")
    assert (found.chain, found.scheme, found.host) == (("203.0.113.9", PEER), "http", b"shop.example")


def test_the_app_sees_the_client_first_and_nothing_that_the_client_made_up() -> None:
    rig = FrontRig(trusted=("10.0.0.0/24",))
    rig.client(PEER).get(
        "/", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-Proto: https", "Forwarded: for=6.6.6.6"
    )
    _, fields = head_of(rig.peer())
    assert fields["x-forwarded-for"] == [f"203.0.113.9, {PEER}"]
    assert fields["forwarded"] == [f'for=203.0.113.9;proto=https;host="shop.example", for={PEER}']
    assert fields["x-forwarded-proto"] == ["https"]


def test_the_field_on_several_lines_is_one_chain() -> None:
    rig = FrontRig(trusted=("10.0.0.0/24",))
    rig.client(PEER).get("/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9")
    assert head_of(rig.peer())[1]["x-forwarded-for"] == [f"203.0.113.9, {PEER}"]


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_via_says_by_which_version_a_request_came(version: str) -> None:
    rig = FrontRig()
    if version == "2":
        Http2Client(rig).get("/", ("via", "1.1 cache"))
    else:
        rig.client().send(f"GET / HTTP/{version}\r\nHost: a\r\nVia: 1.1 cache\r\n\r\n".encode())
    assert head_of(rig.peer())[1]["via"] == ["1.1 cache", f"{version} fanout-router"]


def test_hosts_that_strangers_make_up_are_not_kept() -> None:
    """GIVEN hosts of 20 KB, each another WHEN their lines have been made THEN nothing keeps them."""
    tracemalloc.start()
    try:
        for number in range(100):
            assert (
                b"x-forwarded-host: %da" % number
                in Origin(("192.0.2.1",), "http", b"%d" % number + b"a" * 20_000).fields()
            )
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
