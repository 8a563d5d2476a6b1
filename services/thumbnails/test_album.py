"""An album's thumbnails, by the worker core and S3 in memory."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from contracts.media import AlbumReady, AlbumUploaded
from fanout.testing import Rig
from services.thumbnails.handler import ALBUM_DEADLINE, worker

PHOTOGRAPH = (Path(__file__).parents[2] / "data" / "grace_hopper.jpg").read_bytes()
KEYS = ["a/1.jpg", "a/2.jpg", "a/3.jpg"]


@pytest.fixture(autouse=True)
def _s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "BUCKET_ALBUMS": "albums",
        "BUCKET_MEDIA": "media",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="albums")
        s3.create_bucket(Bucket="media")
        for key in KEYS:
            s3.put_object(Bucket="albums", Key=key, Body=PHOTOGRAPH)
        yield


def ready(rig: Rig) -> AlbumReady:
    [told] = [envelope for envelope in rig.published if envelope.name == "AlbumReady"]
    return AlbumReady.from_data(told.data)


def test_an_album_becomes_ready() -> None:
    """GIVEN an album WHEN its photographs have been resized THEN one event tells of all sizes, in the album's order."""
    rig = Rig(worker)
    rig.deliver(AlbumUploaded(album_id="a", photographs=KEYS))
    rig.timers.clear()
    rig.deliver(*reversed(rig.published))
    rig.deliver(*(timer for _, timer in rig.timers))

    told = ready(rig)
    assert [photograph.photograph for photograph in told.photographs] == KEYS
    assert told.failed == told.missing == []
    media = boto3.client("s3")
    for photograph in told.photographs:
        assert [max(t.width, t.height) for t in photograph.thumbnails] == [64, 160, 320]
        for thumbnail in photograph.thumbnails:
            assert media.get_object(Bucket="media", Key=thumbnail.key)["Body"].read(3) == b"\xff\xd8\xff"


def test_what_failed_or_is_missing_is_told() -> None:
    """GIVEN a photograph that is none, and one that nobody resized WHEN the deadline comes THEN both are named."""
    boto3.client("s3").put_object(Bucket="albums", Key=KEYS[0], Body=b"no image")
    now = [1_700_000_000.0]
    rig = Rig(worker, clock=lambda: now[0])
    rig.deliver(AlbumUploaded(album_id="a", photographs=KEYS))
    [(_, timer)] = rig.timers
    rig.deliver(*rig.published[:2])
    now[0] += ALBUM_DEADLINE.total_seconds()
    rig.deliver(timer)

    told = ready(rig)
    assert [photograph.photograph for photograph in told.photographs] == [KEYS[1]]
    assert (told.failed, told.missing) == ([KEYS[0]], [KEYS[2]])
