"""Makes three sizes of each uploaded photograph."""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from contracts.media import ObjectCreated, Thumbnail, ThumbnailsCreated
from fanout import Context, Reject, Worker
from fanout.aws import client
from fanout.resources import bucket

worker = Worker(__file__)

SIZES = {"small": 64, "medium": 160, "large": 320}
"""The longer side, in pixels."""

MAX_PIXELS = 50_000_000
"""Of an upload: 150 MB in memory as RGB, of which the function holds up to three at once."""


@worker.handles(ObjectCreated)
def resize(created: ObjectCreated, context: Context) -> None:
    """Write every size beside the others in the media bucket, then tell."""
    s3 = client("s3")
    key = created.object.key
    try:
        original = s3.get_object(Bucket=created.bucket.name, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise Reject(f"{key}: is no longer in {created.bucket.name}") from error
    photograph = _open(key, original)
    thumbnails = []
    for name, longer_side in SIZES.items():
        resized = photograph.copy()
        resized.thumbnail((longer_side, longer_side), Image.Resampling.LANCZOS)
        thumbnail = Thumbnail(key=f"thumbnails/{key}/{name}.jpg", width=resized.width, height=resized.height)
        s3.put_object(Bucket=bucket("media"), Key=thumbnail.key, Body=_jpeg(resized), ContentType="image/jpeg")
        thumbnails.append(thumbnail)
    context.publish(ThumbnailsCreated(photograph=key, bucket=bucket("media"), thumbnails=thumbnails), subject=key)


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
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise Reject(f"{key}: is not an image that can be read: {error}") from error


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()


handler = worker.lambda_handler
