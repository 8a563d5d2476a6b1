"""Canaries: events that ``fanout canary`` sends to prove that each hop delivers. A worker tells of them in its log, and
does nothing else.

One is known by its source, which is reserved: ``canary.`` and the source whose way it takes. No contract can have such
a source, so that no event is mistaken for a canary, whatever its publisher writes into it. The events of S3 are S3's
own: there a canary is that of an *empty* object with ``fanout-canary/<id>`` in its key, so that a forged one silences
nothing but itself.

Imported only for what may be one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fanout.errors import CanaryError

__all__ = ["MARK", "SOURCE_PREFIX", "canary_in"]

MARK = "fanout-canary"
"""The key of the detail that holds a canary's id; and the folder, in a bucket, of the objects that are canaries."""

SOURCE_PREFIX = "canary."
"""What a canary's source has before the source whose way it takes."""

_ID = "[0-9a-f]+-[0-9]+"
_IN_KEY = re.compile(rf"(?:^|/){MARK}/({_ID})")


def canary_in(event: Mapping[str, Any]) -> CanaryError | None:
    """What there is to say of a message that is a canary; None for any other."""
    source, name, detail = event["source"], event["detail-type"], event["detail"]
    if source.startswith(SOURCE_PREFIX):
        identity = detail.get(MARK)
        if isinstance(identity, str) and re.fullmatch(_ID, identity):
            return CanaryError(identity, f"{source.removeprefix(SOURCE_PREFIX)}/{name}")
        return None
    told = detail.get("object") if source == "aws.s3" else None
    if not isinstance(told, Mapping) or told.get("size") or not isinstance(told.get("key"), str):
        return None
    found = _IN_KEY.search(told["key"])
    return CanaryError(found[1], f"{source}/{name}") if found else None
