"""AWS Signature Version 4 of a JSON request (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

botocore signs as well, but importing its signer alone costs a cold start more than all of the worker core. The tests
hold this one against it.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Credentials", "signed_headers"]


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    session_token: str | None = None


def signed_headers(
    credentials: Credentials,
    *,
    service: str,
    region: str,
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float | None = None,
) -> dict[str, str]:
    """The headers of a ``POST /`` to the host, with those that sign it.

    :param headers: the request's own, all of which are signed; their names in lower case.
    :param now: seconds since 1970; AWS refuses a request that is 15 minutes off.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "host": host, "x-amz-date": moment}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed
