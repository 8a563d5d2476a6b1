"""A deployed function, invoked for many payloads at once."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from fanout.invoke import Invoked, Kind, Tree, invoke_all, warm_up
from tests.integration.platform import Platform

PHOTOGRAPH = Path("data/grace_hopper.jpg")
SIDES = range(32, 132)


@pytest.mark.parametrize("tree", [Tree(threshold=100), Tree(threshold=25, depth=1)], ids=["direct", "tree"])
def test_a_hundred_images_come_back_resized(platform: Platform, tree: Tree) -> None:
    """GIVEN a hundred images, one of them none WHEN resized by one call THEN ninety-nine are there, in order, and the
    other's failure is the function's."""
    photograph = base64.b64encode(PHOTOGRAPH.read_bytes()).decode()
    payloads = [{"image": photograph if side != 60 else "bm9uZQ==", "longer_side": side} for side in SIDES]
    results = invoke_all(
        platform.names.function("thumbnails"),
        payloads,
        qualifier="live",
        concurrency=2 if tree.depth == 1 else 6,
        timeout_s=120,
        tree=tree,
    )

    assert [_longer_side(result) for result in results] == [None if side == 60 else side for side in SIDES]
    failure = results[60 - SIDES.start].failure
    assert failure is not None
    assert (failure.kind, failure.type) == (Kind.FUNCTION, "Reject")
    assert any("resize_at_once" in line for line in failure.trace)


def test_environments_are_warmed_up(platform: Platform) -> None:
    """GIVEN a function WHEN three environments are warmed up THEN three answer."""
    assert warm_up(platform.names.function("billing"), 3, qualifier="live", hold_s=2) == 3


def _longer_side(result: Invoked) -> int | None:
    if not result.ok:
        return None
    return max(Image.open(io.BytesIO(base64.b64decode(result.value["image"]))).size)
