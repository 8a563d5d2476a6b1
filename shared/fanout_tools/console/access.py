"""Who may see and do what."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

__all__ = ["COOKIE", "UNTYPED", "Access", "Role"]

COOKIE = "fanout-console"
UNTYPED = ("local", "dev")
"""Environments whose changes are not confirmed by typing the worker's name."""


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
    person: str = ""
    """Who has signed in; nobody has to where the console is one's own process."""
    more: str = "Start the console with --allow-changes."
    """How one comes to the role of operator."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def of_browser(cls, browser: str, *, person: str, role: Role, host: str, typed: bool) -> Self:
        """Of one person in one browser, the same in every process.

        :param browser: what its cookie holds, which no other site can read or set: forms are told apart by it.
        """
        more = "Ask for a group that has the role operator."
        return cls(role, frozenset({host}), typed, person, more, _session=person, _key=browser.encode())

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
