"""What an app is told about where a request came from, and what of it a client can forge."""

import pytest

from tests.unit.fanout_router.http.support import FrontRig, head_of


def fields_of(rig: FrontRig, *sent: str, peer: str = "192.0.2.7") -> dict[str, list[str]]:
    rig.client(peer).get("/", *sent)
    return head_of(rig.peer())[1]


def test_the_app_is_told_what_the_router_sees() -> None:
    fields = fields_of(FrontRig())
    assert fields["x-forwarded-for"] == ["192.0.2.7"]
    assert fields["x-forwarded-proto"] == ["http"]
    assert fields["x-forwarded-host"] == ["shop.example"]
    assert fields["forwarded"] == ['for=192.0.2.7;proto=http;host="shop.example"']
    assert fields["via"] == ["1.1 fanout-router"]
    assert len(fields["x-request-id"]) == 1


def test_an_ipv6_peer_is_quoted_in_forwarded() -> None:
    fields = fields_of(FrontRig(), peer="2001:db8::1")
    assert fields["x-forwarded-for"] == ["2001:db8::1"]
    assert fields["forwarded"][0].startswith('for="[2001:db8::1]"')


FORGED = (
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: bank.example",
    "X-Forwarded-Port: 1",
    "Forwarded: for=10.0.0.1",
    "X-Real-Ip: 10.0.0.1",
)


def test_a_stranger_cannot_forge_where_it_came_from() -> None:
    fields = fields_of(FrontRig(), *FORGED)
    assert fields["x-forwarded-for"] == ["192.0.2.7"]
    assert fields["x-forwarded-proto"] == ["http"]
    assert fields["x-forwarded-host"] == ["shop.example"]
    assert "x-real-ip" not in fields
    assert "x-forwarded-port" not in fields
    assert "10.0.0.1" not in str(fields)


def test_a_trusted_proxy_is_believed_and_added_to() -> None:
    fields = fields_of(FrontRig(trusted=("192.0.2.0/24",)), *FORGED)
    assert fields["x-forwarded-for"] == ["10.0.0.1, 192.0.2.7"]
    assert fields["x-forwarded-proto"] == ["https"]
    assert fields["x-forwarded-host"] == ["bank.example"]
    assert fields["x-forwarded-port"] == ["1"]
    assert fields["forwarded"] == ['for=10.0.0.1;proto=https;host="bank.example", for=192.0.2.7']


def test_two_clients_of_one_connection_reused_are_told_apart_by_host() -> None:
    rig = FrontRig()
    client = rig.client()
    client.get()
    rig.peer().answer()
    client.send(b"GET / HTTP/1.1\r\nHost: other\r\n\r\n")
    assert head_of(rig.peer())[1]["x-forwarded-host"] == ["other"]


@pytest.mark.parametrize(
    "field",
    [
        "Keep-Alive: 5",
        "Proxy-Connection: x",
        "Proxy-Authorization: x",
        "TE: gzip",
        "Trailer: X",
        "Proxy: http://evil",
    ],
)
def test_hop_by_hop_fields_end_here(field: str) -> None:
    assert field.split(":")[0].lower() not in fields_of(FrontRig(), field)


def test_fields_that_connection_names_end_here() -> None:
    fields = fields_of(
        FrontRig(),
        "Connection: X-Private, keep-alive",
        "X-Private: 1",
        "Connection: x-two",
        "X-Two: 2",
        "X: 3",
    )
    assert not fields.keys() & {"connection", "x-private", "x-two"}
    assert fields["x"] == ["3"]


def test_connection_cannot_name_the_length_away() -> None:
    rig = FrontRig()
    rig.client().send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\nhi")
    assert head_of(rig.peer())[1]["content-length"] == ["2"]


def test_a_request_id_is_kept_when_it_is_one() -> None:
    assert fields_of(FrontRig(), "X-Request-Id: abc-1")["x-request-id"] == ["abc-1"]
    forged = fields_of(FrontRig(), 'X-Request-Id: "quoted" and long')["x-request-id"]
    assert len(forged) == 1
    assert "quoted" not in forged[0]


def test_request_ids_differ() -> None:
    rig = FrontRig()
    seen = set()
    client = rig.client()
    for _ in range(50):
        client.get()
        seen.add(head_of(rig.peer())[1]["x-request-id"][0])
        rig.peer().answer()
    assert len(seen) == 50


def test_trace_context_passes_untouched() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    fields = fields_of(FrontRig(), f"traceparent: {trace}", "tracestate: a=b")
    assert (fields["traceparent"], fields["tracestate"]) == ([trace], ["a=b"])


@pytest.mark.parametrize(
    ("behind", "target"),
    [("/x?y=1", "/x?y=1"), ("", "/"), ("?y=1", "/?y=1"), ("?y=/admin/?z", "/?y=/admin/?z"), ("//x", "//x")],
)
def test_an_absolute_target_gives_the_host(behind: str, target: str) -> None:
    rig = FrontRig()
    rig.client().send(f"GET http://real.example{behind} HTTP/1.1\r\nHost: other\r\n\r\n".encode())
    line, fields = head_of(rig.peer())
    assert line == f"GET {target} HTTP/1.1"
    assert fields["host"] == ["real.example"]


def test_options_star_passes() -> None:
    rig = FrontRig()
    rig.client().send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    assert head_of(rig.peer())[0] == "OPTIONS * HTTP/1.1"
