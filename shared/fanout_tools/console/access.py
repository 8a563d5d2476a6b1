"""Who may see and do what."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from enum import IntEnum

__all__ = ["COOKIE", "Access", "Role"]

COOKIE = "fanout-console"


class Role(IntEnum):
    """Each may do what those before it may: as the three policies that Terraform makes."""

    OBSERVER = 1
    """Numbers, traces, the journal; no payload."""
    INVESTIGATOR = 2
    """Payloads too: to see a dead letter is to receive it."""
    OPERATOR = 3
    """Changes too."""

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Access:
    """Of one console, for as long as its process runs.

    :ivar role: of whoever has the token.
    :ivar hosts: what a request's ``Host`` may be: another is a name that somebody else's DNS points here.
    :ivar typed: whether a change is confirmed by typing the worker's name.
    :ivar token: in the first URL, from which the browser gets its cookie.
    """

    role: Role
    hosts: frozenset[str]
    typed: bool
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def session(self) -> str:
        """The cookie's value."""
        return self._session

    def admits(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())

    def knows(self, session: str) -> bool:
        return hmac.compare_digest(session.encode(), self._session.encode())

    def form_token(self, path: str) -> str:
        """What a form that is sent to this path has to bring along: another site cannot know it."""
        return hmac.new(self._key, f"{self._session} {path}".encode(), "sha256").hexdigest()

    def is_ours(self, path: str, token: str) -> bool:
        """Whether a form that was sent to the path was made by this console."""
        return hmac.compare_digest(token.encode(), self.form_token(path).encode())
