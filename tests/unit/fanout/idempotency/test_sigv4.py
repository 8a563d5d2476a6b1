"""The signature, held against botocore's."""

import re
from datetime import UTC, datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from fanout.idempotency.client import Credentials, signed_headers

text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(text, text, st.none() | text, st.binary(max_size=300), st.integers(0, 4_000_000_000))
def test_the_signature_is_botocores(access_key: str, secret_key: str, token: str | None, body: bytes, now: int) -> None:
    """GIVEN any credentials, body and time WHEN signed THEN botocore, signing the same headers, comes to the same
    signature."""
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.X"}
    signed = signed_headers(
        Credentials(access_key, secret_key, token),
        service="dynamodb",
        region="eu-central-1",
        host="dynamodb.eu-central-1.amazonaws.com",
        headers=headers,
        body=body,
        now=now,
    )

    request = AWSRequest("POST", "https://dynamodb.eu-central-1.amazonaws.com/", data=body, headers=headers)
    request.context["timestamp"] = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    auth = SigV4Auth(BotoCredentials(access_key, secret_key, token), "dynamodb", "eu-central-1")
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    found = re.search(r"Signature=([0-9a-f]{64})$", signed["authorization"])
    assert found is not None
    assert found[1] == expected
    assert signed["x-amz-date"] == request.context["timestamp"]
