"""Take dead letters away for good, after they have been kept in the bucket of large events' data for its retention."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from fanout_tools.operate.actions.carrying import Carried, Doubt
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.masking import NOTHING, Masking

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["Drop", "Forget", "as_line"]


def as_line(letter: DeadLetter, masking: Masking = NOTHING) -> str:
    """All of a message, as one line of JSON, so far as it may be shown."""
    return json.dumps(
        {
            "message_id": letter.message_id,
            "kind": letter.kind.value,
            "sent_ms": letter.sent_ms,
            "attributes": dict(letter.attributes),
            "body": masking.body(letter.body),
        }
    )


@dataclass(frozen=True)
class Drop:
    """Keeps a copy under ``operations/<operation>/``: a :class:`~fanout_tools.operate.actions.carrying.Carrier`."""

    s3: S3Client = field(repr=False)
    bucket: str

    def carry(self, operation: str, number: int, letters: Sequence[DeadLetter]) -> Carried:
        """One object for a step, named by its content too: the bucket lets nothing be overwritten."""
        lines = "".join(f"{as_line(letter)}\n" for letter in letters).encode()
        key = f"operations/{operation}/{number:06d}-{sha256(lines).hexdigest()[:16]}.jsonl"
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=lines, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":  # it is there: a step that was cut off
                raise
        return Carried(letters, {})

    def doubt(self, letters: Sequence[DeadLetter]) -> Doubt:
        """A second copy does no harm."""
        return Doubt([], letters, [])


@dataclass(frozen=True)
class Forget:
    """Keeps nothing, as a person whose data they are may ask for: a
    :class:`~fanout_tools.operate.actions.carrying.Carrier`."""

    def carry(self, operation: str, number: int, letters: Sequence[DeadLetter]) -> Carried:
        """All of them are for good where they belong."""
        del operation, number
        return Carried(letters, {})

    def doubt(self, letters: Sequence[DeadLetter]) -> Doubt:
        """To delete one twice does no harm."""
        return Doubt([], letters, [])
