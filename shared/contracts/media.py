"""Photographs: what S3 tells of an upload, and what the shop makes of it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from contracts.orders import Identifier
from fanout.events.event import Event

__all__ = [
    "AlbumPhotograph",
    "AlbumReady",
    "AlbumUploaded",
    "ObjectCreated",
    "PhotographAdded",
    "S3Bucket",
    "S3Object",
    "Thumbnail",
    "ThumbnailsCreated",
]

Key = Annotated[str, Field(min_length=1, max_length=1_024)]


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


class ThumbnailsCreated(Event, source="shop.media", version=1, owner="media"):
    """All sizes of an uploaded photograph are in S3."""

    photograph: str
    bucket: str
    thumbnails: Annotated[list[Thumbnail], Field(min_length=1)]


class AlbumUploaded(Event, source="shop.media", version=1, owner="media"):
    """All photographs of an album are in the albums bucket."""

    album_id: Identifier
    photographs: Annotated[list[Key], Field(min_length=1, max_length=500)]


class PhotographAdded(Event, source="shop.media", version=1, owner="media"):
    """A photograph is one of an uploaded album."""

    album_id: Identifier
    photograph: Key


class AlbumPhotograph(BaseModel):
    """A photograph with all its sizes."""

    model_config = ConfigDict(frozen=True)

    photograph: Key
    thumbnails: Annotated[list[Thumbnail], Field(min_length=1)]


class AlbumReady(Event, source="shop.media", version=1, owner="media"):
    """The thumbnails of an album are in S3, but for those of photographs that could not be read."""

    album_id: Identifier
    bucket: str
    photographs: list[AlbumPhotograph]
    failed: list[Key]
    missing: Annotated[list[Key], Field(description="not done by the deadline")]
