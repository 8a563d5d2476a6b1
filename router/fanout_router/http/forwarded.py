"""Who the client is: what trusted proxies say, walked from the nearest one outwards.

Each proxy appends the address that it saw. So the last entry is the word of our own peer, which counts if that is a
trusted proxy; the entry before it is the word of the proxy named last, and so on. The first address that is no trusted
proxy is the client, and whatever stands before it is the client's own invention: it is dropped, so that the first
address that an app sees is the client's.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from socket import AF_INET, inet_pton
from typing import Final

__all__ = ["Origin", "TrustedProxies"]

_SCHEMES: Final = {b"http": "http", b"https": "https"}
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]+")
_PORT: Final = re.compile(rb"[0-9]{1,5}")
_PAIR: Final = re.compile(rb'\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*(;|,|$)')
_NODE: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_KNOWN: Final = 4_096
_KEPT: Final = 1_024
_LONGEST_KEPT: Final = 253
"""Bytes of a host whose lines are remembered, those of the longest name (RFC 1035 section 2.3.4): strangers choose it,
and a head may have many KB of it."""
_LONGEST_CHAIN: Final = 64
"""Entries that are looked at; a longer chain is nobody's."""
_NOTHING: Final[Mapping[bytes, bytes]] = {}


class Origin:
    """Where a request came from: ``chain`` has the client's address first and our peer's last."""

    __slots__ = ("chain", "host", "port", "scheme")

    def __init__(self, chain: tuple[str, ...], scheme: str, host: bytes, port: bytes = b"") -> None:
        self.chain = chain
        self.scheme = scheme
        self.host = host
        self.port = port

    def fields(self, version: bytes = b"1.1") -> bytes:
        """The field lines for the app; ``version`` is that of HTTP in which the request came."""
        chain = self.chain
        client = chain[0].encode()
        say = _remembered if len(self.host) <= _LONGEST_KEPT else _behind_client
        behind, behind_node = say(chain[1:], self.scheme, self.host, self.port, version)
        return b"x-forwarded-for: %b%b%b%b" % (client, behind, _node(client), behind_node)


def _behind_client(
    proxies: tuple[str, ...], scheme: str, host: bytes, port: bytes, version: bytes
) -> tuple[bytes, bytes]:
    """What stands behind the client's address in the fields, and behind its node in Forwarded (RFC 7239): the same for
    nearly all requests.
    """
    names = [proxy.encode() for proxy in proxies]
    behind = b"%b\r\nx-forwarded-proto: %b\r\nx-forwarded-host: %b\r\n%bforwarded: for=" % (
        b"".join([b", " + name for name in names]),
        scheme.encode(),
        host,
        b"x-forwarded-port: %b\r\n" % port if port else b"",
    )
    quoted = b';host="%b"' % host if _quotable(host) else b""
    others = b"".join([b", for=" + _node(name) for name in names])
    return behind, b";proto=%b%b%b\r\nvia: %b fanout-router\r\n" % (scheme.encode(), quoted, others, version)


_remembered = lru_cache(_KEPT)(_behind_client)


def _node(address: bytes) -> bytes:
    return b'"[%b]"' % address if b":" in address else address


def _quotable(host: bytes) -> bool:
    return bool(host) and b'"' not in host and b"\\" not in host


class TrustedProxies:
    """The networks whose word on where a request came from is believed."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]
        self._ipv4 = [
            (int(network.netmask), int(network.network_address)) for network in self._networks if network.version == 4
        ]
        """Mask and prefix."""
        self._known: dict[bytes, tuple[str, bool]] = {}
        self._peers: dict[str, bool] = {}

    def trusts(self, address: str) -> bool:
        """Whether an address is that of a trusted proxy."""
        trusted = self._peers.get(address)
        if trusted is None:
            if len(self._peers) >= _KNOWN:
                self._peers.clear()
            trusted = self._peers[address] = bool(self._networks) and self._look_up(address.encode())[1]
        return trusted

    def _look_up(self, node: bytes) -> tuple[str, bool]:
        """A node's address, empty when it is none, and whether it is trusted."""
        if b":" in node:
            return self._remembered(node)
        text = node.decode("latin-1")
        try:
            address = int.from_bytes(inet_pton(AF_INET, text), "big")
        except (OSError, ValueError):  # ValueError: it has a NUL in it
            return "", False
        for mask, prefix in self._ipv4:
            if address & mask == prefix:
                return text, True
        return text, False

    def _remembered(self, node: bytes) -> tuple[str, bool]:
        """The same of a node with a port or of IPv6, which take longer to read."""
        found = self._known.get(node)
        if found is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            address = _address(node)
            trusted = address is not None and any(address in network for network in self._networks)
            found = self._known[node] = str(address or ""), trusted
        return found

    def origin(self, peer: str, scheme: str, host: bytes, claimed: Mapping[bytes, bytes]) -> Origin:
        """Where a request of ``peer`` came from; ``claimed`` are its forwarding fields by lower-case name.

        X-Forwarded-For goes before Forwarded: a load balancer that writes the one passes on what a client says in the
        other.
        """
        if not self.trusts(peer):
            return Origin((peer,), scheme, host)
        given = claimed.get(b"x-forwarded-for")
        elements = _elements(claimed.get(b"forwarded", b"")) if given is None else []
        chain = self._walk(peer, [it.get(b"for", b"") for it in elements] if given is None else _list(given))
        at = max(len(chain) - 1, 1)  # how many entries from the right the client's own is
        said: Mapping[bytes, bytes] = _NOTHING if len(elements) < at else elements[-at]
        said_scheme = _entry(claimed.get(b"x-forwarded-proto", b""), at) or said.get(b"proto", b"")
        said_host = _entry(claimed.get(b"x-forwarded-host", b""), at) or said.get(b"host", b"")
        port = _entry(claimed.get(b"x-forwarded-port", b""), at)
        return Origin(
            chain,
            _SCHEMES.get(said_scheme.lower(), scheme),
            said_host if said_host and _HOST.fullmatch(said_host) else host,
            port if port and _PORT.fullmatch(port) and int(port) <= 65_535 else b"",
        )

    def _walk(self, peer: str, nodes: list[bytes]) -> tuple[str, ...]:
        chain = [peer]
        for node in reversed(nodes[-_LONGEST_CHAIN:]):
            address, trusted = self._look_up(node)
            if not address:
                break
            chain.append(address)
            if not trusted:
                break
        return tuple(reversed(chain))


def _list(value: bytes) -> list[bytes]:
    return [entry.strip() for entry in value.split(b",")] if value else []


def _entry(value: bytes, at: int) -> bytes:
    """The entry at this place from the right; the first where there are fewer."""
    if b"," not in value:
        return value.strip()
    entries = _list(value)
    return entries[-min(at, len(entries))] if entries else b""


def _elements(value: bytes) -> list[dict[bytes, bytes]]:
    """The elements of a Forwarded field (RFC 7239 section 4); none of them when it cannot be read."""
    found: list[dict[bytes, bytes]] = [{}]
    start = 0
    while start < len(value):
        pair = _PAIR.match(value, start)
        if pair is None:
            return []
        quoted = pair[2]
        found[-1][pair[1].lower()] = re.sub(rb"\\(.)", rb"\1", quoted) if quoted is not None else pair[3]
        if pair[4] == b",":
            found.append({})
        start = pair.end()
    return found if value else []


def _address(node: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``; None for another."""
    text = node.decode("latin-1")
    with_port = _NODE.fullmatch(text)
    try:
        address = ipaddress.ip_address((with_port[1] or with_port[2]) if with_port else text)
    except ValueError:
        return None
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address
