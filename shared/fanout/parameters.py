"""What a worker reads of SSM Parameter Store and Secrets Manager, by the names of its ``worker.yaml``::

    rate = Decimal(parameter("discount"))
    key = secret("stripe")

Values are kept in memory for five minutes, so that a warm environment asks once; what the worker has of parameters is
read in calls of ten. Should AWS not answer, a value serves on for an hour at most, and the log says so. No value is
ever logged, or part of an error.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from fanout import aws
from fanout.errors import DeclarationError, ParameterError

__all__ = ["Values", "forget", "parameter", "secret"]

TTL_S = 300.0
"""How long a value is taken for the present one."""
STALE_S = 3600.0
"""How long beyond that it serves while it cannot be read again."""
RETRY_S = 10.0
"""Between two attempts to read what could not be read."""
BATCH = 10
"""Names a GetParameters call
(https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html)."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    value: str = field(repr=False)
    read_at: float
    retry_at: float = 0.0


class Values:
    """The parameters and secrets of a function, each read when it is first asked for.

    :param client: makes a client of an AWS service by its name.
    :param environment: PARAMETER_X and SECRET_X, as Terraform sets them: the names in AWS.
    :param clock: seconds, never going back.
    """

    def __init__(
        self,
        client: Callable[[Any], Any] = aws.client,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._environment = environment
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._lock = Lock()

    def parameter(self, name: str) -> str:
        """The value of the parameter that ``worker.yaml`` calls so, decrypted.

        :raises DeclarationError: ``worker.yaml`` names no such parameter.
        :raises ParameterError: it does not exist, or cannot be read.
        """
        return self._value("parameter", name, self._read_parameters)

    def secret(self, name: str) -> str:
        """The text of the secret that ``worker.yaml`` calls so.

        :raises DeclarationError: ``worker.yaml`` names no such secret.
        :raises ParameterError: it does not exist, is binary, or cannot be read.
        """
        return self._value("secret", name, self._read_secret)

    def forget(self) -> None:
        """Read everything again: for whom a service refused a value that was rotated."""
        with self._lock:
            self._entries.clear()

    def _value(self, kind: str, name: str, read: Callable[[str], None]) -> str:
        variable = f"{kind}_{name}".upper().replace("-", "_")
        if variable not in self._environment:
            raise DeclarationError(
                f"{kind} {name}: {variable} is not set; name {name} under {kind}s in worker.yaml, and deploy"
            )
        with self._lock:
            entry, now = self._entries.get(variable), self._clock()
            if entry is None or now >= max(entry.read_at + TTL_S, entry.retry_at):
                self._refresh(variable, entry, now, read)
            elif now >= entry.read_at + TTL_S + STALE_S:
                raise ParameterError(f"{variable}: {self._environment[variable]} could not be read for too long")
            return self._entries[variable].value

    def _refresh(self, variable: str, entry: _Entry | None, now: float, read: Callable[[str], None]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            read(variable)
        except (BotoCoreError, ClientError) as error:
            at, why = self._environment[variable], _reason(error)
            if entry is None or now >= entry.read_at + TTL_S + STALE_S:
                raise ParameterError(
                    f"{variable}: {at} cannot be read ({why}); is it there, and may the role read it?"
                ) from error
            entry.retry_at = now + RETRY_S
            age_s = round(now - entry.read_at)
            _log.warning("%s: %s cannot be read (%s); its value of %d s ago serves on", variable, at, why, age_s)

    def _read_parameters(self, variable: str) -> None:
        """The one that is asked for, and as many others of the function as are due and have room in the call."""
        due = [it for it in self._environment if it.startswith("PARAMETER_") and it != variable and self._due(it)]
        variables = [variable, *due][:BATCH]
        names = {self._environment[it] for it in variables}
        answer = self._client("ssm").get_parameters(Names=sorted(names), WithDecryption=True)
        found = {it["Name"]: it["Value"] for it in answer["Parameters"]}
        for it in variables:
            self._keep(it, found.get(self._environment[it]))
        if variable not in self._entries:
            at = self._environment[variable]
            raise ParameterError(f"{variable}: there is no parameter {at}; make it with `aws ssm put-parameter`")

    def _read_secret(self, variable: str) -> None:
        from botocore.exceptions import ClientError

        at = self._environment[variable]
        try:
            answer = self._client("secretsmanager").get_secret_value(SecretId=at)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            self._keep(variable, None)
            fix = "make it with `aws secretsmanager create-secret`"
            raise ParameterError(f"{variable}: there is no secret {at}, or no value in it; {fix}") from error
        self._keep(variable, answer.get("SecretString"))
        if variable not in self._entries:
            raise ParameterError(f"{variable}: the secret {at} is binary; store it as text, Base64 for instance")

    def _due(self, variable: str) -> bool:
        entry = self._entries.get(variable)
        return entry is None or self._clock() >= entry.read_at + TTL_S

    def _keep(self, variable: str, value: str | None) -> None:
        if value is None:  # it is known to be gone: an old value must not serve on
            self._entries.pop(variable, None)
        else:
            self._entries[variable] = _Entry(value, self._clock())


def _reason(error: Exception) -> str:
    """AWS's code, or the class of the network's error: its text might hold what was sent."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


_values = Values()
parameter = _values.parameter
"""``parameter("rate")``: :meth:`Values.parameter` of the function's own environment."""
secret = _values.secret
"""``secret("stripe")``: :meth:`Values.secret` of the function's own environment."""
forget = _values.forget
"""``forget()``: :meth:`Values.forget`, for a value that a service has refused."""
