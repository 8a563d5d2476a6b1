"""Whose credentials a command runs with, and in which account: what AWS's own tools would take.

boto3 is needed for a profile or a role alone. Its client of STS would take a fifth of a second to be made, for one call
(https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from fanout.errors import FanoutError
from fanout.idempotency.client import Credentials, signed_headers

__all__ = ["IdentityError", "caller", "credentials", "region"]

ATTEMPTS: Final = 3
PAUSE_S: Final = 0.2
TIMEOUT_S: Final = 10
BODY: Final = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"


class IdentityError(FanoutError):
    """AWS does not know the caller, or there is nobody to be known; the text says what to set."""


def credentials() -> Credentials:
    """Those of the environment, of a profile, of a role.

    :raises IdentityError: there are none.
    """
    found = Credentials.found()
    if found is None:
        raise IdentityError("there are no credentials; set AWS_PROFILE, or log in with `aws sso login`")
    return found


def region() -> str:
    """That of the environment or of a profile, as boto3 takes it.

    :raises IdentityError: there is none.
    """
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        import boto3

        found = boto3.session.Session().region_name
    if not found:
        raise IdentityError("no region is said: set AWS_REGION, or region in the profile of AWS_PROFILE")
    return found


def caller(held: Credentials, region: str, *, sleep: Callable[[float], None] = time.sleep) -> str:
    """The caller's ARN, as STS tells it.

    :raises IdentityError: refused, or not answered.
    """
    suffix = ".cn" if region.startswith("cn-") else ""
    url = os.environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com{suffix}"
    for attempt in range(1, ATTEMPTS + 1):
        status, text = _asked(url, held, region)
        if status == 200 and (arn := _of(text, "Arn")):
            return arn
        if status < 500 or attempt == ATTEMPTS:
            break
        sleep(PAUSE_S * attempt)
    said = f"{_of(text, 'Code') or status}: {_of(text, 'Message') or text[:200]}"
    raise IdentityError(f"sts GetCallerIdentity: {said}")


def _asked(url: str, held: Credentials, region: str) -> tuple[int, str]:
    """Status and answer; 599 with the error where nobody answers."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    headers = signed_headers(
        held, service="sts", region=region, host=parts.netloc, headers={"content-type": FORM}, body=BODY
    )
    connection = kind(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/", BODY, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 599, f"{url}: {type(error).__name__}: {error}"
    finally:
        connection.close()


def _of(text: str, element: str) -> str | None:
    """What stands in an element of the answer."""
    found = re.search(f"<{element}>([^<]*)</{element}>", text)
    return found and found[1]
