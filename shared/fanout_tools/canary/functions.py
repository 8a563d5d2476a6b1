"""Whether the versions that get a worker's events know canaries, as they say themselves.

They are asked by a keep-warm ping, which every version answers without touching an event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fanout.keep_warm import KEY
from fanout_tools.canary.deployed import Deployed, found
from fanout_tools.declarations.naming import ALIAS

__all__ = ["Answer", "Readiness", "ask"]


class Readiness(StrEnum):
    """How a worker's function answers."""

    KNOWS = "knows canaries"
    UNAWARE = "is of a version that does not know canaries"
    BROKEN = "fails before it handles anything"
    THROTTLED = "is throttled"
    MISSING = "is not there"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function says of itself: the worst of its versions counts."""

    readiness: Readiness
    version: str = ""
    text: str = ""
    """What it raised."""


def ask(deployed: Deployed, worker: str) -> Answer:
    """The answer of all versions that the alias leads to."""
    function = deployed.names.function(worker)
    alias = found(deployed.client("lambda").get_alias, FunctionName=function, Name=ALIAS)
    if alias is None:
        return Answer(Readiness.MISSING, text=f"{function} has no alias {ALIAS}")
    weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    answers = [_ask(deployed.client("lambda"), function, version) for version in (alias["FunctionVersion"], *weights)]
    return next((each for each in answers if each.readiness is not Readiness.KNOWS), answers[0])


def _ask(client: Any, function: str, version: str) -> Answer:
    from botocore.exceptions import ClientError

    try:
        answered = client.invoke(FunctionName=function, Qualifier=version, Payload=json.dumps({KEY: 0}))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "TooManyRequestsException":
            return Answer(Readiness.THROTTLED, version, str(error))
        if code == "ResourceNotFoundException":
            return Answer(Readiness.MISSING, version, str(error))
        raise
    told = json.loads(answered["Payload"].read() or b"null")
    if answered.get("FunctionError"):
        return Answer(Readiness.BROKEN, version, ": ".join(_texts(told)) or str(told))
    knows = isinstance(told, dict) and told.get("canaries") is True
    return Answer(Readiness.KNOWS if knows else Readiness.UNAWARE, version)


def _texts(told: Any) -> Iterator[str]:
    for key in ("errorType", "errorMessage"):
        if isinstance(told, dict) and told.get(key):
            yield str(told[key])
