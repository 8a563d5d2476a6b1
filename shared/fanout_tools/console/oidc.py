"""What an Application Load Balancer says of a person who has signed in, believed only as it is signed.

The header ``x-amzn-oidc-data`` is a JSON Web Token of the load balancer's own: ES256, with a key of AWS's for the
region, and with the load balancer's ARN, the issuer, the client and the end of its validity in its *header*
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html). Its parts are
padded, as those of other tokens are not. Anybody who reaches the function can send such a header, and every load
balancer of AWS signs with these keys: nothing is read of one whose signer is not ours.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException
from typing import Any, Final
from urllib.request import urlopen

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from fanout.errors import FanoutError

__all__ = ["HEADER", "Balancer", "KeysError", "StrangerError", "keys_of"]

HEADER: Final = "x-amzn-oidc-data"
MAX_BYTES: Final = 16_384
"""Of a token: the load balancer's claims are 11 KB at most."""
HALF: Final = 32
"""Bytes of each of the two numbers that an ES256 signature is (RFC 7518, 3.4)."""
KEY_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""It becomes part of a URL."""
KEYS_KEPT: Final = 16
TIMEOUT_S: Final = 3


class StrangerError(FanoutError):
    """Nobody has signed in, or not at our load balancer; the text does not tell which, but to the log."""


class KeysError(FanoutError):
    """AWS's public key of a token could not be had: whether it is true is not known."""


Keys = Callable[[str], EllipticCurvePublicKey]
"""The public key of a key's id; raises KeysError."""


@dataclass(frozen=True)
class Balancer:
    """The load balancer whose word is taken.

    :ivar arn: its own.
    :ivar issuer: of the identity provider that it asks, as its listener names it.
    :ivar client: the client's id with that provider.
    """

    arn: str
    issuer: str
    client: str
    keys: Keys = field(repr=False)
    clock: Callable[[], float] = time.time

    def claims(self, token: str) -> Mapping[str, Any]:
        """What it says of the person.

        :raises StrangerError: it is not its word, or no longer.
        :raises KeysError: its key could not be had.
        """
        if len(token) > MAX_BYTES:
            raise StrangerError(f"over {MAX_BYTES:,} bytes")
        parts = token.split(".")
        if len(parts) != 3:
            raise StrangerError("no token of three parts")
        head, claims = (_json(part) for part in parts[:2])
        self._check(head)
        _verify(self.keys(head["kid"]), parts)
        return claims

    def _check(self, head: Mapping[str, Any]) -> None:
        """Before a key is asked for: what is another's costs no call."""
        wanted = {"alg": "ES256", "signer": self.arn, "iss": self.issuer, "client": self.client}
        for name, value in wanted.items():
            if head.get(name) != value:
                raise StrangerError(f"{name} is {head.get(name)!r}, not {value!r}")
        ends = head.get("exp")
        if isinstance(ends, bool) or not isinstance(ends, int | float) or not ends > self.clock():
            raise StrangerError(f"it was true until {ends!r}")
        if not KEY_ID.fullmatch(str(head.get("kid"))):
            raise StrangerError(f"kid is {head.get('kid')!r}, no id of a key")


def _json(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(part))
    except ValueError as error:
        raise StrangerError(f"a part is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise StrangerError("a part is no JSON object")
    return found


def _decoded(part: str) -> bytes:
    """Padded or not.

    :raises StrangerError: it is no base64url.
    """
    bare = part.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise StrangerError(f"a part is no base64url: {error}") from error


def _verify(key: EllipticCurvePublicKey, parts: list[str]) -> None:
    """Signed is what was sent, padding and all."""
    signature = _decoded(parts[2])
    if len(signature) != 2 * HALF:
        raise StrangerError(f"a signature of {len(signature)} bytes")
    r, s = (int.from_bytes(half) for half in (signature[:HALF], signature[HALF:]))
    try:
        key.verify(encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}".encode(), ECDSA(SHA256()))
    except InvalidSignature as error:
        raise StrangerError("it is not signed by the load balancer") from error


def keys_of(place: str) -> Keys:
    """The keys that AWS publishes under an address, each asked for once: a key does not change, its id does.

    :param place: ``https://public-keys.auth.elb.<region>.amazonaws.com``, without a stroke at its end.
    """

    @lru_cache(maxsize=KEYS_KEPT)
    def found(identity: str) -> EllipticCurvePublicKey:
        url = f"{place}/{identity}"
        try:
            with urlopen(url, timeout=TIMEOUT_S) as answer:
                key = load_pem_public_key(answer.read(4_096))
        except (OSError, HTTPException, ValueError) as error:
            raise KeysError(f"{url}: {error}") from error
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise KeysError(f"{url}: no key of P-256")
        return key

    return found
