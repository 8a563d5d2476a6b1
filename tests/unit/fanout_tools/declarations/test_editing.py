"""A number in worker.yaml changes, all else stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from fanout.errors import ManifestError
from fanout_tools.declarations.editing import edited, write

HEAD = "description: It works # for a living\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "function:\n  memory_mb: 256 # enough\n  timeout_s: 5\n",
            "function:\n  memory_mb: 512 # enough\n  timeout_s: 5\n",
        ),
        (
            "function:\n\n  # why\n  timeout_s: 5\nbatch:\n",
            "function:\n  memory_mb: 512\n\n  # why\n  timeout_s: 5\nbatch:\n",
        ),
        ("function: {timeout_s: 5}\n", "function: {memory_mb: 512, timeout_s: 5}\n"),
        ("function: { memory_mb: 128 }\nqueue:\n", "function: { memory_mb: 512 }\nqueue:\n"),
        ("queue:\n  fifo: true\n", "queue:\n  fifo: true\nfunction:\n  memory_mb: 512\n"),
    ],
)
def test_a_number_is_set_wherever_it_stands(before: str, after: str) -> None:
    assert edited(before, "function", "memory_mb", 512) == after


def test_a_file_is_written_with_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "worker.yaml"
    path.write_text(HEAD + "function:\n  memory_mb: 256\n")

    manifest = write(path, {("function", "memory_mb"): 512, ("batch", "size"): 5})

    assert (manifest.function.memory_mb, manifest.batch.size) == (512, 5)
    assert path.read_text() == HEAD + "function:\n  memory_mb: 512\nbatch:\n  size: 5\n"


def test_a_number_that_is_refused_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "worker.yaml"
    path.write_text(HEAD)

    with pytest.raises(ManifestError, match="memory_mb"):
        write(path, {("function", "memory_mb"): 64})
    assert path.read_text() == HEAD
