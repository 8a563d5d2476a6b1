"""Three sizes of each photograph, upright, and one event that tells of them."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from contracts.media import ObjectCreated, S3Bucket, S3Object, ThumbnailsCreated
from fanout import Outcome, aws
from fanout.publish import wrap
from fanout.testing import Rig, eventbridge_event
from fanout_tools.declarations import routing
from fanout_tools.declarations.worker import load
from services.thumbnails import handler

pytestmark = pytest.mark.usefixtures("worker_aws")

PHOTOGRAPH = (Path(__file__).parents[2] / "data" / "grace_hopper.jpg").read_bytes()
PIXELS = (512, 600)


def upload(content: bytes, key: str = "people/hopper.jpg") -> ObjectCreated:
    """Put an object into the uploads, as a customer does; answers S3's event of it."""
    aws.client("s3").put_object(Bucket="test-uploads", Key=key, Body=content)
    return created(key)


def created(key: str) -> ObjectCreated:
    return ObjectCreated(bucket=S3Bucket(name="test-uploads"), object=S3Object(key=key))


def thumbnails() -> dict[str, Image.Image]:
    """What is in the media bucket, opened."""
    s3 = aws.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="test-media").get("Contents", [])]
    return {key: Image.open(io.BytesIO(s3.get_object(Bucket="test-media", Key=key)["Body"].read())) for key in keys}


def drawn(kind: str, mode: str = "RGB", size: tuple[int, int] = (400, 200), **arguments: Any) -> bytes:
    """An image of that kind."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 50).convert(mode).save(buffer, kind, **arguments)
    return buffer.getvalue()


def test_a_photograph_has_three_sizes() -> None:
    """GIVEN a real photograph of 512 x 600 WHEN it is uploaded THEN the media bucket has it with the longer side at
    64, 160 and 320 pixels, in its proportions, as JPEG."""
    assert Image.open(io.BytesIO(PHOTOGRAPH)).size == PIXELS
    [delivery] = Rig(handler.worker).deliver(upload(PHOTOGRAPH))

    assert delivery.outcome is Outcome.HANDLED
    made = thumbnails()
    assert {key: image.size for key, image in made.items()} == {
        "thumbnails/people/hopper.jpg/small.jpg": (55, 64),
        "thumbnails/people/hopper.jpg/medium.jpg": (137, 160),
        "thumbnails/people/hopper.jpg/large.jpg": (273, 320),
    }
    assert {image.format for image in made.values()} == {"JPEG"}
    head = aws.client("s3").head_object(Bucket="test-media", Key="thumbnails/people/hopper.jpg/small.jpg")
    assert head["ContentType"] == "image/jpeg"


def test_the_event_tells_what_there_is() -> None:
    """GIVEN a photograph WHEN its sizes are made THEN the event published names each with its true size."""
    rig = Rig(handler.worker)
    rig.deliver(upload(PHOTOGRAPH))

    [envelope] = rig.published
    told = ThumbnailsCreated.from_data(envelope.data)
    assert (told.photograph, told.bucket) == ("people/hopper.jpg", "test-media")
    assert envelope.metadata.subject == "people/hopper.jpg"
    assert {t.key: (t.width, t.height) for t in told.thumbnails} == {k: i.size for k, i in thumbnails().items()}


def test_a_redelivery_makes_the_same_and_tells_the_same(crash: Any) -> None:
    """GIVEN a photograph whose completion was lost WHEN its event comes again THEN the objects are the same three,
    and the event published again has the same id."""
    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    [first] = crash.killed(rig, upload(PHOTOGRAPH))
    before = {key: image.tobytes() for key, image in thumbnails().items()}
    crash.recover()

    assert rig.deliver(first)[0].outcome is Outcome.HANDLED
    assert {key: image.tobytes() for key, image in thumbnails().items()} == before
    assert len({envelope.metadata.event_id for envelope in rig.published}) == 1
    assert len(rig.published) == 2


def test_photographs_that_differ_in_their_ending_keep_apart() -> None:
    """GIVEN cat.jpg and cat.png WHEN both are uploaded THEN each has sizes of its own."""
    Rig(handler.worker).deliver(
        upload(drawn("JPEG", size=(300, 100)), "cat.jpg"), upload(drawn("PNG", size=(100, 300)), "cat.png")
    )

    made = thumbnails()
    assert made["thumbnails/cat.jpg/small.jpg"].size == (64, 21)
    assert made["thumbnails/cat.png/small.jpg"].size == (21, 64)


def test_a_photograph_is_turned_upright() -> None:
    """GIVEN a photograph whose camera was held on its side WHEN its sizes are made THEN they stand upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees
    Rig(handler.worker).deliver(upload(drawn("JPEG", size=(400, 200), exif=exif), "side.jpg"))

    assert thumbnails()["thumbnails/side.jpg/large.jpg"].size == (160, 320)


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "L"), ("JPEG", "CMYK")]
)
def test_any_colours_become_those_of_jpeg(kind: str, mode: str) -> None:
    """GIVEN an image with transparency, a palette or print colours WHEN uploaded THEN its sizes are RGB."""
    [delivery] = Rig(handler.worker).deliver(upload(drawn(kind, mode), "image"))

    assert delivery.outcome is Outcome.HANDLED
    assert {image.mode for image in thumbnails().values()} == {"RGB"}


