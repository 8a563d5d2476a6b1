"""A load balancer that has a key of its own, and signs as AWS's do."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from fanout_tools.console.oidc import Balancer
from fanout_tools.console.people import Granted, Settings

__all__ = ["ARN", "CLIENT", "HOST", "ISSUER", "KEY_ID", "NOW", "SETTINGS", "FakeBalancer", "encoded"]

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/fanout-prod-router/50dc6c495c0c9188"
ISSUER, CLIENT = "https://id.example.org", "console"
KEY_ID = "0a1b2c3d-0000-4000-8000-0123456789ab"
NOW = 1_700_000_000.0
HOST = "console.example.org"


def _granted(role: str, *groups: str) -> Granted:
    return Granted(role=f"arn:aws:iam::123456789012:role/fanout-prod.console-{role}", groups=frozenset(groups))


SETTINGS = Settings(
    environment="prod",
    host=HOST,
    balancer=ARN,
    keys="https://public-keys.auth.elb.eu-central-1.amazonaws.com",
    issuer=ISSUER,
    client=CLIENT,
    groups_claim="groups",
    person_claim="email",
    observer=_granted("observer", "staff"),
    investigator=_granted("investigator", "support"),
    operator=_granted("operator", "on-call"),
)


def encoded(part: Mapping[str, Any] | bytes) -> str:
    """With padding."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).decode()


@dataclass
class FakeBalancer:
    """Signs what it is told; ``trusted`` believes it."""

    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    asked: list[str] = field(default_factory=list)
    """The ids of the keys that were asked for."""

    @property
    def trusted(self) -> Balancer:
        return Balancer(ARN, ISSUER, CLIENT, self._public, clock=lambda: NOW)

    def _public(self, identity: str) -> EllipticCurvePublicKey:
        self.asked.append(identity)
        return self.key.public_key()

    def token(self, claims: Mapping[str, Any], *, head: Mapping[str, Any] | None = None) -> str:
        """
        :param head: what is other than it would be; None leaves it out.
        """
        usual = {
            "typ": "JWT",
            "kid": KEY_ID,
            "alg": "ES256",
            "iss": ISSUER,
            "client": CLIENT,
            "signer": ARN,
            "exp": NOW + 120,
        }
        kept = {name: value for name, value in {**usual, **(head or {})}.items() if value is not None}
        signed = f"{encoded(kept)}.{encoded(claims)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"
