"""AWS as one person may use it: by a role that is assumed in their name."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.session import get_session

from fanout import aws
from fanout.idempotency.client import Credentials

__all__ = ["Assumed"]

DURATION_S: Final = 3_600
"""The longest that a role may be assumed for by a role
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining)."""


class Assumed:
    """Clients and credentials of a role; it is assumed when they are first used, and again before they end.

    :param role: its ARN.
    :param session: who it is, in the journal and in CloudTrail.
    :param sts: with the credentials of whoever may assume it.
    """

    def __init__(self, role: str, session: str, sts: Any) -> None:
        self._role, self._session, self._sts = role, session, sts
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._botocore = get_session()
        self._held = DeferredRefreshableCredentials(self._assume, "assume-role")
        self._botocore._credentials = self._held  # type: ignore[attr-defined]  # it takes fixed keys alone, by a name

    def _assume(self) -> Mapping[str, str]:
        answer = self._sts.assume_role(
            RoleArn=self._role, RoleSessionName=self._session, DurationSeconds=DURATION_S
        )["Credentials"]  # fmt: skip
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": answer["Expiration"].isoformat(),
        }

    def credentials(self) -> Credentials:
        """Good for ten minutes at least."""
        held = self._held.get_frozen_credentials()
        return Credentials(str(held.access_key), str(held.secret_key), held.token)

    def client(self, service: str) -> Any:
        """The client of a service, made once."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._made(service)
            return self._clients[service]

    def _made(self, service: str) -> Any:
        config = Config(
            connect_timeout=aws.CONNECT_TIMEOUT_S,
            read_timeout=aws.READ_TIMEOUT_S,
            max_pool_connections=aws.POOL_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 4},
            tcp_keepalive=True,
        )
        return self._botocore.create_client(service, config=config)
