"""Makes three sizes of each uploaded photograph, and of all of an album."""

import base64
import io
from datetime import timedelta
from typing import Any

from PIL import Image, ImageOps

from contracts.media import (
    AlbumPhotograph,
    AlbumReady,
    AlbumUploaded,
    ObjectCreated,
    PhotographAdded,
    Thumbnail,
    ThumbnailsCreated,
)
from fanout import AggregateResult, Context, Reject, Worker
from fanout.aws import client
from fanout.resources import bucket

worker = Worker(__file__)

SIZES = {"small": 64, "medium": 160, "large": 320}
"""The longer side, in pixels."""

ALBUM_DEADLINE = timedelta(minutes=15)

MAX_PIXELS = 50_000_000
"""Of an upload: 150 MB in memory as RGB, of which the function holds up to three at once."""


@worker.handles(ObjectCreated)
def resize(created: ObjectCreated, context: Context) -> None:
    """Write every size beside the others in the media bucket, then tell."""
    key = created.object.key
    thumbnails = _make_thumbnails(created.bucket.name, key)
    context.publish(ThumbnailsCreated(photograph=key, bucket=bucket("media"), thumbnails=thumbnails), subject=key)


@worker.handles(AlbumUploaded)
def split(album: AlbumUploaded, context: Context) -> None:
    """One event for each photograph; gather what becomes of them."""
    photographs = (PhotographAdded(album_id=album.album_id, photograph=key) for key in album.photographs)
    context.scatter(photographs, into=AlbumReady, deadline=ALBUM_DEADLINE)


@worker.handles_part(PhotographAdded)
def resize_one(added: PhotographAdded, _: Context) -> list[dict[str, object]]:
    """As for a single photograph; its thumbnails are the part's result."""
    return [thumbnail.model_dump() for thumbnail in _make_thumbnails(bucket("albums"), added.photograph)]


@worker.gathers(AlbumReady)
def assemble(album: AlbumUploaded, gathered: AggregateResult) -> AlbumReady:
    """In the order of the album, with what failed named."""
    return AlbumReady(
        album_id=album.album_id,
        bucket=bucket("media"),
        photographs=[
            AlbumPhotograph(photograph=album.photographs[part.index], thumbnails=part.result)
            for part in gathered.succeeded
        ],
        failed=[album.photographs[part.index] for part in gathered.failed],
        missing=[album.photographs[index] for index in gathered.missing],
    )


@worker.on_invoke
def resize_at_once(request: dict[str, Any], _: object) -> dict[str, Any]:
    """For callers who wait, and have the image at hand: ``{"image": <base64>, "longer_side": <pixels>}``."""
    longer_side = int(request["longer_side"])
    resized = _open("image", base64.b64decode(request["image"], validate=True))
    resized.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
    return {
        "image": base64.b64encode(_jpeg(resized)).decode("ascii"),
        "width": resized.width,
        "height": resized.height,
    }


def _make_thumbnails(source: str, key: str) -> list[Thumbnail]:
    """Write every size of a photograph into the media bucket.

    :raises Reject: it is not there, or no image.
    """
    s3 = client("s3")
    try:
        original = s3.get_object(Bucket=source, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise Reject(f"{key}: is no longer in {source}") from error
    photograph = _open(key, original)
    thumbnails = []
    for name, longer_side in SIZES.items():
        resized = photograph.copy()
        resized.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
        thumbnail = Thumbnail(key=f"thumbnails/{key}/{name}.jpg", width=resized.width, height=resized.height)
        s3.put_object(Bucket=bucket("media"), Key=thumbnail.key, Body=_jpeg(resized), ContentType="image/jpeg")
        thumbnails.append(thumbnail)
    return thumbnails


def _open(key: str, content: bytes) -> Image.Image:
    """The photograph, upright and in colours that JPEG has.

    :raises Reject: it is no image, or one so large that it must be a decompression bomb.
    """
    try:
        image = Image.open(io.BytesIO(content))
        pixels = image.width * image.height
        if pixels > MAX_PIXELS:
            raise Reject(f"{key}: has {pixels} pixels; at most {MAX_PIXELS} are read")
        return ImageOps.exif_transpose(image).convert("RGB")
    except (MemoryError, Reject):
        raise
    except Exception as error:
        # Pillow's readers raise whatever a forged file makes them: ValueError, SyntaxError, struct.error. The bytes are
        # in memory, and will be the same the next time.
        raise Reject(f"{key}: is not an image that can be read: {error}") from error


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


handler = worker.lambda_handler
