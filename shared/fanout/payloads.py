"""Claim check: data too large for an event's way lie in S3, and the event carries the reference to them.

The publisher deposits them before it sends the event; a worker fetches them before anything else looks at the event
(:mod:`fanout.processing.payloads`).
"""

from __future__ import annotations

import gzip
import os
import re
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from fanout.errors import EventError
from fanout.events.envelope import DataReference, Envelope

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

__all__ = ["ClaimCheck", "Deposit"]

MAX_IDENTITY = 128
"""Characters of a source, of a name and of an event_id in a key, of which S3 takes 1,024 bytes; the hash tells apart
what they do not."""

PEOPLE = "people"
"""Under which prefix those write who are no Lambda function."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """Data that are to be stored, and how they will be referred to."""

    reference: DataReference
    data: bytes


class ClaimCheck:
    """Keeps and gives back the data of events. Safe to share between threads.

    :param s3: makes the client on first use: most events are small.
    :param bucket: its name in AWS.
    :param owner: under which prefix it writes: the role of a function may under the function's name alone. None: that
        of the function that this runs in, ``people`` elsewhere.
    :param clock: seconds since 1970.
    """

    def __init__(
        self,
        s3: Callable[[], S3Client],
        bucket: Callable[[], str],
        *,
        owner: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._s3 = s3
        self._clock = clock
        self._bucket = bucket
        self._owner = owner or os.environ.get("AWS_LAMBDA_FUNCTION_NAME", PEOPLE)

    def deposit(self, envelope: Envelope) -> Deposit:
        """What to store for an event. The key follows from publisher, source, name, event_id, content and the day in
        UTC, so that a repetition finds its object there; and nobody guesses it who does not know the content.

        S3 lets an object expire by the day on which it was made
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html): an event that is published
        anew on another day gets another object, which is kept for as long as the event needs it.
        """
        data = orjson.dumps(envelope.data)
        digest = sha256(data).hexdigest()
        names = (self._owner, envelope.source, envelope.name, envelope.metadata.event_id)
        day = time.strftime("%Y%m%d", time.gmtime(self._clock()))
        key = f"{'/'.join(map(_escaped, names))}-{day}-{digest}.json"
        return Deposit(DataReference(bucket=self._bucket(), key=key, size=len(data), sha256=digest), data)

    def put(self, deposit: Deposit) -> None:
        """Store it, compressed where that makes it smaller, unless it is there: what is stored is never overwritten.

        :raises botocore.exceptions.ClientError: S3 refused.
        :raises botocore.exceptions.BotoCoreError: S3 did not answer.
        """
        from botocore.exceptions import ClientError  # which the client has imported

        packed = gzip.compress(deposit.data, mtime=0)
        smaller = len(packed) < len(deposit.data)
        try:
            self._s3().put_object(
                Bucket=deposit.reference.bucket,
                Key=deposit.reference.key,
                Body=packed if smaller else deposit.data,
                ContentType="application/json",
                IfNoneMatch="*",  # without it the bucket's policy refuses the call
                **({"ContentEncoding": "gzip"} if smaller else {}),  # type: ignore[arg-type]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise

    def fetch(self, reference: DataReference) -> Mapping[str, Any]:
        """The data as they were deposited.

        :raises EventError: they are not there, or are others; no repetition fixes it.
        :raises botocore.exceptions.ClientError: S3 refused.
        :raises botocore.exceptions.BotoCoreError: S3 did not answer.
        """
        from botocore.exceptions import ClientError

        if reference.bucket != self._bucket():  # else an event could make a worker read whatever its role may
            raise EventError(f"detail.metadata.claim: bucket {reference.bucket}: is not {self._bucket()}")
        try:
            answer = self._s3().get_object(Bucket=reference.bucket, Key=reference.key)
        except ClientError as error:
            if not _is_gone(error):
                raise
            raise EventError(f"{_name(reference)}: is not there; has it expired?") from error
        with answer["Body"] as stream:
            if answer["ContentLength"] > reference.size:
                raise EventError(f"{_name(reference)}: has {answer['ContentLength']} bytes, over {reference.size}")
            body = stream.read()
        return _checked(_unpacked(body, answer.get("ContentEncoding"), reference), reference)


def _escaped(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:MAX_IDENTITY]


def _is_gone(error: ClientError) -> bool:
    """Whether S3 says that there is no such object. Who may not list the bucket, as no worker may, is refused for
    want of that permission (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html)."""
    told = error.response["Error"]
    return told["Code"] == "NoSuchKey" or (
        told["Code"] == "AccessDenied" and "s3:ListBucket" in told.get("Message", "")
    )


def _unpacked(body: bytes, encoding: str | None, reference: DataReference) -> bytes:
    if encoding != "gzip":
        return body
    try:
        # No further than the size that was stated, whatever the object would grow to.
        return zlib.decompressobj(wbits=31).decompress(body, reference.size + 1)
    except zlib.error as error:
        raise EventError(f"{_name(reference)}: is not gzip: {error}") from error


def _checked(data: bytes, reference: DataReference) -> Mapping[str, Any]:
    if sha256(data).hexdigest() != reference.sha256:
        raise EventError(f"{_name(reference)}: is not what was published: its SHA-256 differs")
    try:
        decoded = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise EventError(f"{_name(reference)}: is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise EventError(f"{_name(reference)}: must be a mapping")
    return decoded


def _name(reference: DataReference) -> str:
    return f"s3://{reference.bucket}/{reference.key}"
