"""Photographs: what S3 tells of an upload, and what the shop makes of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fanout.event import Event

__all__ = ["ObjectCreated", "S3Bucket", "S3Object", "Thumbnail", "ThumbnailsCreated"]


class S3Bucket(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str


class S3Object(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    size: Annotated[int, Field(ge=0)] = 0


class ObjectCreated(Event, source="aws.s3", name="Object Created", version=1):
    """S3's own event: an object is there
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html)."""

    bucket: S3Bucket
    object: S3Object


class Thumbnail(BaseModel):
    """One size of a photograph, in pixels."""

    model_config = ConfigDict(frozen=True)

    key: str
    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]


class ThumbnailsCreated(Event, source="shop.media", version=1):
    """All sizes of an uploaded photograph are in S3."""

    photograph: str
    bucket: str
    thumbnails: Annotated[list[Thumbnail], Field(min_length=1)]