def test_a_small_image_is_not_blown_up() -> None:
    """GIVEN an image of 100 x 50 WHEN uploaded THEN no size is larger than it is."""
    Rig(handler.worker).deliver(upload(drawn("PNG", size=(100, 50)), "small.png"))

    assert sorted(image.size for image in thumbnails().values()) == [(64, 32), (100, 50), (100, 50)]


@pytest.mark.parametrize(
    "content",
    [b"", b"no image at all", PHOTOGRAPH[:20_000], PHOTOGRAPH[:100], drawn("PNG")[:500]],
    ids=["empty", "text", "half", "head", "half a PNG"],
)
def test_what_is_no_image_is_rejected(content: bytes) -> None:
    """GIVEN an upload that no one can open WHEN its event comes THEN it is rejected by its key, and nothing made."""
    rig = Rig(handler.worker)
    [delivery] = rig.deliver(upload(content, "junk.jpg"))

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause).startswith("junk.jpg: is not an image that can be read: ")
    assert (thumbnails(), rig.published) == ({}, [])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_damaged_image_is_made_or_rejected_but_not_tried_again(kind: str) -> None:
    """GIVEN an image with a damaged part anywhere WHEN its event comes THEN it is handled or rejected: to try again
    would not fix it."""
    whole = drawn(kind, size=(60, 60))
    rig = Rig(handler.worker)
    for position in range(0, len(whole) - 4, max(1, len(whole) // 60)):
        damaged = whole[:position] + b"\xff\x00\x7f\x80" + whole[position + 4 :]
        [delivery] = rig.deliver(upload(damaged, "damaged"))
        assert delivery.outcome in (Outcome.HANDLED, Outcome.REJECTED), (position, delivery.cause)


def test_a_decompression_bomb_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an image of many more pixels than a photograph has WHEN its event comes THEN it is rejected unopened."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    [delivery] = Rig(handler.worker).deliver(upload(drawn("PNG", size=(60, 60)), "bomb.png"))

    assert delivery.outcome is Outcome.REJECTED
    assert "bomb.png: is not an image that can be read" in str(delivery.cause)


def test_a_text_that_unpacks_to_much_is_rejected() -> None:
    """GIVEN a small PNG with a compressed text of many megabytes WHEN its event comes THEN it is rejected."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("comment", "x" * 80_000_000, zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=texts)
    assert len(buffer.getvalue()) < 100_000
    [delivery] = Rig(handler.worker).deliver(upload(buffer.getvalue(), "text.png"))

    assert delivery.outcome is Outcome.REJECTED
    assert "text.png: is not an image that can be read" in str(delivery.cause)


def test_an_image_too_large_for_the_functions_memory_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an image of one pixel more than is read WHEN its event comes THEN it is rejected with the limit, before
    its pixels are read; one of the limit is made."""
    monkeypatch.setattr(handler, "MAX_PIXELS", 3_600)
    over, at = Rig(handler.worker).deliver(
        upload(drawn("PNG", size=(3_601, 1)), "over.png"), upload(drawn("PNG", size=(60, 60)), "at.png")
    )

    assert str(over.cause) == "over.png: has 3601 pixels; at most 3600 are read"
    assert at.outcome is Outcome.HANDLED


def test_a_photograph_that_is_gone_is_rejected() -> None:
    """GIVEN an object deleted before its event came WHEN it comes THEN it is rejected by key and bucket."""
    [delivery] = Rig(handler.worker).deliver(created("gone.jpg"))

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause) == "gone.jpg: is no longer in test-uploads"


def test_the_worker_may_learn_that_an_object_is_gone() -> None:
    """GIVEN S3, which tells that an object is missing only to who may list the bucket, and denies others WHEN the
    worker's permissions are read THEN they have that."""
    manifest = load(Path(handler.__file__).with_name("worker.yaml"))
    [uploads] = [p for p in manifest.permissions if "bucket:uploads" in p.resources]

    assert {"s3:GetObject", "s3:ListBucket"} <= set(uploads.actions)


@pytest.mark.parametrize(
    ("key", "received"),
    [("a.jpg", ["thumbnails"]), ("a.jpeg", ["thumbnails"]), ("b/a.png", ["thumbnails"]), ("a.txt", []), ("jpg", [])],
)
def test_only_photographs_get_here(key: str, received: list[str]) -> None:
    """GIVEN the worker's subscription WHEN objects are created THEN only images reach it, by their ending."""
    manifest = load(Path(handler.__file__).with_name("worker.yaml"))
    event = eventbridge_event(wrap(created(key)))

    assert routing.recipients(event, {"thumbnails": manifest}) == received
