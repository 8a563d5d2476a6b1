"""Who has signed in, and what the groups allow: the settings that Terraform gives the deployed console."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from fanout.errors import FanoutError
from fanout_tools.console.access import Role

__all__ = ["Granted", "Person", "Settings", "UnknownPersonError", "person_of", "session_name"]

MAX_SESSION_NAME: Final = 64
"""https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""


class UnknownPersonError(FanoutError):
    """Who has signed in is in no group that may see this, or has no name to be known by."""


class Granted(BaseModel):
    """What one of the three roles is here.

    :ivar role: ARN of the IAM role that is assumed for it.
    :ivar groups: the identity provider's, whose members have it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str = Field(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")
    groups: frozenset[str]


class Settings(BaseModel):
    """``FANOUT_CONSOLE`` of the function, as ``terraform/modules/console`` writes it.

    :ivar environment: as commands name the deployment.
    :ivar host: the console's name in DNS.
    :ivar keys: where AWS publishes the load balancers' keys of the region.
    :ivar groups_claim: which claim names the groups.
    :ivar person_claim: which claim names the person, for the journal and CloudTrail.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: str
    host: str = Field(pattern=r"^[a-z0-9.-]+$")
    balancer: str
    keys: str = Field(pattern=r"^https://[^\s]+[^/]$")
    issuer: str
    client: str
    groups_claim: str
    person_claim: str
    observer: Granted
    investigator: Granted
    operator: Granted

    def granted(self, role: Role) -> Granted:
        return {Role.OBSERVER: self.observer, Role.INVESTIGATOR: self.investigator, Role.OPERATOR: self.operator}[role]


@dataclass(frozen=True)
class Person:
    """One who has signed in; ``role`` is the highest that the groups allow."""

    name: str
    role: Role


def person_of(claims: Mapping[str, Any], settings: Settings) -> Person:
    """
    :raises UnknownPersonError: no group of theirs has a role here, or nothing names them.
    """
    name = claims.get(settings.person_claim)
    if not isinstance(name, str) or not name.strip():
        raise UnknownPersonError(f"your identity provider does not say who you are: no claim {settings.person_claim}")
    if settings.person_claim == "email" and str(claims.get("email_verified", True)).lower() == "false":
        raise UnknownPersonError("your identity provider has not verified your address: it may be somebody else's")
    groups = frozenset(_groups(claims.get(settings.groups_claim)))
    roles = [role for role in Role if groups & settings.granted(role).groups]
    if not roles:
        raise UnknownPersonError(f"{name.strip()}: you are in no group that may see this deployment")
    return Person(name.strip(), max(roles))


def _groups(claim: Any) -> Iterable[str]:
    """A list; or a text, as Cognito hands on a SAML attribute of several values: ``[a, b]``, ``a,b`` or JSON."""
    if isinstance(claim, list):
        return (it for it in claim if isinstance(it, str))
    if not isinstance(claim, str):
        return ()
    try:
        read = json.loads(claim)
    except ValueError:
        return (it.strip() for it in claim.strip("[] ").split(","))
    return _groups(read) if isinstance(read, list) else (claim,)


def session_name(person: str) -> str:
    """The person as a session of STS is called: as they are named, where that may be a session's name; else with a
    digest, so that no two people have one name."""
    if re.fullmatch(r"[\w+=,.@-]{2,64}", person, re.ASCII):
        return person
    digest = hashlib.sha256(person.encode()).hexdigest()[:8]
    plain = re.sub(r"[^\w+=,.@-]", "-", person, flags=re.ASCII)
    return f"{plain[: MAX_SESSION_NAME - 9]}-{digest}"
